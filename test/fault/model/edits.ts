/** Commands of others in the same Hasura: whatever somebody does at its console, near our things or on them. */
import { canonical, stringifyLossless } from "../../../src/hasura/metadata.ts";
import { expectedTable, tableOf } from "../descriptors.ts";
import { command, entries } from "../metadata.ts";
import { type Command, commandOf, portOf } from "./command.ts";
import { appliedTable, type Model, type ModelPort, permissionOf } from "./model.ts";
import { count, STRANGER_VIEW, type World } from "./world.ts";

type Edit = (port: ModelPort, world: World, model: Model) => Promise<unknown>;

/** The table that the port has, or would have. */
function ownPath({ port, applied }: ModelPort): string[] {
  return tableOf({ ...port, variant: applied ?? 0 });
}

function otherPath({ port, applied }: ModelPort): string[] {
  return tableOf({ ...port, variant: applied === 1 ? 0 : 1 });
}

const ELSEWHERE = "theirs_copy";

/** A select permission is changed as Hasura lets it be changed: dropped and made anew. */
async function repermit(
  port: ModelPort,
  world: World,
  change: (entry: { permission: object; comment?: unknown }) => object,
): Promise<void> {
  const table = appliedTable(await world.export(), port);
  const own = permissionOf(table, port.role);
  if (own === undefined) return;
  const where = { source: port.source, table: ownPath(port), role: port.role };
  const { permission, comment } = own as { permission: object; comment?: unknown };
  await world.edit("bulk", [
    { type: "snowflake_drop_select_permission", args: where },
    {
      type: "snowflake_create_select_permission",
      args: { ...where, permission, comment, ...change({ permission, comment }) },
    },
  ]);
}

function customise(port: ModelPort, world: World, configuration: object): Promise<boolean> {
  const table = ownPath(port);
  return world.edit("snowflake_set_table_customization", {
    ...{ source: port.source, table, configuration },
  });
}

/** What others do to a port's things, or in its source. */
export const EDITS = {
  trackAnother: ({ source }, world) =>
    world.edit("snowflake_track_table", { source, table: tableOf(STRANGER_VIEW) }),
  untrackAnother: ({ source }, world) =>
    world.edit("snowflake_untrack_table", { source, table: tableOf(STRANGER_VIEW) }),
  trackItsOtherView: (port, world) =>
    world.edit("snowflake_track_table", { source: port.source, table: otherPath(port) }),
  untrackItsOtherView: (port, world) =>
    world.edit("snowflake_untrack_table", { source: port.source, table: otherPath(port) }),
  untrackOurs: (port, world) =>
    world.edit("snowflake_untrack_table", {
      ...{ source: port.source, table: ownPath(port), cascade: true },
    }),
  async trackItElsewhere(port, world) {
    const configuration = JSON.parse(world.connection) as unknown;
    await world.edit("snowflake_add_source", { name: ELSEWHERE, configuration });
    await world.edit("snowflake_track_table", { source: ELSEWHERE, table: ownPath(port) });
  },
  dropElsewhere: (_port, world) =>
    world.edit("snowflake_drop_source", { name: ELSEWHERE, cascade: true }),
  permit: (port, world) =>
    world.edit("snowflake_create_select_permission", {
      ...{ source: port.source, table: ownPath(port), role: "stranger" },
      permission: { columns: ["DATE"], filter: {} },
    }),
  unpermit: (port, world) =>
    world.edit("snowflake_drop_select_permission", {
      ...{ source: port.source, table: ownPath(port), role: "stranger" },
    }),
  relate: (port, world) =>
    world.edit("snowflake_create_object_relationship", {
      ...{ source: port.source, table: ownPath(port), name: "same_day" },
      using: {
        manual_configuration: {
          ...{ remote_table: ownPath(port), column_mapping: { DATE: "DATE" } },
        },
      },
    }),
  unrelate: (port, world) =>
    world.edit("snowflake_drop_relationship", {
      ...{ source: port.source, table: ownPath(port), relationship: "same_day" },
    }),
  rename: (port, world) => {
    const { custom_name } = expectedTable({ ...port.port, variant: 0 }).names;
    return customise(port, world, {
      ...{ custom_name, custom_root_fields: { select: `${custom_name}_renamed` } },
    });
  },
  nameAsVariant3: (port, world) => {
    const { names } = expectedTable({ ...port.port, variant: 3 });
    return customise(port, world, names);
  },
  nameAColumn: (port, world) => {
    const { names } = expectedTable({ ...port.port, variant: port.applied ?? 0 });
    return customise(port, world, { ...names, column_config: { DATE: { custom_name: "day" } } });
  },
  narrow: (port, world) =>
    repermit(port, world, () => ({ permission: { columns: ["DATE"], filter: {} } })),
  unmark: (port, world) => repermit(port, world, () => ({ comment: null })),
  dropPermission: (port, world) =>
    world.edit("snowflake_drop_select_permission", {
      ...{ source: port.source, table: ownPath(port), role: port.role },
    }),
  dropSource: ({ source }, world) =>
    world.edit("snowflake_drop_source", { name: source, cascade: true }),
  changeSource: ({ source }, world) =>
    world.edit("snowflake_update_source", {
      name: source,
      configuration: { ...(JSON.parse(world.connection) as object), timeout: { seconds: 9 } },
    }),
  inherit: ({ role }, world) =>
    world.edit("add_inherited_role", { role_name: "theirs_one", role_set: [role] }),
  inheritWithOthers: ({ role }, world) =>
    world.edit("add_inherited_role", { role_name: "theirs_two", role_set: [role, "city_planner"] }),
  inheritAll: (_port, world, { ports }) =>
    world.edit("add_inherited_role", {
      role_name: "theirs_three",
      role_set: ports.filter(({ applied }) => applied !== null).map(({ role }) => role),
    }),
  async inheritInherited(_port, world) {
    const known = entries((await world.export()).inherited_roles);
    const role_set = known
      .map(({ role_name }) => String(role_name))
      .filter((name) => /^theirs_(one|two|three)$/.test(name));
    await world.edit("add_inherited_role", { role_name: "theirs_four", role_set });
  },
  async disinherit(_port, world) {
    for (const role_name of ["theirs_four", "theirs_three", "theirs_two", "theirs_one"])
      await world.edit("drop_inherited_role", { role_name });
  },
} as const satisfies Record<string, Edit>;

export type EditName = keyof typeof EDITS;
export const EDIT_NAMES = Object.keys(EDITS) as EditName[];

/** Somebody brings back the metadata as they were so many commands ago, ours and everybody's. */
export function restore(back: number): Command {
  return commandOf(`restore(${back})`, async (_model, world) => {
    const former = world.history.at(-1 - back) ?? world.history.at(0);
    if (former === undefined) return;
    const args = { allow_inconsistent_metadata: true, metadata: former };
    const text = stringifyLossless({ type: "replace_metadata", version: 2, args });
    await command(world.plane.sandbox, text);
    count(world, "restore made");
  });
}

/** Somebody else does that, where there is something of ours; what comes of it is Hasura's. */
export function edit(index: number, name: EditName): Command {
  const run: Command["run"] = async (model, world) => {
    const port = portOf(model, index);
    const work: Edit = EDITS[name];
    const before = canonical(await world.export());
    await work(port, world, model);
    const changed = canonical(await world.export()) !== before;
    count(world, `${name} ${changed ? "made" : "without effect"}`);
  };
  const isThere = (model: Readonly<Model>): boolean => portOf(model, index).applied !== null;
  return commandOf(`edit(${index}, ${JSON.stringify(name)})`, run, isThere);
}
