/** Whether the relationships that metadata declares can be made from the database's foreign keys. */
import { ObjectFault } from "./build-table.ts";
import type { ForeignKeyInfo } from "./catalog.ts";
import { at } from "./decode.ts";
import { isArray, isObject, type Json, type JsonObject } from "./json.ts";
import type { Relationship, RelationshipKind } from "./metadata.ts";
import { type TableName, tableNameAt } from "./names.ts";
import type { BuiltTable } from "./schema-cache.ts";

type Tables = ReadonlyMap<string, BuiltTable>;

/** @throws ObjectFault when the relationship cannot be made */
export function checkRelationship(
  table: BuiltTable,
  tables: Tables,
  kind: RelationshipKind,
  relationship: Relationship,
): void {
  refuseTakenName(table, relationship.name);
  const { using } = relationship;
  if (isObject(using.manual_configuration)) {
    checkManual(table, tables, using.manual_configuration);
    return;
  }
  const key = using.foreign_key_constraint_on;
  if (isObject(key)) checkForeign(table, tables, relationship.name, key);
  else if (kind === "object") checkOwn(table, tables, relationship.name, columnsOf(key));
  else throw fault(table, relationship.name, "no foreign constraint exists on the given column(s)");
}

function refuseTakenName(table: BuiltTable, name: string): void {
  const column = table.columns.find(({ field }) => field === name);
  if (!column) return;
  const custom = column.field === column.info.name ? "" : "custom field name for ";
  throw new ObjectFault(
    `field definition conflicts with ${custom}${table.source.kind.name} column ${JSON.stringify(column.info.name)}`,
  );
}

function fault(table: BuiltTable, relationship: string, cause: string): ObjectFault {
  return new ObjectFault(
    `in table ${JSON.stringify(table.metadata.name.text)}: in relationship ${JSON.stringify(relationship)}: ${cause}`,
  );
}

function columnsOf(value: Json | undefined): string[] {
  if (isArray(value)) return value.map(String);
  return typeof value === "string" ? [value] : [];
}

/** The foreign key stands on this table. */
function checkOwn(
  table: BuiltTable,
  tables: Tables,
  name: string,
  columns: readonly string[],
): void {
  const key = keyOn(table, columns);
  if (!key) throw fault(table, name, "no foreign constraint exists on the given column(s)");
  refuseUntracked(tables, key.foreignTable);
}

/** The foreign key stands on the other table. */
function checkForeign(table: BuiltTable, tables: Tables, name: string, using: JsonObject): void {
  const remoteName = tableNameAt(table.source.kind, at(using.table, "$.args"));
  const remote = tables.get(remoteName.key);
  if (!remote)
    throw fault(
      table,
      name,
      `table ${JSON.stringify(remoteName.text)} does not exist in source: ${table.source.name}`,
    );
  const key = keyOn(remote, columnsOf(using.columns ?? using.column));
  if (key?.foreignTable.key !== table.metadata.name.key)
    throw fault(table, name, "no foreign constraint exists on the given column(s)");
}

function checkManual(table: BuiltTable, tables: Tables, manual: JsonObject): void {
  const remoteName = tableNameAt(table.source.kind, at(manual.remote_table, "$.args"));
  refuseUntracked(tables, remoteName);
  const mapping = isObject(manual.column_mapping) ? manual.column_mapping : {};
  for (const column of Object.keys(mapping))
    if (!table.info.columns.some((known) => known.name === column))
      throw new ObjectFault(`column ${JSON.stringify(column)} does not exist`);
}

function refuseUntracked(tables: Tables, name: TableName): void {
  if (!tables.has(name.key))
    throw new ObjectFault(`table ${JSON.stringify(name.text)} is not tracked`);
}

function keyOn(table: BuiltTable, columns: readonly string[]): ForeignKeyInfo | undefined {
  const wanted = JSON.stringify(columns.toSorted());
  return table.info.foreignKeys.find((key) => JSON.stringify(key.columns.toSorted()) === wanted);
}

/** The relationships of other tables that lead to this one. */
export function relationshipsTo(
  tables: Tables,
  name: TableName,
): { table: BuiltTable; relationship: string }[] {
  return [...tables.values()]
    .filter((table) => table.metadata.name.key !== name.key)
    .flatMap((table) =>
      Object.values(table.metadata.relationships)
        .flat()
        .filter((relationship) => remoteOf(table, relationship)?.key === name.key)
        .map((relationship) => ({ table, relationship: relationship.name })),
    );
}

function remoteOf(table: BuiltTable, { using }: Relationship): TableName | undefined {
  const { manual_configuration: manual, foreign_key_constraint_on: key } = using;
  const named = isObject(manual) ? manual.remote_table : isObject(key) ? key.table : undefined;
  if (named !== undefined) return tableNameAt(table.source.kind, at(named, "$.args"));
  return keyOn(table, columnsOf(key))?.foreignTable;
}
