/** The steps that make Hasura agree: pure, from what is there and what should be to a list of commands. */
import type { Problem } from "../errors.ts";
import type { Command } from "./client.ts";
import { type DesiredObjects, type DesiredSource, ownershipMark } from "./desired.ts";
import {
  canonical,
  findSource,
  findTable,
  holdsMoreThanTables,
  type Metadata,
  otherParts,
  type PermissionEntry,
  type SourceEntry,
  selectPermissions,
  type TableEntry,
  tableKeys,
} from "./metadata.ts";

type ObjectKind = "SOURCE" | "TABLE" | "SELECT_PERMISSION";

/** An object in Hasura by what names it there. */
export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly source: string;
  /** Prefix of Hasura's commands for the source. */
  readonly sourceKind: string;
  readonly table?: readonly string[];
  readonly role?: string;
}

export interface Step {
  readonly action: "add" | "change" | "remove";
  readonly object: ObjectRef;
  readonly before: unknown;
  readonly after: unknown;
  /** Whether consumers can lose something by it. */
  readonly destructive: boolean;
  readonly commands: readonly Command[];
}

/** An object recorded as ours; `confirmed` once Hasura was seen to hold it, before that only intended. */
export interface OwnedObject extends ObjectRef {
  readonly confirmed: boolean;
}

/** What is to be planned for one port. */
export interface PortChange {
  readonly environment: string;
  readonly componentId: string;
  /** `null`: the port goes. */
  readonly desired: DesiredObjects | null;
  /** Objects recorded as this port's; its source among them. */
  readonly owned: readonly OwnedObject[];
  /** Names of sources that other ports of ours still use. */
  readonly sharedSources: ReadonlySet<string>;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** Why it cannot be done without touching what is not ours; then there are no steps. */
  readonly refusals: readonly Problem[];
}

/** One text for an object, equal for equal objects; also the key under which the inventory records it. */
export function objectKey(object: ObjectRef): string {
  const parts: unknown[] = [object.source];
  if (object.table !== undefined) parts.push(object.table);
  if (object.role !== undefined) parts.push(object.role);
  return canonical(parts);
}

/**
 * Plans one port's change against the metadata that is there. Steps are in the order in which Hasura takes them:
 * names are given up before they are taken, sources exist before their tables.
 */
export function plan(actual: Metadata, change: PortChange): Plan {
  const refusals: Problem[] = [];
  const refuse = (path: string, message: string, suggestion: string): void => {
    refusals.push({ path, message, suggestion });
  };
  const kept = new Set(change.desired === null ? [] : refsOf(change.desired).map(keyed));
  const stale = change.owned.filter((object) => !kept.has(keyed(object)));
  const removed = removals(actual, change, stale, refuse);
  const steps = [
    ...removed,
    ...(change.desired === null ? [] : additions(actual, change, change.desired, refuse)),
    ...sourceRemovals(actual, change, stale, removed),
  ];
  return refusals.length > 0 ? { steps: [], refusals } : { steps, refusals };
}

/** The command that carries the steps out: one nested bulk, so that all of a port's change holds or none of it. */
export function bulkOf(steps: readonly Step[]): Command {
  return {
    type: "bulk",
    args: [{ type: "bulk", args: steps.flatMap((step) => step.commands) }],
  };
}

/** The objects a port consists of. */
export function refsOf(objects: DesiredObjects): ObjectRef[] {
  const { name: source, kind: sourceKind } = objects.source;
  const { table, role } = objects;
  return [
    { kind: "SOURCE", source, sourceKind },
    { kind: "TABLE", source, sourceKind, table },
    { kind: "SELECT_PERMISSION", source, sourceKind, table, role },
  ];
}

type Refuse = (path: string, message: string, suggestion: string) => void;

function keyed(object: ObjectRef): string {
  return `${object.kind} ${objectKey(object)}`;
}

/** Permissions first, then their tables. */
function removals(
  actual: Metadata,
  change: PortChange,
  stale: readonly OwnedObject[],
  refuse: Refuse,
): Step[] {
  const steps: Step[] = [];
  const mark = ownershipMark(change.environment, change.componentId);
  for (const object of stale) {
    if (object.kind !== "SELECT_PERMISSION") continue;
    const table = findTable(findSource(actual, object.source), object.table ?? []);
    const entry = selectPermissions(table).find(({ role }) => role === object.role);
    if (entry === undefined) continue;
    // One that was only intended and carries no mark is somebody else's: it is not ours to drop.
    if (object.confirmed || entry.comment === mark) steps.push(permissionRemoval(object, entry));
  }
  const dropped = new Set(steps.map((step) => objectKey(step.object)));
  for (const object of stale) {
    if (object.kind !== "TABLE") continue;
    const table = findTable(findSource(actual, object.source), object.table ?? []);
    if (table === undefined) continue;
    const strangers = foreignParts(table, object, dropped);
    const ours =
      object.confirmed || selectPermissions(table).some(({ comment }) => comment === mark);
    if (!ours) continue;
    if (strangers.length > 0)
      refuse(
        tableName(object),
        `is to be untracked and carries what is not ours: ${strangers.join(", ")}`,
        "remove it in Hasura, then try again",
      );
    else steps.push(tableRemoval(object, table));
  }
  return steps;
}

function foreignParts(table: TableEntry, object: ObjectRef, dropped: Set<string>): string[] {
  const permissions = selectPermissions(table)
    .filter(({ role }) => !dropped.has(objectKey({ ...object, role })))
    .map(({ role }) => `select permission of role ${role}`);
  return [...permissions, ...otherParts(table)];
}

function additions(
  actual: Metadata,
  change: PortChange,
  wanted: DesiredObjects,
  refuse: Refuse,
): Step[] {
  const source = findSource(actual, wanted.source.name);
  const table = findTable(source, wanted.table);
  const [sourceRef, tableRef, permissionRef] = refsOf(wanted) as [ObjectRef, ObjectRef, ObjectRef];
  const confirmed = new Set(change.owned.filter((object) => object.confirmed).map(keyed));
  const intended = new Set(change.owned.map(keyed));
  const entry = selectPermissions(table).find(({ role }) => role === wanted.role);
  const marked = entry?.comment === wanted.comment;

  const sourceIsOurs =
    source === undefined ||
    confirmed.has(keyed(sourceRef)) ||
    (intended.has(keyed(sourceRef)) &&
      (marked || sameConfiguration(source.configuration, wanted.source.configuration)));
  if (!sourceIsOurs)
    refuse(
      wanted.source.name,
      "is a source in Hasura that is not ours",
      "rename or remove that source in Hasura, then try again",
    );
  if (table !== undefined && !confirmed.has(keyed(tableRef)) && !marked)
    refuse(
      tableName(tableRef),
      "is tracked in Hasura already, and not by us",
      "untrack it there, then try again",
    );
  if (entry !== undefined && !marked && !confirmed.has(keyed(permissionRef)))
    refuse(
      `${tableName(permissionRef)} for role ${wanted.role}`,
      "has a select permission in Hasura that is not ours",
      "drop it there, then try again",
    );
  return [
    ...sourceSteps(sourceRef, source, wanted.source),
    ...tableSteps(tableRef, table, wanted),
    ...permissionSteps(permissionRef, entry, wanted),
  ];
}

function sourceSteps(
  object: ObjectRef,
  source: SourceEntry | undefined,
  { name, kind, configuration }: DesiredSource,
): Step[] {
  const args = { name, configuration };
  if (source === undefined)
    return [step("add", object, null, args, [{ type: `${kind}_add_source`, args }])];
  if (sameConfiguration(source.configuration, configuration)) return [];
  const before = { name, configuration: source.configuration };
  return [step("change", object, before, args, [{ type: `${kind}_update_source`, args }])];
}

function tableSteps(
  object: ObjectRef,
  table: TableEntry | undefined,
  { source, table: path, configuration }: DesiredObjects,
): Step[] {
  const args = { source: source.name, table: path, configuration };
  if (table === undefined)
    return [step("add", object, null, args, [{ type: `${source.kind}_track_table`, args }])];
  if (sameConfiguration(table.configuration, configuration)) return [];
  const before = { ...args, configuration: table.configuration ?? null };
  const command = { type: `${source.kind}_set_table_customization`, args };
  return [step("change", object, before, args, [command], true)];
}

function permissionSteps(
  object: ObjectRef,
  entry: PermissionEntry | undefined,
  { source, table, role, permission, comment }: DesiredObjects,
): Step[] {
  const where = { source: source.name, table, role };
  const args = { ...where, permission, comment };
  const create = { type: `${source.kind}_create_select_permission`, args };
  if (entry === undefined) return [step("add", object, null, args, [create])];
  if (samePermission(entry, { permission, comment })) return [];
  const before = { ...where, permission: entry.permission, comment: entry.comment ?? null };
  // Hasura has no update for permissions; inside one bulk no client sees the gap.
  const drop = { type: `${source.kind}_drop_select_permission`, args: where };
  return [step("change", object, before, args, [drop, create], true)];
}

function permissionRemoval(object: ObjectRef, entry: PermissionEntry): Step {
  const args = { source: object.source, table: object.table, role: object.role };
  const before = { ...args, permission: entry.permission, comment: entry.comment };
  const type = `${object.sourceKind}_drop_select_permission`;
  return step("remove", object, before, null, [{ type, args }], true);
}

function tableRemoval(object: ObjectRef, table: TableEntry): Step {
  const where = { source: object.source, table: object.table };
  const before = { ...where, configuration: table.configuration ?? null };
  const command = {
    type: `${object.sourceKind}_untrack_table`,
    args: { ...where, cascade: false },
  };
  return step("remove", object, before, null, [command], true);
}

/** A source goes with its last port of ours, and never while it holds a table that does not go with it. */
function sourceRemovals(
  actual: Metadata,
  change: PortChange,
  stale: readonly OwnedObject[],
  removed: readonly Step[],
): Step[] {
  return stale.flatMap((object) => {
    if (object.kind !== "SOURCE" || change.sharedSources.has(object.source)) return [];
    const source = findSource(actual, object.source);
    if (source === undefined) return [];
    const going = new Set(
      removed
        .filter(({ object: { kind, source } }) => kind === "TABLE" && source === object.source)
        .map(({ object: { table } }) => canonical(table)),
    );
    // One that was only intended is ours when a table of ours was in it: they are written together.
    const ours = object.confirmed || going.size > 0;
    const empty = tableKeys(source).every((key) => going.has(key)) && !holdsMoreThanTables(source);
    if (!ours || !empty) return [];
    const args = { name: object.source, cascade: false };
    const before = { name: object.source, configuration: source.configuration };
    const type = `${object.sourceKind}_drop_source`;
    return [step("remove", object, before, null, [{ type, args }], true)];
  });
}

function step(
  action: Step["action"],
  object: ObjectRef,
  before: unknown,
  after: unknown,
  commands: readonly Command[],
  destructive = false,
): Step {
  return { action, object, before, after, destructive, commands };
}

/** Hasura writes empty maps and nulls of its own into what it exports; they say nothing. */
function sameConfiguration(actual: unknown, wanted: unknown): boolean {
  return canonical(withoutEmpty(actual)) === canonical(withoutEmpty(wanted));
}

function withoutEmpty(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(
      ([, member]) =>
        member !== null &&
        !(typeof member === "object" && !Array.isArray(member) && Object.keys(member).length === 0),
    ),
  );
}

function samePermission(
  entry: PermissionEntry,
  wanted: Pick<DesiredObjects, "permission" | "comment">,
): boolean {
  return (
    entry.comment === wanted.comment &&
    canonical(normalisedPermission(entry.permission)) ===
      canonical(normalisedPermission(wanted.permission))
  );
}

/** Columns in any order, and members that say what their absence says. */
function normalisedPermission(permission: Readonly<Record<string, unknown>>): unknown {
  const { columns, allow_aggregations, computed_fields, ...rest } = permission;
  return {
    ...rest,
    columns: Array.isArray(columns) ? columns.map(String).sort() : columns,
    allow_aggregations: allow_aggregations === true,
    computed_fields:
      Array.isArray(computed_fields) && computed_fields.length > 0 ? computed_fields : null,
  };
}

function tableName(object: ObjectRef): string {
  return `${object.source}: ${(object.table ?? []).join(".")}`;
}
