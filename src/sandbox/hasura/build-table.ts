/** One tracked table, as its metadata and its database make it: columns, GraphQL names, permissions. */
import type { ColumnInfo, TableInfo } from "./catalog.ts";
import type { HasuraErrorCode } from "./errors.ts";
import { FilterFault, readFilter } from "./filter.ts";
import { isArray, isObject, type JsonObject, toNumber } from "./json.ts";
import type { Permission, SourceMetadata, TableMetadata } from "./metadata.ts";
import { defaultBaseName, isGraphqlName } from "./names.ts";
import { scalarOf } from "./scalars.ts";
import type {
  BuiltTable,
  Column,
  RootField,
  SelectPermission,
  TableGraphql,
} from "./schema-cache.ts";

/** The object does not fit its database; the message is Hasura's cause. */
export class ObjectFault extends Error {
  /** Given when a command on the object answers with this code and the bare text. */
  readonly code: HasuraErrorCode | undefined;

  constructor(cause: string, code?: HasuraErrorCode) {
    super(cause);
    this.code = code;
  }
}

/** @throws ObjectFault */
export function buildTable(
  source: SourceMetadata,
  metadata: TableMetadata,
  info: TableInfo,
): BuiltTable {
  const columns = buildColumns(source, metadata, info);
  return {
    source,
    metadata,
    info,
    columns,
    graphql: graphqlNames(source, metadata, info),
    permissions: new Map(),
  };
}

function buildColumns(source: SourceMetadata, metadata: TableMetadata, info: TableInfo): Column[] {
  const configured = metadata.configuration?.columns ?? {};
  const known = new Set(info.columns.map(({ name }) => name));
  for (const column of Object.keys(configured))
    if (!known.has(column))
      throw new ObjectFault(
        `configuration was given for the column ${JSON.stringify(column)}, but no such column exists`,
      );
  const columns = info.columns.map((column): Column => {
    const named = configured[column.name];
    const field = named?.name ?? column.name;
    return {
      info: column,
      field: isGraphqlName(field) ? field : undefined,
      scalar: scalarOf(source.kind, column),
      description: named?.comment ?? column.description ?? undefined,
    };
  });
  refuseCollisions(columns);
  return columns;
}

function refuseCollisions(columns: readonly Column[]): void {
  const owners = new Map<string, ColumnInfo>();
  for (const { field, info } of columns) {
    if (field === undefined) continue;
    const other = owners.get(field);
    if (other)
      throw new ObjectFault(
        `the definitions of columns ${JSON.stringify(other.name)} and ${JSON.stringify(info.name)} are in conflict: they are mapped to the same field name, ${JSON.stringify(field)}`,
        "already-exists",
      );
    owners.set(field, info);
  }
}

const DEFAULT_FIELDS: Readonly<Record<string, (base: string) => string>> = {
  select: (base) => base,
  select_by_pk: (base) => `${base}_by_pk`,
  select_aggregate: (base) => `${base}_aggregate`,
  select_stream: (base) => `${base}_stream`,
  update: (base) => `update_${base}`,
  delete: (base) => `delete_${base}`,
  update_many: (base) => `update_${base}_many`,
  insert_one: (base) => `insert_${base}_one`,
  update_by_pk: (base) => `update_${base}_by_pk`,
  delete_by_pk: (base) => `delete_${base}_by_pk`,
  insert: (base) => `insert_${base}`,
};

const QUERY = ["select", "select_aggregate", "select_by_pk"];
const SUBSCRIPTION = [...QUERY, "select_stream"];
/** In the order in which Hasura's conflict message lists them. */
const MUTATION = [
  "update",
  "delete",
  "update_many",
  "insert_one",
  "update_by_pk",
  "delete_by_pk",
  "insert",
];

function graphqlNames(
  source: SourceMetadata,
  metadata: TableMetadata,
  info: TableInfo,
): TableGraphql | undefined {
  const { configuration } = metadata;
  const base = configuration?.customName ?? defaultBaseName(source.kind, metadata.name);
  if (!isGraphqlName(base)) return undefined;
  const { fieldNamed, typeNamed, namespace } = customisation(source.customization);
  const hasKey = info.primaryKey.length > 0;
  const named = (operations: readonly string[]): Map<string, RootField> =>
    new Map(
      operations.flatMap((operation): [string, RootField][] => {
        if (operation.endsWith("_by_pk") && !hasKey) return [];
        const custom = configuration?.rootFields[operation];
        const name = custom?.name ?? DEFAULT_FIELDS[operation]?.(base) ?? base;
        return [[operation, { name: fieldNamed(name), comment: custom?.comment }]];
      }),
    );
  const postgres = source.kind.family === "postgres";
  return {
    typeName: typeNamed(base),
    query: named(QUERY),
    subscription: named(postgres ? SUBSCRIPTION : []),
    mutation: named(postgres && info.type === "table" ? MUTATION : []),
    namespace,
    typeNamed,
  };
}

interface Customisation {
  fieldNamed(name: string): string;
  typeNamed(name: string): string;
  readonly namespace: string | undefined;
}

function customisation(customization: JsonObject | undefined): Customisation {
  const affix = (part: string): ((name: string) => string) => {
    const object = customization?.[part];
    const prefix = isObject(object) && typeof object.prefix === "string" ? object.prefix : "";
    const suffix = isObject(object) && typeof object.suffix === "string" ? object.suffix : "";
    return (name) => prefix + name + suffix;
  };
  const fields = customization?.root_fields;
  const namespace =
    isObject(fields) && typeof fields.namespace === "string" ? fields.namespace : "";
  return {
    fieldNamed: affix("root_fields"),
    typeNamed: affix("type_names"),
    namespace: namespace === "" ? undefined : namespace,
  };
}

/** @throws ObjectFault with the cause that Hasura names first: the filter, then columns, then the rest */
export function buildSelectPermission(table: BuiltTable, permission: Permission): SelectPermission {
  const { definition, role } = permission;
  const columns = new Map(table.columns.map((column) => [column.info.name, column]));
  const filter = readPermissionFilter(definition, columns);
  const visible = visibleColumns(definition, columns);
  const [computed] = isArray(definition.computed_fields) ? definition.computed_fields : [];
  if (computed !== undefined && table.metadata.others.computed_fields === undefined)
    throw new ObjectFault(`computed field ${JSON.stringify(computed)} does not exist`);
  const limit = toNumber(definition.limit);
  if (limit !== undefined && limit < 0) throw new ObjectFault("unexpected negative value");
  const built: SelectPermission = {
    columns: visible,
    filter,
    limit,
    aggregations: definition.allow_aggregations === true,
    queryFields: fieldList(definition.query_root_fields),
    subscriptionFields: fieldList(definition.subscription_root_fields),
  };
  checkRootFields(table, role, built);
  return built;
}

function fieldList(value: JsonObject[string]): readonly string[] | undefined {
  return isArray(value) ? value.map(String) : undefined;
}

function readPermissionFilter(
  definition: JsonObject,
  columns: ReadonlyMap<string, Column>,
): SelectPermission["filter"] {
  try {
    return readFilter(isObject(definition.filter) ? definition.filter : {}, columns);
  } catch (error) {
    if (error instanceof FilterFault) throw new ObjectFault(error.message);
    throw error;
  }
}

function visibleColumns(
  definition: JsonObject,
  columns: ReadonlyMap<string, Column>,
): ReadonlySet<string> {
  if (!isArray(definition.columns)) return new Set(columns.keys());
  for (const name of definition.columns)
    if (!columns.has(String(name)))
      throw new ObjectFault(`column ${JSON.stringify(name)} does not exist`);
  return new Set(definition.columns.map(String));
}

function checkRootFields(
  table: BuiltTable,
  role: string,
  { columns, aggregations, queryFields, subscriptionFields }: SelectPermission,
): void {
  const asked = new Set([...(queryFields ?? []), ...(subscriptionFields ?? [])]);
  const { primaryKey } = table.info;
  const readable = primaryKey.length > 0 && primaryKey.every((column) => columns.has(column));
  if (asked.has("select_by_pk") && !readable)
    throw new ObjectFault(
      `The "select_by_pk" field cannot be included in the query_root_fields or subscription_root_fields because the role ${JSON.stringify(role)} does not have access to the primary key of the table ${JSON.stringify(table.metadata.name.text)} in the source ${JSON.stringify(table.source.name)}`,
    );
  // The two spaces are Hasura's.
  if (asked.has("select_aggregate") && !aggregations)
    throw new ObjectFault(
      'The "select_aggregate" root field can only be enabled in the query_root_fields or  the subscription_root_fields when "allow_aggregations" is set to true',
    );
}

/** Permissions for writing are kept, and checked as far as their columns go. @throws ObjectFault */
export function checkWritePermission(table: BuiltTable, { definition }: Permission): void {
  const columns = new Map(table.columns.map((column) => [column.info.name, column]));
  if (definition.columns !== undefined) visibleColumns(definition, columns);
}
