/** One source: reached, read, and its tables checked against what was read. */
import type { Pool } from "pg";
import { checkRelationship } from "./build-relationships.ts";
import {
  buildSelectPermission,
  buildTable,
  checkWritePermission,
  ObjectFault,
} from "./build-table.ts";
import { type Catalog, introspect } from "./catalog.ts";
import type { Connections } from "./connections.ts";
import {
  type Inconsistency,
  inconsistentPermission,
  inconsistentRelationship,
  inconsistentSource,
  inconsistentTable,
} from "./inconsistency.ts";
import { OPERATIONS, RELATIONSHIPS, type SourceMetadata } from "./metadata.ts";
import { type ResolveContext, resolveSource } from "./resolve-source.ts";
import { type ResolvedSource, SourceFault } from "./resolved-source.ts";
import type { BuiltTable, SelectPermission, SourceState } from "./schema-cache.ts";

export interface SourceContext extends ResolveContext {
  readonly connections: Connections;
  /** Told of each introspection before it is made; it may take its time. */
  onIntrospection(source: string): Promise<void>;
}

/** Never throws for what is wrong with the source: that becomes its inconsistencies. */
export async function buildSource(
  metadata: SourceMetadata,
  context: SourceContext,
): Promise<SourceState> {
  try {
    const resolved = await resolveSource(metadata, context);
    const { pool, catalog } = await readCatalog(metadata, resolved, context);
    const inconsistencies: Inconsistency[] = [];
    const tables = buildTables(metadata, catalog, inconsistencies);
    return { metadata, built: { metadata, pool, resolved, catalog, tables }, inconsistencies };
  } catch (error) {
    if (!(error instanceof SourceFault)) throw error;
    const fault = inconsistentSource(metadata.name, error.message, error.detail);
    return { metadata, built: undefined, inconsistencies: [fault] };
  }
}

async function readCatalog(
  metadata: SourceMetadata,
  resolved: ResolvedSource,
  context: SourceContext,
): Promise<{ pool: Pool; catalog: Catalog }> {
  await context.onIntrospection(metadata.name);
  try {
    const pool = context.connections.to(resolved.url);
    const wanted = metadata.tables.map(({ name }) => name);
    return { pool, catalog: await introspect(pool, metadata.kind, resolved, wanted) };
  } catch (error) {
    throw new SourceFault("connection error", error instanceof Error ? error.message : undefined);
  }
}

function buildTables(
  source: SourceMetadata,
  catalog: Catalog,
  inconsistencies: Inconsistency[],
): ReadonlyMap<string, BuiltTable> {
  const tables = new Map<string, BuiltTable>();
  for (const table of source.tables) {
    const info = catalog.get(table.name.key);
    const cause = `no such table/view exists in source: ${JSON.stringify(table.name.text)}`;
    const built = attempt(
      () => {
        if (!info) throw new ObjectFault(cause);
        return buildTable(source, table, info);
      },
      (fault) => inconsistencies.push(tableFault(source, table.name, fault)),
    );
    if (built) tables.set(table.name.key, built);
  }
  for (const table of tables.values()) {
    checkRelationships(table, tables, inconsistencies);
    tables.set(table.metadata.name.key, withPermissions(table, inconsistencies));
  }
  return tables;
}

function tableFault(
  source: SourceMetadata,
  name: BuiltTable["metadata"]["name"],
  fault: ObjectFault,
): Inconsistency {
  const inconsistency = inconsistentTable(source.name, name, fault.message);
  return fault.code === undefined
    ? inconsistency
    : { ...inconsistency, own: { code: fault.code, message: fault.message } };
}

function checkRelationships(
  table: BuiltTable,
  tables: ReadonlyMap<string, BuiltTable>,
  inconsistencies: Inconsistency[],
): void {
  const { name, relationships } = table.metadata;
  for (const kind of RELATIONSHIPS)
    for (const relationship of relationships[kind])
      attempt(
        () => checkRelationship(table, tables, kind, relationship),
        (fault) =>
          inconsistencies.push(
            inconsistentRelationship(table.source.name, name, kind, relationship, fault.message),
          ),
      );
}

function withPermissions(table: BuiltTable, inconsistencies: Inconsistency[]): BuiltTable {
  const { name, permissions } = table.metadata;
  const built = new Map<string, SelectPermission>();
  for (const operation of OPERATIONS)
    for (const permission of permissions[operation])
      attempt(
        () => {
          if (operation === "select")
            built.set(permission.role, buildSelectPermission(table, permission));
          else checkWritePermission(table, permission);
        },
        (fault) =>
          inconsistencies.push(
            inconsistentPermission(table.source.name, name, operation, permission, fault.message),
          ),
      );
  return { ...table, permissions: built };
}

function attempt<T>(make: () => T, onFault: (fault: ObjectFault) => void): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ObjectFault)) throw error;
    onFault(error);
    return undefined;
  }
}
