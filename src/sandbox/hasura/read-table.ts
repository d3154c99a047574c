/** Reads what metadata and commands say of one table: configuration, permissions, relationships. */
import {
  type At,
  at,
  booleanAt,
  isAbsent,
  keyPath,
  listAt,
  member,
  nonEmptyTextAt,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "./decode.ts";
import { isObject, type Json, type JsonObject, withoutKeys, withoutNulls } from "./json.ts";
import {
  type NamedWithComment,
  OPERATIONS,
  type Operation,
  type Permission,
  type Relationship,
  type TableConfiguration,
  type TableMetadata,
} from "./metadata.ts";
import { isGraphqlName, type Kind, tableNameAt } from "./names.ts";

const TABLE_KEYS: ReadonlySet<string> = new Set([
  "table",
  "is_enum",
  "configuration",
  "object_relationships",
  "array_relationships",
  ...OPERATIONS.map((operation) => `${operation}_permissions`),
  "apollo_federation_config",
]);

/** @throws HasuraError parse-failed */
export function readTable(kind: Kind, where: At): TableMetadata {
  const object = objectAt(where, "TableMetadata");
  const list = <T>(key: string, each: (item: At) => T): T[] =>
    optional(member(object, where.path, key), [], (items) => listAt(items, each));
  const permissions = (operation: Operation): Permission[] =>
    list(`${operation}_permissions`, (item) => readPermissionEntry(operation, item));
  return {
    name: tableNameAt(kind, required(object, where.path, "table")),
    isEnum: optional(member(object, where.path, "is_enum"), false, booleanAt),
    configuration: optional(
      member(object, where.path, "configuration"),
      undefined,
      readTableConfiguration,
    ),
    relationships: {
      object: list("object_relationships", readRelationship),
      array: list("array_relationships", readRelationship),
    },
    permissions: {
      insert: permissions("insert"),
      select: permissions("select"),
      update: permissions("update"),
      delete: permissions("delete"),
    },
    apolloFederation: object.apollo_federation_config ?? undefined,
    others: withoutEmptyLists(withoutKeys(object, TABLE_KEYS)),
  };
}

/** Export leaves out lists without an entry. */
function withoutEmptyLists(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => !(Array.isArray(value) && value.length === 0)),
  );
}

function readPermissionEntry(operation: Operation, where: At): Permission {
  const object = objectAt(where, "PermDef");
  return {
    role: nonEmptyTextAt(required(object, where.path, "role")),
    definition: readPermission(operation, required(object, where.path, "permission")),
    comment: readComment(object, where.path),
  };
}

/** `null` and absent are the same. */
export function readComment(object: JsonObject, path: string): string | undefined {
  return optional(member(object, path, "comment"), undefined, (where) => textAt(where));
}

const SELECT_KEYS: ReadonlySet<string> = new Set([
  "columns",
  "computed_fields",
  "filter",
  "limit",
  "allow_aggregations",
  "query_root_fields",
  "subscription_root_fields",
]);

/** @throws HasuraError parse-failed */
export function readPermission(operation: Operation, where: At): JsonObject {
  if (operation === "select") return readSelectPermission(where);
  const object = objectAt(where, `${operation} permission`);
  if (operation === "insert") required(object, where.path, "check");
  else required(object, where.path, "filter");
  return withoutNulls(object);
}

function readSelectPermission(where: At): JsonObject {
  const object = objectAt(where, "SelPerm");
  const { path } = where;
  const columns = readColumns(required(object, path, "columns"));
  const filter = objectAt(required(object, path, "filter"), "Object");
  const computed = optional(member(object, path, "computed_fields"), [], (list) =>
    listAt(list, (item) => textAt(item)),
  );
  const aggregations = optional(member(object, path, "allow_aggregations"), false, booleanAt);
  return {
    columns,
    ...(computed.length > 0 ? { computed_fields: computed } : {}),
    filter,
    ...withoutNulls({ limit: object.limit }),
    ...(aggregations ? { allow_aggregations: true } : {}),
    ...readAllowedFields(object, path, "query_root_fields", QUERY_FIELDS),
    ...readAllowedFields(object, path, "subscription_root_fields", SUBSCRIPTION_FIELDS),
    ...withoutNulls(withoutKeys(object, SELECT_KEYS)),
  };
}

/** What create_select_permission takes: keys it does not know are ignored. */
export function readOwnSelectPermission(where: At): JsonObject {
  const read = readSelectPermission(where);
  return Object.fromEntries(Object.entries(read).filter(([key]) => SELECT_KEYS.has(key)));
}

function readColumns(where: At): Json {
  if (where.value === "*") return "*";
  return listAt(where, (item) => textAt(item));
}

const QUERY_FIELDS = ["select", "select_by_pk", "select_aggregate"];
const SUBSCRIPTION_FIELDS = [...QUERY_FIELDS, "select_stream"];

function readAllowedFields(
  object: JsonObject,
  path: string,
  key: string,
  allowed: readonly string[],
): JsonObject {
  const where = member(object, path, key);
  if (isAbsent(where)) return {};
  const fields = listAt(where, (item) => {
    const field = textAt(item);
    if (allowed.includes(field)) return field;
    throw parseFailed(item.path, `expected one of ${allowed.join(", ")}, but got ${field}`);
  });
  return { [key]: [...new Set(fields)] };
}

/** @throws HasuraError parse-failed */
export function readRelationship(where: At): Relationship {
  const object = objectAt(where, "RelDef");
  return {
    name: nonEmptyTextAt(required(object, where.path, "name")),
    using: objectAt(required(object, where.path, "using"), "RelUsing"),
    comment: readComment(object, where.path),
  };
}

const CONFIGURATION_KEYS: ReadonlySet<string> = new Set([
  "custom_name",
  "custom_root_fields",
  "column_config",
  "custom_column_names",
  "comment",
]);

/**
 * @returns `undefined` for a configuration that says nothing
 * @throws HasuraError parse-failed
 */
export function readTableConfiguration(where: At): TableConfiguration | undefined {
  const object = objectAt(where, "TableConfig");
  const configuration: TableConfiguration = {
    customName: optional(member(object, where.path, "custom_name"), undefined, graphqlNameAt),
    rootFields: optional(
      member(object, where.path, "custom_root_fields"),
      {},
      readCustomRootFields,
    ),
    columns: readColumnNames(object, where.path),
    comment: readComment(object, where.path),
    others: withoutNulls(withoutKeys(object, CONFIGURATION_KEYS)),
  };
  const empty =
    configuration.customName === undefined &&
    configuration.comment === undefined &&
    [configuration.rootFields, configuration.columns, configuration.others].every(
      (part) => Object.keys(part).length === 0,
    );
  return empty ? undefined : configuration;
}

function graphqlNameAt(where: At): string {
  const text = textAt(where);
  if (!isGraphqlName(text)) throw parseFailed(where.path, `${text} is not valid GraphQL name`);
  return text;
}

/** A name that is no GraphQL name is ignored when it is a plain string, and refused in the object form. */
function readCustomRootFields(where: At): Record<string, NamedWithComment> {
  const object = objectAt(where, "TableCustomRootFields");
  const fields: Record<string, NamedWithComment> = {};
  for (const [operation, value] of Object.entries(object)) {
    const place = at(value, keyPath(where.path, operation));
    if (isAbsent(place)) continue;
    if (isObject(value)) {
      const name = optional(member(value, place.path, "name"), undefined, graphqlNameAt);
      const comment = readComment(value, place.path);
      if (name !== undefined || comment !== undefined) fields[operation] = { name, comment };
    } else {
      const name = textAt(place);
      if (isGraphqlName(name)) fields[operation] = { name, comment: undefined };
    }
  }
  refuseDuplicates(fields, where.path);
  return fields;
}

function refuseDuplicates(fields: Record<string, NamedWithComment>, path: string): void {
  const names = Object.values(fields).flatMap(({ name }) => (name === undefined ? [] : [name]));
  const duplicated = names.filter((name) => names.filter((other) => other === name).length > 1);
  if (duplicated.length === 0) return;
  const quoted = duplicated.map((name) => JSON.stringify(name));
  const list =
    quoted.length === 2
      ? quoted.join(" and ")
      : `${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1) ?? ""}`;
  throw parseFailed(path, `the following custom root field names are duplicated: ${list}`);
}

/** `column_config`, with the deprecated `custom_column_names` for columns that it says nothing of. */
function readColumnNames(object: JsonObject, path: string): Record<string, NamedWithComment> {
  const columns: Record<string, NamedWithComment> = {};
  const old = member(object, path, "custom_column_names");
  if (!isAbsent(old))
    for (const [column, value] of Object.entries(objectAt(old, "CustomColumnNames")))
      columns[column] = {
        name: graphqlNameAt(at(value, keyPath(old.path, column))),
        comment: undefined,
      };
  const config = member(object, path, "column_config");
  if (isAbsent(config)) return columns;
  for (const [column, value] of Object.entries(objectAt(config, "ColumnConfig"))) {
    const place = at(value, keyPath(config.path, column));
    const entry = objectAt(place, "ColumnConfig");
    const name = optional(member(entry, place.path, "custom_name"), undefined, graphqlNameAt);
    const comment = readComment(entry, place.path);
    const named = { name: name ?? columns[column]?.name, comment };
    if (named.name !== undefined || named.comment !== undefined) columns[column] = named;
  }
  return columns;
}
