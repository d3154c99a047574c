/** Metadata as export_metadata writes it and as it is stored: in Hasura's order, without empty parts. */
import { type Json, type JsonObject, sameJson } from "./json.ts";
import {
  type InheritedRole,
  type Metadata,
  type NamedWithComment,
  OPERATIONS,
  type Permission,
  type Relationship,
  type SourceMetadata,
  type TableConfiguration,
  type TableMetadata,
} from "./metadata.ts";

const TOP_ORDER = [
  "remote_schemas",
  "query_collections",
  "allowlist",
  "actions",
  "custom_types",
  "cron_triggers",
  "rest_endpoints",
  "api_limits",
  "metrics_config",
  "inherited_roles",
  "graphql_schema_introspection",
  "network",
  "backend_configs",
  "opentelemetry",
];

export function exportMetadata(metadata: Metadata): JsonObject {
  const roles = sorted(metadata.inheritedRoles, ({ name }) => name).map(exportInheritedRole);
  const parts: Record<string, Json | undefined> = {
    ...metadata.others,
    ...(roles.length > 0 ? { inherited_roles: roles } : {}),
  };
  const known = TOP_ORDER.flatMap((key) => (parts[key] === undefined ? [] : [key]));
  const unknown = Object.keys(parts).filter((key) => !TOP_ORDER.includes(key));
  return {
    version: 3,
    sources: sorted(metadata.sources, ({ name }) => name).map(exportSource),
    ...Object.fromEntries([...known, ...unknown].map((key) => [key, parts[key]])),
  };
}

export function exportInheritedRole({ name, parents }: InheritedRole): JsonObject {
  return { role_name: name, role_set: parents };
}

/** Whether two descriptions of a source say the same. */
export function sameSource(left: SourceMetadata, right: SourceMetadata): boolean {
  return left === right || sameJson(exportSource(left), exportSource(right));
}

/** By code units, as Hasura's texts compare. */
function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

function exportSource(source: SourceMetadata): JsonObject {
  return {
    name: source.name,
    kind: source.kind.name,
    tables: sorted(source.tables, ({ name }) => name.key).map(exportTable),
    ...source.others,
    configuration: source.configuration,
    ...(source.customization ? { customization: source.customization } : {}),
    ...(source.healthCheck === undefined ? {} : { health_check: source.healthCheck }),
  };
}

function exportTable(table: TableMetadata): JsonObject {
  const { relationships, permissions } = table;
  const lists: [string, JsonObject[]][] = [
    ["object_relationships", relationships.object.map(exportRelationship)],
    ["array_relationships", relationships.array.map(exportRelationship)],
    ...OPERATIONS.map((operation): [string, JsonObject[]] => [
      `${operation}_permissions`,
      sorted(permissions[operation], ({ role }) => role).map(exportPermission),
    ]),
  ];
  return {
    table: table.name.json,
    ...(table.isEnum ? { is_enum: true } : {}),
    ...(table.configuration
      ? { configuration: exportTableConfiguration(table.configuration) }
      : {}),
    ...Object.fromEntries(lists.filter(([, entries]) => entries.length > 0)),
    ...table.others,
    ...(table.apolloFederation === undefined
      ? {}
      : { apollo_federation_config: table.apolloFederation }),
  };
}

/** A configuration that says anything gains the parts that Hasura always writes. */
function exportTableConfiguration(configuration: TableConfiguration): JsonObject {
  const { customName, rootFields, columns, comment, others } = configuration;
  const renamed = Object.entries(columns).flatMap(([column, { name }]) =>
    name === undefined ? [] : [[column, name] as const],
  );
  return {
    column_config: mapValues(columns, (column) => exportNamed(column, "custom_name")),
    ...(comment === undefined ? {} : { comment }),
    custom_column_names: Object.fromEntries(renamed),
    ...(customName === undefined ? {} : { custom_name: customName }),
    custom_root_fields: mapValues(rootFields, (field) =>
      field.comment === undefined ? (field.name ?? null) : exportNamed(field, "name"),
    ),
    ...others,
  };
}

function exportNamed({ name, comment }: NamedWithComment, key: string): JsonObject {
  return {
    ...(comment === undefined ? {} : { comment }),
    ...(name === undefined ? {} : { [key]: name }),
  };
}

function mapValues<T>(object: Readonly<Record<string, T>>, each: (value: T) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, each(value)]));
}

function exportRelationship({ name, using, comment }: Relationship): JsonObject {
  return { name, using: exportUsing(using), ...(comment === undefined ? {} : { comment }) };
}

/** A foreign key of one column is written with that column alone. */
function exportUsing(using: JsonObject): JsonObject {
  const key = using.foreign_key_constraint_on;
  if (key === undefined || key === null) return using;
  if (Array.isArray(key) && key.length === 1)
    return { ...using, foreign_key_constraint_on: key[0] };
  if (typeof key !== "object" || Array.isArray(key)) return using;
  const { columns, ...rest } = key as { columns?: Json; table?: Json };
  if (!Array.isArray(columns) || columns.length !== 1) return using;
  const [column] = columns as Json[];
  return { ...using, foreign_key_constraint_on: { column, ...rest } };
}

function exportPermission({ role, definition, comment }: Permission): JsonObject {
  return { role, permission: definition, ...(comment === undefined ? {} : { comment }) };
}
