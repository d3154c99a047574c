/** What a rebuild makes of metadata and databases; GraphQL requests are answered from it. */
import type { Pool } from "pg";
import type { Catalog, ColumnInfo, TableInfo } from "./catalog.ts";
import type { BoolExp } from "./filter.ts";
import type { Inconsistency } from "./inconsistency.ts";
import type { Metadata, SourceMetadata, TableMetadata } from "./metadata.ts";
import type { TableName } from "./names.ts";
import type { ResolvedSource } from "./resolved-source.ts";

export interface SchemaCache {
  readonly metadata: Metadata;
  /** By name; also those that could not be set up. */
  readonly sources: ReadonlyMap<string, SourceState>;
  /** Consistent inherited roles and their parents. */
  readonly inheritedRoles: ReadonlyMap<string, readonly string[]>;
  readonly inconsistencies: readonly Inconsistency[];
  /** Consistent REST endpoints. */
  readonly endpoints: readonly Endpoint[];
  /** Whether the schema has the root fields of an Apollo federation. */
  readonly apolloFederation: boolean;
}

/** A stored query under a path of its own below `/api/rest/`. */
export interface Endpoint {
  readonly name: string;
  /** Those that begin with `:` stand for a variable. */
  readonly segments: readonly string[];
  readonly methods: readonly string[];
  readonly query: string;
}

export interface SourceState {
  /** What it was built from: the same object means that nothing in the source has changed. */
  readonly metadata: SourceMetadata;
  /** Absent when the source is inconsistent. */
  readonly built: BuiltSource | undefined;
  readonly inconsistencies: readonly Inconsistency[];
}

export interface BuiltSource {
  readonly metadata: SourceMetadata;
  readonly pool: Pool;
  readonly resolved: ResolvedSource;
  readonly catalog: Catalog;
  /** Consistent tables only, by the table name's key. */
  readonly tables: ReadonlyMap<string, BuiltTable>;
}

export interface Column {
  readonly info: ColumnInfo;
  /** Its GraphQL name; absent when neither its own name nor a custom one is a GraphQL name. */
  readonly field: string | undefined;
  readonly scalar: string;
  readonly description: string | undefined;
}

export interface BuiltTable {
  readonly source: SourceMetadata;
  readonly metadata: TableMetadata;
  readonly info: TableInfo;
  readonly columns: readonly Column[];
  /** Absent when the table has no GraphQL name: then it has no root fields. */
  readonly graphql: TableGraphql | undefined;
  /** Consistent select permissions by role. */
  readonly permissions: ReadonlyMap<string, SelectPermission>;
}

export interface TableGraphql {
  readonly typeName: string;
  /** Names by operation, of those that the table has: `select`, `select_by_pk`, `insert_one`, … */
  readonly query: ReadonlyMap<string, RootField>;
  readonly mutation: ReadonlyMap<string, RootField>;
  readonly subscription: ReadonlyMap<string, RootField>;
  /** The one query_root field that holds the source's fields, when it is customised so. */
  readonly namespace: string | undefined;
  /** A source's prefix and suffix for the names of types. */
  typeNamed(base: string): string;
}

export interface RootField {
  readonly name: string;
  readonly comment: string | undefined;
}

export interface SelectPermission {
  /** Names of columns in the database. */
  readonly columns: ReadonlySet<string>;
  readonly filter: BoolExp;
  readonly limit: number | undefined;
  readonly aggregations: boolean;
  /** `undefined` allows all. */
  readonly queryFields: readonly string[] | undefined;
  /** `undefined` allows all. */
  readonly subscriptionFields: readonly string[] | undefined;
}

/** The set-up source, `undefined` when it is missing or inconsistent. */
export function liveSource(cache: SchemaCache, name: string): BuiltSource | undefined {
  return cache.sources.get(name)?.built;
}

export function liveTable(
  cache: SchemaCache,
  source: string,
  table: TableName,
): BuiltTable | undefined {
  return liveSource(cache, source)?.tables.get(table.key);
}

export function liveTables(cache: SchemaCache): BuiltTable[] {
  return [...cache.sources.values()].flatMap(({ built }) =>
    built ? [...built.tables.values()] : [],
  );
}
