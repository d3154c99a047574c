/** The GraphQL scalar that a column's PostgreSQL type becomes, by kind of source. */
import type { ColumnInfo } from "./catalog.ts";
import type { Kind } from "./names.ts";

const POSTGRES_SCALARS: ReadonlyMap<string, string> = new Map([
  ["int4", "Int"],
  ["int8", "bigint"],
  ["int2", "smallint"],
  ["bool", "Boolean"],
  ["text", "String"],
  ["varchar", "String"],
  ["float4", "Float"],
]);

const SNOWFLAKE_SCALARS: ReadonlyMap<string, string> = new Map([
  ["int2", "Int"],
  ["int4", "Int"],
  ["int8", "Number"],
  ["numeric", "Number"],
  ["float4", "Float"],
  ["float8", "Float"],
  ["bool", "Boolean"],
  ["text", "String"],
  ["varchar", "String"],
  ["bpchar", "String"],
  ["date", "Date"],
  ["time", "Time"],
  ["timetz", "Time"],
  ["timestamp", "Timestamp"],
  ["timestamptz", "TimestampTz"],
  ["json", "Variant"],
  ["jsonb", "Variant"],
  ["bytea", "Binary"],
]);

export function scalarOf(kind: Kind, column: ColumnInfo): string {
  if (kind.family === "data-connector") return SNOWFLAKE_SCALARS.get(column.type) ?? "String";
  return POSTGRES_SCALARS.get(column.type) ?? column.type;
}

const NUMERIC = new Set(["int2", "int4", "int8", "numeric", "float4", "float8", "money"]);

export function isNumeric({ type }: ColumnInfo): boolean {
  return NUMERIC.has(type);
}

/** Types that have no order, and so no minimum and maximum. */
const UNORDERED = new Set(["bool", "json", "jsonb", "bytea", "uuid", "xml"]);

export function isOrdered({ type }: ColumnInfo): boolean {
  return !UNORDERED.has(type);
}

export function isText({ type }: ColumnInfo): boolean {
  return ["text", "varchar", "bpchar", "citext", "name"].includes(type);
}
