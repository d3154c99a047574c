/**
 * What an output port is, as data. Read from a descriptor by `descriptor.ts`, kept as a revision's
 * `spec`, turned into Hasura metadata by `hasura/desired.ts`.
 */
import { z } from "zod";

/** A column of the data contract, as the descriptor names it. */
const contractColumnSchema = z.object({
  name: z.string(),
  dataType: z.string().nullable(),
  constraint: z.string().nullable(),
});
export type ContractColumn = z.infer<typeof contractColumnSchema>;

/** The GraphQL names a descriptor asks for. `selectStream` is held in reserve: Hasura has no streams outside PostgreSQL. */
const portNamesSchema = z.object({
  customTableName: z.string(),
  select: z.string(),
  selectByPk: z.string(),
  selectAggregate: z.string(),
  selectStream: z.string().nullable(),
});
export type PortNames = z.infer<typeof portNamesSchema>;

/** Where the data is, as the source output port says it; identifiers not yet checked against the source. */
export const sourcePortSchema = z.object({
  componentId: z.string(),
  kind: z.enum(["snowflake"]),
  database: z.string(),
  schema: z.string(),
  relation: z.string(),
});
export type SourcePort = z.infer<typeof sourcePortSchema>;

export const portSpecSchema = z.object({
  componentId: z.string(),
  environment: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  dataProduct: z.object({
    id: z.string(),
    name: z.string(),
    domain: z.string(),
    /** First segment of the data product's version. */
    major: z.string(),
  }),
  names: portNamesSchema,
  source: sourcePortSchema,
  /** `null` when the descriptor carries no contract: then every column is exposed. */
  columns: z.array(contractColumnSchema).nullable(),
});

/** The parsed facts of one request; equal facts mean an unchanged port. */
export type PortSpec = z.infer<typeof portSpecSchema>;
