/** The steps that make Hasura agree for one port: pure, from what is there and what should be. */
import type { Problem } from "../errors.ts";
import type { Command } from "./client.ts";
import { type DesiredObjects, type DesiredSource, ownershipMark } from "./desired.ts";
import { brokenSource, type InconsistentObject, isBrokenTable } from "./inconsistencies.ts";
import { inheritingFrom, stepAside, withoutParent } from "./inherited-roles.ts";
import {
  holdsMoreThanTables,
  type MetadataIndex,
  otherParts,
  type SourceEntry,
  selectPermissions,
  type TableEntry,
  tableKey,
} from "./metadata-index.ts";
import {
  keyed,
  objectName,
  type PermissionRef,
  type PortObjectRef,
  refsOf,
  type SourceRef,
  type Step,
  type TableRef,
} from "./objects.ts";
import { sameConfiguration } from "./same.ts";
import {
  permissionRemoval,
  permissionSteps,
  sourceDrop,
  sourceReload,
  step,
  tableRemoval,
  tableSteps,
} from "./steps.ts";

/** Hasura as it was found: its metadata, and what of it does not work. */
export interface Observed {
  readonly index: MetadataIndex;
  readonly inconsistent: readonly InconsistentObject[];
  /** Names of the inherited roles that are ours: they go with any of the roles that they inherit from. */
  readonly ownRoles: ReadonlySet<string>;
}

/** An object recorded as ours; `confirmed` once Hasura was seen to hold it, before that only intended. */
export type OwnedObject = PortObjectRef & { readonly confirmed: boolean };

/** What is to be planned for one port. */
export interface PortChange {
  /** Tells the ports of a batch apart. */
  readonly id: string;
  readonly environment: string;
  readonly componentId: string;
  /** Decided once: a port that goes has it too. */
  readonly role: string;
  /** `null`: the port goes. */
  readonly desired: DesiredObjects | null;
  /** Objects recorded as this port's; its sources among them. */
  readonly owned: readonly OwnedObject[];
  /** Where its earlier revisions had their tables: what carries its mark there is its own, as after a restored backup. */
  readonly former?: readonly OwnedObject[] | undefined;
  /** Names of sources that ports outside of this batch still use. */
  readonly sharedSources: ReadonlySet<string>;
}

export interface PortPlan {
  /** Its source made, changed or read again; others of the batch may need that too. */
  readonly sources: readonly Step<SourceRef>[];
  /** Names are given up before they are taken. */
  readonly steps: readonly Step[];
  /** Sources that nobody needs after that. */
  readonly drops: readonly Step<SourceRef>[];
  /** Names of sources of ours that it gives up and that are not dropped yet. */
  readonly givenUp: readonly string[];
  /** Why it cannot be done without touching what is not ours; then there are no steps. */
  readonly refusals: readonly Problem[];
  /** Inherited roles that have to change or step aside for it. */
  readonly inheritedRoles: readonly string[];
  /** It removes what is inconsistent, which Hasura takes in a `replace_metadata` only; additions wait until it is gone. */
  readonly purges: boolean;
}

/** @param keptSources names of sources that this batch wants to be there */
export function planPort(
  observed: Observed,
  change: PortChange,
  keptSources: ReadonlySet<string>,
): PortPlan {
  const refusals: Problem[] = [];
  const refuse = (path: string, message: string, suggestion: string): void => {
    refusals.push({ path, message, suggestion });
  };
  const kept = new Set(change.desired === null ? [] : refsOf(change.desired).map(keyed));
  const owned = new Set(change.owned.map(keyed));
  const former = change.former?.filter((object) => !owned.has(keyed(object))) ?? [];
  const stale = [...change.owned, ...former].filter((object) => !kept.has(keyed(object)));
  const removed = removals(observed, change, stale, refuse);
  const drops = sourceDrops(observed, change, stale, removed, keptSources);
  const broken = removed.some((each) => isBrokenStep(observed, each));
  const purges = broken && !dropsAll(removed, drops);
  const wanted = purges ? null : change.desired;
  const added = wanted === null ? [] : additions(observed, change, wanted, refuse);
  const sources = wanted === null ? [] : sourceSteps(observed, change, wanted, refuse);
  const { steps, inheritedRoles } = besideInheritedRoles(
    observed,
    change,
    // Hasura does nothing with what is inconsistent by itself; it goes with its source.
    broken && !purges ? removed.map((each) => ({ ...each, commands: [] })) : removed,
    added,
  );
  const dropped = new Set(drops.map(({ object }) => object.source));
  const givenUp = unneeded(observed, change, stale, keptSources)
    .map(({ source }) => source)
    .filter((name) => !dropped.has(name));
  const planned = { sources, steps, drops, givenUp, refusals, inheritedRoles, purges };
  return refusals.length > 0 ? { ...planned, sources: [], steps: [], drops: [] } : planned;
}

type Refuse = (path: string, message: string, suggestion: string) => void;

/** Permissions first, then their tables. */
function removals(
  { index }: Observed,
  change: PortChange,
  stale: readonly OwnedObject[],
  refuse: Refuse,
): Step<PermissionRef | TableRef>[] {
  const mark = ownershipMark(change.environment, change.componentId);
  const permissions: Step<PermissionRef>[] = [];
  for (const object of stale) {
    if (object.kind !== "SELECT_PERMISSION") continue;
    const table = index.table(object.source, object.table);
    const entry = selectPermissions(table).find(({ role }) => role === object.role);
    if (entry === undefined) continue;
    // One that was only intended and carries no mark is somebody else's: it is not ours to drop.
    if (object.confirmed || entry.comment === mark)
      permissions.push(permissionRemoval(object, entry));
  }
  const dropped = new Set(permissions.map(({ object }) => keyed(object)));
  const tables: Step<TableRef>[] = [];
  for (const object of stale) {
    if (object.kind !== "TABLE") continue;
    const table = index.table(object.source, object.table);
    if (table === undefined) continue;
    const ours =
      object.confirmed || selectPermissions(table).some(({ comment }) => comment === mark);
    if (!ours) continue;
    const strangers = foreignParts(table, object, dropped);
    if (strangers.length > 0)
      refuse(
        objectName(object),
        `is to be untracked and carries what is not ours: ${strangers.join(", ")}`,
        "remove it in Hasura, then try again",
      );
    else tables.push(tableRemoval(object, table));
  }
  return [...permissions, ...tables];
}

function foreignParts(table: TableEntry, object: TableRef, dropped: Set<string>): string[] {
  const permissions = selectPermissions(table)
    .filter(({ role }) => !dropped.has(keyed({ ...object, kind: "SELECT_PERMISSION", role })))
    .map(({ role }) => `select permission of role ${role}`);
  return [...permissions, ...otherParts(table)];
}

/** A source goes with its last port of ours, and never while it holds a table that does not go with it. */
function sourceDrops(
  { index }: Pick<Observed, "index">,
  change: PortChange,
  stale: readonly OwnedObject[],
  removed: readonly Step<PermissionRef | TableRef>[],
  keptSources: ReadonlySet<string>,
): Step<SourceRef>[] {
  return unneeded({ index }, change, stale, keptSources).flatMap((object): Step<SourceRef>[] => {
    const source = index.source(object.source);
    if (source === undefined) return [];
    const going = new Set(
      removed
        .filter((step) => step.object.kind === "TABLE" && step.object.source === object.source)
        .map((step) => tableKey(step.object.table)),
    );
    // One that was only intended is ours when a table of ours was in it: they are written together.
    const ours = object.confirmed || going.size > 0;
    const empty = index.tableKeys(object.source).every((key) => going.has(key));
    if (!ours || !empty || holdsMoreThanTables(source)) return [];
    return [sourceDrop(object, source)];
  });
}

/** Sources of ours that this port gives up and no other port of ours needs. */
function unneeded(
  { index }: Pick<Observed, "index">,
  { sharedSources }: PortChange,
  stale: readonly OwnedObject[],
  keptSources: ReadonlySet<string>,
): (OwnedObject & SourceRef)[] {
  return stale
    .filter((object) => object.kind === "SOURCE")
    .filter(
      ({ source }) =>
        !sharedSources.has(source) &&
        !keptSources.has(source) &&
        index.source(source) !== undefined,
    );
}

function isBrokenStep({ inconsistent }: Observed, { object }: Step<PermissionRef | TableRef>) {
  return isBrokenTable(inconsistent, object.source, tableKey(object.table));
}

/** Dropping the source takes its tables with it, also inconsistent ones. */
function dropsAll(
  removed: readonly Step<PermissionRef | TableRef>[],
  drops: readonly Step<SourceRef>[],
): boolean {
  const names = new Set(drops.map(({ object }) => object.source));
  return removed.every(({ object }) => names.has(object.source));
}

function additions(
  { index }: Observed,
  change: PortChange,
  wanted: DesiredObjects,
  refuse: Refuse,
): Step<PermissionRef | TableRef>[] {
  const table = index.table(wanted.source.name, wanted.table);
  const [, tableRef, permissionRef] = refsOf(wanted);
  const confirmed = confirmedKeys(change);
  const entry = selectPermissions(table).find(({ role }) => role === wanted.role);
  const marked = entry?.comment === wanted.comment;
  if (table !== undefined && !confirmed.has(keyed(tableRef)) && !marked)
    refuse(
      objectName(tableRef),
      "is tracked in Hasura already, and not by us",
      "untrack it there, then try again",
    );
  if (entry !== undefined && !marked && !confirmed.has(keyed(permissionRef)))
    refuse(
      objectName(permissionRef),
      "has a select permission in Hasura that is not ours",
      "drop it there, then try again",
    );
  return [...tableSteps(tableRef, table, wanted), ...permissionSteps(permissionRef, entry, wanted)];
}

function confirmedKeys(change: PortChange): ReadonlySet<string> {
  return new Set(change.owned.filter(({ confirmed }) => confirmed).map(keyed));
}

function sourceSteps(
  { index, inconsistent }: Observed,
  change: PortChange,
  wanted: DesiredObjects,
  refuse: Refuse,
): Step<SourceRef>[] {
  const { name, kind, configuration }: DesiredSource = wanted.source;
  const [object] = refsOf(wanted);
  const source = index.source(name);
  const args = { name, configuration };
  if (source === undefined)
    return [step("add", object, null, args, [{ type: `${kind}_add_source`, args }])];
  if (!isOurSource(index, change, wanted, source))
    refuse(
      name,
      "is a source in Hasura that is not ours",
      "rename or remove that source in Hasura, then try again",
    );
  if (!sameConfiguration(source.configuration, configuration)) {
    const before = { name, configuration: source.configuration };
    // A source that does not work cannot be updated: it is not in the cache that is looked up.
    const command: Command =
      brokenSource(inconsistent, name) === undefined
        ? { type: `${kind}_update_source`, args }
        : { type: `${kind}_add_source`, args: { ...args, replace_configuration: true } };
    return [step("change", object, before, args, [command])];
  }
  // Also when it is the table that does not work: what changed in the source is seen only when it is read again.
  const broken = isBrokenTable(inconsistent, name, tableKey(wanted.table));
  return broken || brokenSource(inconsistent, name) !== undefined ? [sourceReload(object)] : [];
}

function isOurSource(
  index: MetadataIndex,
  change: PortChange,
  wanted: DesiredObjects,
  source: SourceEntry,
): boolean {
  const [object] = refsOf(wanted);
  if (confirmedKeys(change).has(keyed(object))) return true;
  const intended = change.owned.some((owned) => keyed(owned) === keyed(object));
  const permissions = selectPermissions(index.table(wanted.source.name, wanted.table));
  const marked = permissions.some(
    ({ role, comment }) => role === wanted.role && comment === wanted.comment,
  );
  return (
    intended && (marked || sameConfiguration(source.configuration, wanted.source.configuration))
  );
}

/** All steps of a port, with the inherited roles over its role stepping aside or losing it. */
function besideInheritedRoles(
  { index, ownRoles }: Observed,
  change: PortChange,
  removed: readonly Step[],
  added: readonly Step[],
): { steps: Step[]; inheritedRoles: string[] } {
  const steps = [...removed, ...added];
  const drops = steps.some(
    ({ object, action }) => object.kind === "SELECT_PERMISSION" && action !== "add",
  );
  const goes = change.desired === null;
  // Of a port that goes ours go too, even if its permission is gone already.
  const roles = inheritingFrom(index, change.role).filter(
    ({ role_name }) => drops || (goes && ownRoles.has(role_name)),
  );
  const inheritedRoles = roles.map(({ role_name }) => role_name);
  if (roles.length === 0) return { steps, inheritedRoles };
  if (goes)
    return { steps: [...withoutParent(roles, change.role, ownRoles), ...steps], inheritedRoles };
  const { before, after } = stepAside(roles);
  const last = steps.length - 1;
  return {
    inheritedRoles,
    steps: steps.map((each, position) => ({
      ...each,
      commands: [
        ...(position === 0 ? before : []),
        ...each.commands,
        ...(position === last ? after : []),
      ],
    })),
  };
}
