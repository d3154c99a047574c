/** Kinds of sources, names of tables as each kind writes them, and what GraphQL accepts as a name. */
import { type At, at, keyPath, listAt, objectAt, parseFailed, textAt } from "./decode.ts";
import { isArray, type Json } from "./json.ts";

export interface Kind {
  /** As metadata and messages write it: `postgres`, `snowflake`. */
  readonly name: string;
  readonly family: "postgres" | "data-connector" | "other";
}

export const POSTGRES: Kind = { name: "postgres", family: "postgres" };

const BUILT_IN: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["pg", POSTGRES],
  ["postgres", POSTGRES],
  ...["citus", "cockroach", "mssql", "bigquery"].map((name): [string, Kind] => [
    name,
    { name, family: "other" },
  ]),
]);

const GRAPHQL_NAME = /^[_A-Za-z][_0-9A-Za-z]*$/;

export function isGraphqlName(text: string): boolean {
  return GRAPHQL_NAME.test(text);
}

/** The kind that a prefix or a source's `kind` stands for: any GraphQL name that is not built in is a data connector. */
export function kindOf(text: string): Kind | undefined {
  const builtIn = BUILT_IN.get(text);
  if (builtIn) return builtIn;
  return isGraphqlName(text) ? { name: text, family: "data-connector" } : undefined;
}

export interface TableName {
  /** As export_metadata writes it. */
  readonly json: Json;
  /** Equal for equal names of one kind. */
  readonly key: string;
  /** As messages write it: the default schema is left out. */
  readonly text: string;
  /** `[schema, name]`, or what the data connector's agent takes. */
  readonly parts: readonly string[];
}

/** The field that stands beside `name`, and the one that is left out of messages. */
function qualifierOf(kind: Kind): { field: string; standard: string | undefined } {
  if (kind.name === "bigquery") return { field: "dataset", standard: undefined };
  return { field: "schema", standard: kind.name === "mssql" ? "dbo" : "public" };
}

export function tableNameOf(kind: Kind, parts: readonly string[]): TableName {
  const key = JSON.stringify(parts);
  if (kind.family === "data-connector") return { json: parts, key, text: parts.join("."), parts };
  const { field, standard } = qualifierOf(kind);
  const [schema = "", name = ""] = parts;
  const text = schema === standard ? name : `${schema}.${name}`;
  return { json: { [field]: schema, name }, key, text, parts };
}

/** @throws HasuraError parse-failed when it is not a table's name of that kind */
export function tableNameAt(kind: Kind, where: At): TableName {
  const { value, path } = where;
  if (kind.family === "data-connector") {
    if (typeof value === "string") return tableNameOf(kind, [value]);
    if (!isArray(value) || value.length === 0)
      throw parseFailed(path, "expected a table name: a string or a non-empty array of strings");
    return tableNameOf(kind, listAt(where, textAt));
  }
  const { field, standard } = qualifierOf(kind);
  if (typeof value === "string" && standard !== undefined)
    return tableNameOf(kind, [standard, value]);
  const object = objectAt(where, "QualifiedTable");
  if (object.name === undefined) throw parseFailed(path, 'key "name" not found');
  const name = textAt(at(object.name, keyPath(path, "name")));
  const schema = textAt(at(object[field] ?? standard, keyPath(path, field)));
  return tableNameOf(kind, [schema, name]);
}

/** The base of the GraphQL names that a table gets unless it is customised; it may not be a GraphQL name. */
export function defaultBaseName(kind: Kind, table: TableName): string {
  if (kind.family === "data-connector") return table.parts.join("_");
  const [schema = "", name = ""] = table.parts;
  return schema === qualifierOf(kind).standard ? name : `${schema}_${name}`;
}
