/** The metadata as it is to be after some steps: what a `replace_metadata` sends. Everything else stays as it is. */
import { type Metadata, memberOf } from "./metadata.ts";
import { tableKey } from "./metadata-index.ts";
import type { ObjectRef, PermissionRef, SourceRef, Step, TableRef } from "./objects.ts";

type Entry = Readonly<Record<string, unknown>>;

/** A source being changed, with its tables at hand. */
interface OpenSource {
  entry: Entry;
  readonly tables: Map<string, Entry>;
}

/** @throws Error when a step is about an object that is not there: it was planned on other metadata */
export function withSteps(metadata: Metadata, steps: readonly Step[]): Metadata {
  const sources = new Map<string, Entry | OpenSource>(
    listOf(metadata.sources).map((source) => [String(memberOf(source, "name")), source]),
  );
  let roles = listOf(metadata.inherited_roles);
  for (const { action, object, after } of steps)
    if (action === "reload") continue;
    else if (object.kind === "INHERITED_ROLE") roles = withRole(roles, object.role, after);
    else changeSources(sources, object, after as Entry | null);
  return {
    ...metadata,
    sources: [...sources.values()].map((source) => (isOpen(source) ? closed(source) : source)),
    ...(roles.length > 0 || metadata.inherited_roles !== undefined
      ? { inherited_roles: roles }
      : {}),
  };
}

function changeSources(
  sources: Map<string, Entry | OpenSource>,
  object: Exclude<ObjectRef, { kind: "INHERITED_ROLE" }>,
  after: Entry | null,
): void {
  if (object.kind === "SOURCE") changeSource(sources, object, after);
  else if (object.kind === "TABLE") changeTable(open(sources, object.source), object, after);
  else changePermission(open(sources, object.source), object, after);
}

function changeSource(
  sources: Map<string, Entry | OpenSource>,
  { source: name, sourceKind: kind }: SourceRef,
  after: Entry | null,
): void {
  if (after === null) {
    sources.delete(name);
    return;
  }
  const { configuration } = after;
  if (!sources.has(name)) sources.set(name, { name, kind, tables: [], configuration });
  const source = open(sources, name);
  source.entry = { ...source.entry, configuration };
}

function changeTable(source: OpenSource, { table }: TableRef, after: Entry | null): void {
  const key = tableKey(table);
  if (after === null) source.tables.delete(key);
  else {
    const { configuration } = after;
    source.tables.set(key, { ...(source.tables.get(key) ?? { table }), configuration });
  }
}

function changePermission(
  source: OpenSource,
  { table, role }: PermissionRef,
  after: Entry | null,
): void {
  const key = tableKey(table);
  const entry = source.tables.get(key);
  if (entry === undefined) throw new Error(`there is no table ${key}`);
  const others = listOf(entry.select_permissions).filter((each) => each.role !== role);
  const { permission, comment } = after ?? {};
  const select_permissions = after === null ? others : [...others, { role, permission, comment }];
  source.tables.set(key, { ...entry, select_permissions });
}

function withRole(roles: readonly Entry[], role: string, after: unknown): Entry[] {
  const position = roles.findIndex((entry) => entry.role_name === role);
  const others = roles.filter((entry) => entry.role_name !== role);
  if (after === null) return others;
  return others.toSpliced(position === -1 ? others.length : position, 0, after as Entry);
}

function open(sources: Map<string, Entry | OpenSource>, name: string): OpenSource {
  const source = sources.get(name);
  if (source === undefined) throw new Error(`there is no source ${name}`);
  if (isOpen(source)) return source;
  const tables = new Map(
    listOf(source.tables).map((table) => [tableKey(memberOf(table, "table")), table]),
  );
  const opened = { entry: source, tables };
  sources.set(name, opened);
  return opened;
}

function isOpen(source: Entry | OpenSource): source is OpenSource {
  return "tables" in source && source.tables instanceof Map;
}

function closed({ entry, tables }: OpenSource): Entry {
  return { ...entry, tables: [...tables.values()] };
}

function listOf(value: unknown): readonly Entry[] {
  return Array.isArray(value) ? value : [];
}
