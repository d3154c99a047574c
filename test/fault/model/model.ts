/** What is known of the ports, told by what was asked and how it ended, and what must follow from that: naively. */
import { canonical, memberOf } from "../../../src/hasura/metadata.ts";
import { prefixOf } from "../../support/described-port.ts";
import { expectedTable, type PortAs, tableOf } from "../descriptors.ts";
import { entries, type Metadata } from "../metadata.ts";
import { PORTS } from "./world.ts";

export interface ModelPort {
  readonly port: Omit<PortAs, "variant">;
  /** Decided by the inventory, for the same port the same each time. */
  readonly role: string;
  readonly source: string;
  /** Whether it was ever asked for. */
  known: boolean;
  phase: "ABSENT" | "ACTIVE" | "FAILED";
  /** Whether Hasura was asked to hold something of it since it was last gone. */
  meant: boolean;
  /** The variant that Hasura is to hold. */
  applied: number | null;
  paused: boolean;
  grants: readonly string[];
}

export interface Model {
  readonly ports: readonly ModelPort[];
  /** Sources of ours, by name, that were made and not dropped by us. */
  readonly sources: Set<string>;
}

export function newModel(names: readonly Pick<ModelPort, "role" | "source">[]): Model {
  return {
    ports: PORTS.map((port, index) => ({
      ...{
        port,
        known: false,
        meant: false,
        phase: "ABSENT",
        applied: null,
        paused: false,
        grants: [],
      },
      role: names[index]?.role ?? "",
      source: names[index]?.source ?? "",
    })),
    sources: new Set(),
  };
}

export type Entry = Readonly<Record<string, unknown>>;

export function sourceIn(metadata: Metadata, name: string): Entry | undefined {
  return metadata.sources.find((source) => source.name === name);
}

export function tableIn(source: Entry | undefined, path: readonly string[]): Entry | undefined {
  return entries(source?.tables).find((table) => canonical(table.table) === canonical(path));
}

/** The table that Hasura holds for the port as it was applied. */
export function appliedTable(
  metadata: Metadata,
  { port, source, applied }: ModelPort,
): Entry | undefined {
  if (applied === null) return undefined;
  return tableIn(sourceIn(metadata, source), tableOf({ ...port, variant: applied }));
}

/** The tables that we would take for the port's: as it was applied, and those of its earlier revisions with its mark. */
export function ownTables(metadata: Metadata, port: ModelPort): Entry[] {
  const applied = appliedTable(metadata, port);
  const source = sourceIn(metadata, port.source);
  const former = [0, 1]
    .map((variant) => tableIn(source, tableOf({ ...port.port, variant })))
    .filter((table) => permissionOf(table, port.role)?.comment === markOf(port.port));
  return [...new Set([applied, ...former])].filter((table) => table !== undefined);
}

const OWN_MEMBERS = new Set(["table", "configuration", "select_permissions"]);

/** What a table carries beside its configuration and the role's select permission. */
export function strangePartsOf(table: Entry | undefined, role: string): Entry {
  if (table === undefined) return {};
  const others = entries(table.select_permissions).filter((each) => each.role !== role);
  return Object.fromEntries([
    ...Object.entries(table).filter(([member]) => !OWN_MEMBERS.has(member)),
    ...(others.length > 0 ? [["select_permissions", others]] : []),
  ]);
}

export function isStrange(table: Entry | undefined, role: string): boolean {
  return Object.keys(strangePartsOf(table, role)).length > 0;
}

export function markOf(port: Omit<PortAs, "variant">): string {
  return expectedTable({ ...port, variant: 0 }).comment;
}

/** The select permission of the port's role. */
export function permissionOf(table: Entry | undefined, role: string): Entry | undefined {
  return entries(table?.select_permissions).find((each) => each.role === role);
}

/** Whether the table and the role's permission on it say what the port asks for; their strangers' parts may be. */
export function isAsAsked(table: Entry | undefined, role: string, as: PortAs): boolean {
  const wanted = expectedTable(as);
  return (
    table !== undefined &&
    canonical(saidBy(table.configuration)) === canonical(wanted.names) &&
    isPermissionAsAsked(permissionOf(table, role), wanted)
  );
}

/** Hasura writes empty members into a configuration, which say nothing. */
function saidBy(configuration: unknown): Entry {
  return Object.fromEntries(
    Object.entries((configuration ?? {}) as Entry).filter(
      ([, value]) => canonical(value) !== "{}" && value !== null,
    ),
  );
}

function isPermissionAsAsked(
  permission: Entry | undefined,
  wanted: ReturnType<typeof expectedTable>,
): boolean {
  if (permission === undefined) return false;
  const { columns, ...others } = permission.permission as Entry;
  return (
    permission.comment === wanted.comment &&
    canonical([...(columns as string[])].sort()) === canonical(wanted.columns) &&
    canonical(others) === canonical({ filter: {} })
  );
}

/**
 * Everything that is not ours, as one text: what our tables carry of others' is part of it, and so are the tables that
 * others track in our sources.
 */
export function strangersIn(metadata: Metadata, model: Model): string {
  const sources = metadata.sources.flatMap((source) => {
    const tables = entries(source.tables).flatMap((table) => strangersOn(model, source, table));
    const isOurs = model.ports.some((port) => port.source === source.name);
    if (!isOurs) return [{ ...source, tables }];
    return tables.length > 0 ? [{ name: source.name, tables }] : [];
  });
  const { inherited_roles, ...others } = metadata;
  return canonical({ ...others, sources, inherited_roles: entries(inherited_roles) });
}

function strangersOn(model: Model, source: Entry, table: Entry): unknown[] {
  const owner = model.ports.find((port) => isOurTable(port, source, table));
  if (owner === undefined) return [table];
  const parts = strangePartsOf(table, owner.role);
  return Object.keys(parts).length > 0 ? [{ table: table.table, ...parts }] : [];
}

/** By its place, its names or its mark. */
export function isOurTable(
  { port, applied, ...names }: ModelPort,
  source: Entry,
  table: Entry,
): boolean {
  if (names.source !== source.name) return false;
  const isApplied =
    applied !== null &&
    canonical(table.table) === canonical(tableOf({ ...port, variant: applied }));
  const name = String(memberOf(table.configuration, "custom_name"));
  const marked = permissionOf(table, names.role)?.comment === markOf(port);
  return isApplied || marked || name.startsWith(`${prefixOf(port)}_`);
}

/** The inherited roles as they are when nobody inherits from the role any more. */
export function withoutRole(roles: readonly Entry[], role: string): Entry[] {
  const gone = new Set([role]);
  const changed: (Entry & { role_set: string[] })[] = roles.map((entry) => ({
    ...entry,
    role_set: entry.role_set as string[],
  }));
  for (let before = -1; before !== gone.size; ) {
    before = gone.size;
    for (const entry of changed)
      if (entry.role_set.length > 0 && entry.role_set.every((parent) => gone.has(parent)))
        gone.add(String(entry.role_name));
  }
  return changed
    .filter((entry) => !gone.has(String(entry.role_name)))
    .map((entry) => ({ ...entry, role_set: entry.role_set.filter((each) => !gone.has(each)) }));
}
