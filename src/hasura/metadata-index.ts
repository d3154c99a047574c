/** Metadata as plans look things up in it: each object is found at once, and read by zod only when somebody looks. */
import { z } from "zod";
import { AppError } from "../errors.ts";
import { canonical, type Metadata, memberOf } from "./metadata.ts";

const permissionEntrySchema = z.looseObject({
  role: z.string(),
  permission: z.looseObject({}),
  comment: z.string().nullish(),
});

const tableSchema = z.looseObject({
  table: z.unknown(),
  configuration: z.looseObject({}).nullish(),
  select_permissions: z.array(permissionEntrySchema).nullish(),
});

const sourceSchema = z.looseObject({
  name: z.string(),
  kind: z.string().default("postgres"),
  configuration: z.unknown().optional(),
  tables: z.array(z.unknown()).nullish(),
});

const inheritedRoleSchema = z.looseObject({
  role_name: z.string(),
  role_set: z.array(z.string()),
});

export type SourceEntry = z.infer<typeof sourceSchema>;
export type TableEntry = z.infer<typeof tableSchema>;
export type PermissionEntry = z.infer<typeof permissionEntrySchema>;
export type InheritedRoleEntry = z.infer<typeof inheritedRoleSchema>;

/** How much there is: what a rebuild costs grows with it. */
export interface MetadataSize {
  readonly sources: number;
  readonly tables: number;
  /** Roles with a permission somewhere, and inherited ones. */
  readonly roles: number;
}

export interface MetadataIndex {
  readonly metadata: Metadata;
  readonly size: MetadataSize;
  readonly inheritedRoles: readonly InheritedRoleEntry[];
  /** Names of all sources, ours or not. */
  sourceNames(): readonly string[];
  source(name: string): SourceEntry | undefined;
  /** A key for each table a source has, ours or not, as `tableKey` gives it. */
  tableKeys(source: string): readonly string[];
  table(source: string, path: readonly string[]): TableEntry | undefined;
  tableOfKey(source: string, key: string): TableEntry | undefined;
}

interface Shelf {
  readonly entry: SourceEntry;
  /** By `tableKey`: as it stands in the metadata, or as it was read. */
  readonly tables: Map<string, { raw: unknown; read?: TableEntry }>;
}

/**
 * @throws AppError HASURA_REFUSED, here or from the functions, for a part in a shape we do not know: nothing must be
 *   written on a guess
 */
export function indexMetadata(metadata: Metadata): MetadataIndex {
  const raw = new Map<string, unknown>();
  for (const source of listOf(metadata.sources)) raw.set(String(memberOf(source, "name")), source);
  const shelves = new Map<string, Shelf>();
  const shelf = (name: string): Shelf | undefined => {
    const known = shelves.get(name);
    if (known !== undefined || !raw.has(name)) return known;
    const entry = readEntry(sourceSchema, raw.get(name), `source ${name}`);
    const tables: Shelf["tables"] = new Map();
    for (const table of entry.tables ?? [])
      tables.set(tableKey(memberOf(table, "table")), { raw: table });
    const made = { entry, tables };
    shelves.set(name, made);
    return made;
  };
  const tableOfKey = (source: string, key: string): TableEntry | undefined => {
    const found = shelf(source)?.tables.get(key);
    if (found === undefined) return undefined;
    found.read ??= readEntry(tableSchema, found.raw, `table ${key} in source ${source}`);
    return found.read;
  };
  return {
    metadata,
    size: sizeOf(metadata),
    inheritedRoles: listOf(metadata.inherited_roles).map((role) =>
      readEntry(inheritedRoleSchema, role, "an inherited role"),
    ),
    sourceNames: () => [...raw.keys()],
    source: (name) => shelf(name)?.entry,
    tableKeys: (source) => [...(shelf(source)?.tables.keys() ?? [])],
    table: (source, path) => tableOfKey(source, tableKey(path)),
    tableOfKey,
  };
}

/** One text for a table's name. A data connector's table is an array of names; a bare string is an array of one. */
export function tableKey(table: unknown): string {
  return canonical(typeof table === "string" ? [table] : table);
}

export function selectPermissions(table: TableEntry | undefined): readonly PermissionEntry[] {
  return table?.select_permissions ?? [];
}

/** What a source can hold beside tables, as the metadata spells it. */
const SOURCE_PARTS = ["functions", "native_queries", "logical_models", "stored_procedures"];

export function holdsMoreThanTables(source: SourceEntry): boolean {
  return SOURCE_PARTS.some((part) => listOf(source[part]).length > 0);
}

const WRITE_PERMISSIONS = ["insert_permissions", "update_permissions", "delete_permissions"];

/** Kinds of permission and relationship that a table can carry beside select permissions. */
const TABLE_PARTS = [
  ...WRITE_PERMISSIONS,
  "object_relationships",
  "array_relationships",
  "remote_relationships",
  "computed_fields",
  "event_triggers",
];

/** What else hangs on a table beside select permissions: names such as `object_relationships`. */
export function otherParts(table: TableEntry): string[] {
  return TABLE_PARTS.filter((part) => listOf(table[part]).length > 0);
}

function sizeOf(metadata: Metadata): MetadataSize {
  const sources = listOf(metadata.sources);
  const roles = new Set<unknown>();
  let tables = 0;
  for (const source of sources)
    for (const table of listOf(memberOf(source, "tables"))) {
      tables += 1;
      for (const part of ["select_permissions", ...WRITE_PERMISSIONS])
        for (const permission of listOf(memberOf(table, part)))
          roles.add(memberOf(permission, "role"));
    }
  const inherited = listOf(metadata.inherited_roles).length;
  return { sources: sources.length, tables, roles: roles.size + inherited };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function readEntry<T>(schema: z.ZodType<T>, entry: unknown, what: string): T {
  const read = schema.safeParse(entry);
  if (read.success) return read.data;
  throw new AppError(
    "HASURA_REFUSED",
    `Hasura's metadata holds ${what} in a shape we do not know; nothing was written.`,
    { cause: read.error },
  );
}
