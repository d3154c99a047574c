/** What Hasura lists as inconsistent, read as far as it concerns sources, tables, permissions and roles. */
import { z } from "zod";
import { tableKey } from "./metadata-index.ts";

/** A record of `get_inconsistent_metadata`, or of a refusal's `internal` (hasura/graphql-engine, Objects.hs). */
const recordSchema = z.looseObject({
  type: z.string().optional(),
  name: z.string().optional(),
  reason: z.string().optional(),
  definition: z.unknown().optional(),
});

const definitionSchema = z.looseObject({
  source: z.string().optional(),
  table: z.unknown().optional(),
  role: z.string().optional(),
});

export interface InconsistentObject {
  /** `source`, `table`, `select_permission`, `inherited_role`, …; `""` when it is not said. */
  readonly type: string;
  /** As Hasura tells it, e.g. `table A.B.C in source s`. */
  readonly name: string;
  readonly reason: string;
  readonly source: string | undefined;
  readonly tableKey: string | undefined;
  readonly role: string | undefined;
}

/** @param records a list of records, or of lists of them; anything else in it is passed over */
export function readInconsistencies(records: unknown): InconsistentObject[] {
  if (!Array.isArray(records)) return [];
  return records.flatMap((record) => {
    if (Array.isArray(record)) return readInconsistencies(record);
    const read = recordSchema.safeParse(record);
    return read.success ? [inconsistentObject(read.data)] : [];
  });
}

function inconsistentObject(record: z.infer<typeof recordSchema>): InconsistentObject {
  const { type = "", name = "", reason = "" } = record;
  const said = { type, name, reason, source: undefined, tableKey: undefined, role: undefined };
  if (type === "source") return { ...said, source: sourceIn(record.definition, name) };
  if (type === "table")
    return { ...said, source: nameAfter(name), tableKey: tableKey(record.definition) };
  const definition = definitionSchema.safeParse(record.definition);
  if (!definition.success) return said;
  const { source, table, role } = definition.data;
  return { ...said, source, tableKey: table === undefined ? undefined : tableKey(table), role };
}

function sourceIn(definition: unknown, name: string): string | undefined {
  return typeof definition === "string" ? definition : /^source (.+)$/s.exec(name)?.[1];
}

/** A table's record says its source in its name alone. */
function nameAfter(name: string): string | undefined {
  return / in source (.+)$/s.exec(name)?.[1];
}

/** Why a source is inconsistent; undefined when it is not. */
export function brokenSource(
  objects: readonly InconsistentObject[],
  source: string,
): string | undefined {
  return objects.find((object) => object.type === "source" && object.source === source)?.reason;
}

/** Whether Hasura can do nothing with a table: it or its source is inconsistent. */
export function isBrokenTable(
  objects: readonly InconsistentObject[],
  source: string,
  key: string,
): boolean {
  return objects.some(
    (object) =>
      object.source === source &&
      (object.type === "source" || (object.type === "table" && object.tableKey === key)),
  );
}
