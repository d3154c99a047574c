/**
 * Hasura's metadata as it travels: lossless JSON, so that 64-bit numbers and keys we do not know stay as they are.
 * Only what concerns our objects is read, by zod.
 */
import { parse, stringify } from "lossless-json";
import { z } from "zod";
import { AppError } from "../errors.ts";

/** The metadata object of `export_metadata` version 2; numbers in it are `LosslessNumber`. */
export type Metadata = Readonly<Record<string, unknown>>;

export function parseLossless(text: string): unknown {
  return parse(text);
}

export function stringifyLossless(value: unknown): string {
  return stringify(value) ?? "null";
}

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

export type SourceEntry = z.infer<typeof sourceSchema>;
export type TableEntry = z.infer<typeof tableSchema>;
export type PermissionEntry = z.infer<typeof permissionEntrySchema>;

/** The source of that name, or undefined. */
export function findSource(metadata: Metadata, name: string): SourceEntry | undefined {
  const sources = Array.isArray(metadata.sources) ? metadata.sources : [];
  const entry = sources.find((source) => memberOf(source, "name") === name);
  return entry === undefined ? undefined : readEntry(sourceSchema, entry, `source ${name}`);
}

/** The tracked table of that path in a source, or undefined. */
export function findTable(
  source: SourceEntry | undefined,
  path: readonly string[],
): TableEntry | undefined {
  const key = canonical(path);
  const entry = (source?.tables ?? []).find(
    (table) => tablePathKey(memberOf(table, "table")) === key,
  );
  return entry === undefined ? undefined : readEntry(tableSchema, entry, `table ${path.join(".")}`);
}

/** What a source can hold beside tables, as the metadata spells it. */
const SOURCE_PARTS = ["functions", "native_queries", "logical_models", "stored_procedures"];

export function holdsMoreThanTables(source: SourceEntry): boolean {
  return SOURCE_PARTS.some((part) => isFilledList(source[part]));
}

/** A key for each table a source has, ours or not. */
export function tableKeys(source: SourceEntry): string[] {
  return (source.tables ?? []).map((table) => tablePathKey(memberOf(table, "table")));
}

export function selectPermissions(table: TableEntry | undefined): PermissionEntry[] {
  return table?.select_permissions ?? [];
}

/** Kinds of permission and relationship that a table can carry, as the metadata spells them. */
const TABLE_PARTS = [
  "insert_permissions",
  "update_permissions",
  "delete_permissions",
  "object_relationships",
  "array_relationships",
  "remote_relationships",
  "computed_fields",
  "event_triggers",
];

/** What else hangs on a table beside select permissions: names such as `object_relationships`. */
export function otherParts(table: TableEntry): string[] {
  return TABLE_PARTS.filter((part) => isFilledList(table[part]));
}

function isFilledList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** A data connector's table is an array of names; a bare string is an array of one. */
function tablePathKey(table: unknown): string {
  return canonical(typeof table === "string" ? [table] : table);
}

/** One text for all spellings of the same JSON: keys sorted, absent and null the same, numbers by their digits. */
export function canonical(value: unknown): string {
  return stringifyLossless(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object" || isNumberLike(value)) return value;
  const entries = Object.entries(value)
    .filter(([, member]) => member !== null && member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

function isNumberLike(value: object): boolean {
  return "isLosslessNumber" in value;
}

function memberOf(value: unknown, member: string): unknown {
  return value !== null && typeof value === "object"
    ? (value as Record<string, unknown>)[member]
    : undefined;
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
