import { createContextCache } from "@pothos/core";
import { type PortSpec, portSpecSchema, type SourcePort } from "../domain/output-port.ts";
import type { Revision, Source } from "../inventory/generated/client.ts";
import { resolvedSchema } from "../inventory/revisions.ts";
import { builder } from "./builder.ts";
import type { GraphqlContext } from "./context.ts";

/** What of a port's revision its own fields show. */
export type RevisionWithSource = Revision & { source: Source | null };

interface PortRow {
  readonly id: string;
  readonly appliedRevision: number | null;
  readonly acceptedRevision: number | null;
}

const loaded = createContextCache(
  (_ctx: GraphqlContext) => new WeakMap<PortRow, Promise<RevisionWithSource | null>>(),
);

/**
 * The revision that Hasura holds, or else the one that is asked for; null for a port that is gone. Read once a row;
 * Prisma makes one query of all the rows' reads.
 */
export function currentRevision(
  ctx: GraphqlContext,
  port: PortRow,
): Promise<RevisionWithSource | null> {
  const cache = loaded(ctx);
  const known = cache.get(port);
  if (known !== undefined) return known;
  const number = port.appliedRevision ?? port.acceptedRevision;
  const reading =
    number === null
      ? Promise.resolve(null)
      : ctx.operations.db.revision
          .findUnique({
            where: { portId_number: { portId: port.id, number } },
            include: { source: true },
          })
          .then((row) => row);
  cache.set(port, reading);
  return reading;
}

export function specOf(revision: Pick<Revision, "spec">): PortSpec {
  return portSpecSchema.parse(revision.spec);
}

/** Names of the root fields that the port asks Hasura for. */
export function rootFieldsOf(spec: PortSpec): string[] {
  const { select, selectByPk, selectAggregate } = spec.names;
  return [select, selectByPk, selectAggregate];
}

/** Names of the exposed columns; null stands for every column of the table. */
export function columnsOf({
  spec,
  resolved,
}: Pick<Revision, "spec" | "resolved">): string[] | null {
  if (resolved === null) return specOf({ spec }).columns?.map((column) => column.name) ?? null;
  const { columns } = resolvedSchema.parse(resolved);
  return columns === "*" ? null : columns;
}

const PortNamesType = builder.objectRef<PortSpec["names"]>("PortNames").implement({
  description: "The GraphQL names that a descriptor asks for.",
  fields: (t) => ({
    customTableName: t.exposeString("customTableName", { description: "Name of the type." }),
    select: t.exposeString("select", { description: "Root field that lists rows." }),
    selectByPk: t.exposeString("selectByPk", { description: "Root field for a row by its key." }),
    selectAggregate: t.exposeString("selectAggregate", {
      description: "Root field for aggregates.",
    }),
    selectStream: t.exposeString("selectStream", {
      nullable: true,
      description: "Root field for a stream: held in reserve, not served.",
    }),
  }),
});

const SourcePortType = builder.objectRef<SourcePort>("SourcePort").implement({
  description: "The source output port: what a port's data comes from, as its descriptor says.",
  fields: (t) => ({
    componentId: t.exposeID("componentId", { description: "URN of that component." }),
    kind: t.exposeString("kind", { description: "What holds the data, e.g. `snowflake`." }),
    database: t.exposeString("database", { description: "The database." }),
    schema: t.exposeString("schema", { description: "The schema." }),
    relation: t.exposeString("relation", { description: "The view or table." }),
  }),
});

const RevisionNode = builder.prismaNode("Revision", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  description: "What a port was asked to be, numbered. Never changes once Hasura held it.",
  fields: (t) => ({
    number: t.exposeInt("number", { description: "Counts up from 1 for each port." }),
    acceptedAt: t.expose("acceptedAt", { type: "DateTime", description: "When it was asked for." }),
    appliedAt: t.expose("appliedAt", {
      type: "DateTime",
      nullable: true,
      description: "When Hasura first held it; null when it never did.",
    }),
    descriptor: t.exposeString("descriptor", { description: "The descriptor as it was sent." }),
    outputPort: t.relation("port", { description: "The port it is a revision of." }),
    source: t.relation("source", {
      nullable: true,
      description: "Hasura's connection; null before it was carried out.",
    }),
  }),
});

builder.prismaObjectFields(RevisionNode, (t) => ({
  names: t.field({
    type: PortNamesType,
    select: { spec: true },
    description: "The GraphQL names it asks for.",
    resolve: (revision) => specOf(revision).names,
  }),
  sourcePort: t.field({
    type: SourcePortType,
    select: { spec: true },
    description: "Where its data is, as the descriptor says.",
    resolve: (revision) => specOf(revision).source,
  }),
  table: t.stringList({
    nullable: true,
    select: { resolved: true },
    description: "The table's path as the source spells it; null before it was carried out.",
    resolve: ({ resolved }) => (resolved === null ? null : resolvedSchema.parse(resolved).path),
  }),
  columns: t.stringList({
    nullable: true,
    select: { spec: true, resolved: true },
    description: "The exposed columns; null stands for every column of the table.",
    resolve: columnsOf,
  }),
}));

export const RevisionConnection = builder.connectionObject(
  { type: RevisionNode, name: "RevisionConnection", description: "A page of revisions." },
  { name: "RevisionEdge", description: "A revision on a page." },
);
