/**
 * Metadata as commands change it. Nothing is changed in place: a changed source is a new object, and by
 * that a rebuild knows which sources to look at again.
 */
import type { Json, JsonObject } from "./json.ts";
import type { Kind, TableName } from "./names.ts";

export interface Metadata {
  readonly sources: readonly SourceMetadata[];
  readonly inheritedRoles: readonly InheritedRole[];
  /** Everything else at the top level, as it came. */
  readonly others: JsonObject;
}

export interface SourceMetadata {
  readonly name: string;
  readonly kind: Kind;
  readonly tables: readonly TableMetadata[];
  readonly configuration: Json;
  readonly customization: JsonObject | undefined;
  readonly healthCheck: Json | undefined;
  /** Functions, native queries and what this stand-in does not know, as it came. */
  readonly others: JsonObject;
}

export const OPERATIONS = ["insert", "select", "update", "delete"] as const;
export type Operation = (typeof OPERATIONS)[number];

export const RELATIONSHIPS = ["object", "array"] as const;
export type RelationshipKind = (typeof RELATIONSHIPS)[number];

export interface TableMetadata {
  readonly name: TableName;
  readonly isEnum: boolean;
  readonly configuration: TableConfiguration | undefined;
  readonly relationships: Readonly<Record<RelationshipKind, readonly Relationship[]>>;
  readonly permissions: Readonly<Record<Operation, readonly Permission[]>>;
  readonly apolloFederation: Json | undefined;
  readonly others: JsonObject;
}

export interface TableConfiguration {
  readonly customName: string | undefined;
  /** By operation: `select`, `select_by_pk`, `select_aggregate`, `insert`, … */
  readonly rootFields: Readonly<Record<string, NamedWithComment>>;
  /** By the column's name in the database. */
  readonly columns: Readonly<Record<string, NamedWithComment>>;
  readonly comment: string | undefined;
  readonly others: JsonObject;
}

export interface NamedWithComment {
  readonly name: string | undefined;
  readonly comment: string | undefined;
}

export interface Relationship {
  readonly name: string;
  readonly using: JsonObject;
  readonly comment: string | undefined;
}

export interface Permission {
  readonly role: string;
  /** Normalised: what Hasura leaves out on export is absent here. */
  readonly definition: JsonObject;
  readonly comment: string | undefined;
}

export interface InheritedRole {
  readonly name: string;
  readonly parents: readonly string[];
}

export const EMPTY_METADATA: Metadata = { sources: [], inheritedRoles: [], others: {} };

export function newTable(name: TableName): TableMetadata {
  return {
    name,
    isEnum: false,
    configuration: undefined,
    relationships: { object: [], array: [] },
    permissions: { insert: [], select: [], update: [], delete: [] },
    apolloFederation: undefined,
    others: {},
  };
}

export function findSource(metadata: Metadata, name: string): SourceMetadata | undefined {
  return metadata.sources.find((source) => source.name === name);
}

export function findTable(source: SourceMetadata, table: TableName): TableMetadata | undefined {
  return source.tables.find(({ name }) => name.key === table.key);
}

/** Replaces the source of that name, or adds it. */
export function withSource(metadata: Metadata, source: SourceMetadata): Metadata {
  return { ...metadata, sources: upsert(metadata.sources, source, ({ name }) => name) };
}

export function withoutSource(metadata: Metadata, name: string): Metadata {
  return { ...metadata, sources: metadata.sources.filter((source) => source.name !== name) };
}

/** Replaces the table of that name in the source, or adds it. */
export function withTable(
  metadata: Metadata,
  source: SourceMetadata,
  table: TableMetadata,
): Metadata {
  return withSource(metadata, {
    ...source,
    tables: upsert(source.tables, table, ({ name }) => name.key),
  });
}

export function withoutTable(
  metadata: Metadata,
  source: SourceMetadata,
  table: TableName,
): Metadata {
  const tables = source.tables.filter(({ name }) => name.key !== table.key);
  return withSource(metadata, { ...source, tables });
}

/** The table with its permissions for one operation replaced. */
export function withPermissions(
  table: TableMetadata,
  operation: Operation,
  permissions: readonly Permission[],
): TableMetadata {
  return { ...table, permissions: { ...table.permissions, [operation]: permissions } };
}

export function withRelationships(
  table: TableMetadata,
  kind: RelationshipKind,
  relationships: readonly Relationship[],
): TableMetadata {
  return { ...table, relationships: { ...table.relationships, [kind]: relationships } };
}

export function upsert<T>(items: readonly T[], item: T, key: (item: T) => string): readonly T[] {
  const index = items.findIndex((other) => key(other) === key(item));
  return index < 0 ? [...items, item] : items.with(index, item);
}

/** Every role that has a permission of its own on some table. */
export function rolesWithPermissions(metadata: Metadata): Set<string> {
  const roles = new Set<string>();
  for (const source of metadata.sources)
    for (const table of source.tables)
      for (const operation of OPERATIONS)
        for (const { role } of table.permissions[operation]) roles.add(role);
  return roles;
}
