/** The steps of one object, with the commands of Hasura's metadata API that carry them out. */
import type { Command } from "./client.ts";
import type { DesiredObjects } from "./desired.ts";
import type { PermissionEntry, SourceEntry, TableEntry } from "./metadata-index.ts";
import type { ObjectRef, PermissionRef, SourceRef, Step, TableRef } from "./objects.ts";
import { sameConfiguration, samePermission } from "./same.ts";

/** Tracks a table, or gives it the names that are wanted. */
export function tableSteps(
  object: TableRef,
  table: TableEntry | undefined,
  { source, table: path, configuration }: DesiredObjects,
): Step<TableRef>[] {
  const args = { source: source.name, table: path, configuration };
  if (table === undefined)
    return [step("add", object, null, args, [{ type: `${source.kind}_track_table`, args }])];
  if (sameConfiguration(table.configuration, configuration)) return [];
  const before = { ...args, configuration: table.configuration ?? null };
  const command = { type: `${source.kind}_set_table_customization`, args };
  return [step("change", object, before, args, [command], true)];
}

/** Makes a permission, or replaces one that differs. */
export function permissionSteps(
  object: PermissionRef,
  entry: PermissionEntry | undefined,
  { source, table, role, permission, comment }: DesiredObjects,
): Step<PermissionRef>[] {
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

export function permissionRemoval(
  object: PermissionRef,
  entry: PermissionEntry,
): Step<PermissionRef> {
  const { source, table, role } = object;
  const args = { source, table, role };
  const before = { ...args, permission: entry.permission, comment: entry.comment };
  const type = `${object.sourceKind}_drop_select_permission`;
  return step("remove", object, before, null, [{ type, args }], true);
}

/** Stops tracking a table; Hasura refuses while something hangs on it. */
export function tableRemoval(object: TableRef, table: TableEntry): Step<TableRef> {
  const where = { source: object.source, table: object.table };
  const before = { ...where, configuration: table.configuration ?? null };
  const command = {
    type: `${object.sourceKind}_untrack_table`,
    args: { ...where, cascade: false },
  };
  return step("remove", object, before, null, [command], true);
}

/** Drops a source; Hasura refuses while it has tables. */
export function sourceDrop(object: SourceRef, source: SourceEntry): Step<SourceRef> {
  const args = { name: object.source, cascade: false };
  const before = { name: object.source, configuration: source.configuration };
  const type = `${object.sourceKind}_drop_source`;
  return step("remove", object, before, null, [{ type, args }], true);
}

/** Has Hasura connect to a source again and read it; nothing of the metadata changes. */
export function sourceReload(object: SourceRef): Step<SourceRef> {
  const args = {
    reload_sources: [object.source],
    reload_remote_schemas: false,
    recreate_event_triggers: false,
    reload_data_connectors: false,
  };
  const state = { name: object.source };
  return step("reload", object, state, state, [{ type: "reload_metadata", args }]);
}

export function step<Ref extends ObjectRef>(
  action: Step["action"],
  object: Ref,
  before: unknown,
  after: unknown,
  commands: readonly Command[],
  destructive = false,
): Step<Ref> {
  return { action, object, before, after, destructive, commands };
}
