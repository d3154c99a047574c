/** What Hasura makes of commands, as far as the metadata goes: a model for tests of plans, with its export's habits. */
import type { Command } from "../../src/hasura/client.ts";
import { canonical, type Metadata } from "../../src/hasura/metadata.ts";

type Entry = Record<string, unknown>;
type Args = {
  name: string;
  source: string;
  table: unknown;
  role: string;
  configuration: Entry;
  permission: Entry;
  comment: string;
};

/** The metadata after the commands, nested bulks included. @throws where Hasura would refuse */
export function applied(metadata: Metadata, command: Command): Metadata {
  const copy = structuredCloneLossless(metadata) as Entry;
  run(copy, command);
  return copy;
}

function run(metadata: Entry, { type, args }: Command): void {
  if (type === "bulk" || type === "bulk_keep_going") {
    for (const each of args as Command[]) run(metadata, each);
    return;
  }
  const before = orphanedRoles(metadata);
  if (type.endsWith("_inherited_role")) changeRole(metadata, type, args as RoleArgs);
  else runOne(metadata, type.slice(type.indexOf("_") + 1), type.split("_")[0] ?? "", args as Args);
  // Every command by itself must leave all inherited roles as sound as they were.
  for (const broken of orphanedRoles(metadata))
    if (!before.has(broken)) throw new Error(`new inconsistent metadata: ${broken}`);
}

interface RoleArgs {
  readonly role_name: string;
  readonly role_set: readonly string[];
}

function changeRole(metadata: Entry, type: string, args: RoleArgs): void {
  const roles = (metadata.inherited_roles ?? []) as RoleArgs[];
  const at = roles.findIndex(({ role_name }) => role_name === args.role_name);
  if (type === "drop_inherited_role" && at === -1) throw new Error("not-exists: inherited role");
  const others = roles.filter((_, position) => position !== at);
  const changed =
    type === "drop_inherited_role"
      ? others
      : others.toSpliced(at === -1 ? others.length : at, 0, args);
  if (changed.length > 0) metadata.inherited_roles = changed;
  else delete metadata.inherited_roles;
}

/** Parents of inherited roles that are neither inherited themselves nor have a permission. */
function orphanedRoles(metadata: Entry): Set<string> {
  const roles = (metadata.inherited_roles ?? []) as RoleArgs[];
  const sources = (metadata.sources ?? []) as Entry[];
  const known = new Set<unknown>([
    ...roles.map(({ role_name }) => role_name),
    ...sources.flatMap((source) =>
      listOf(source.tables).flatMap((table) =>
        listOf(table.select_permissions).map(({ role }) => role),
      ),
    ),
  ]);
  return new Set(
    roles.flatMap(({ role_name, role_set }) =>
      role_set.filter((role) => !known.has(role)).map((role) => `${role_name} inherits ${role}`),
    ),
  );
}

function runOne(metadata: Entry, command: string, kind: string, args: Args): void {
  metadata.sources ??= [];
  const sources = metadata.sources as Entry[];
  const source = (name: string): Entry =>
    required(
      sources.find((each) => each.name === name),
      `source ${name}`,
    );
  const table = (): Entry =>
    required(
      tables(source(args.source)).find((each) => canonical(each.table) === canonical(args.table)),
      "table",
    );
  switch (command) {
    case "add_source":
      if (sources.some((each) => each.name === args.name)) throw new Error("already-exists");
      sources.push({
        name: args.name,
        kind,
        tables: [],
        configuration: exported(args.configuration),
      });
      return;
    case "update_source":
      source(args.name).configuration = exported(args.configuration);
      return;
    case "drop_source":
      sources.splice(sources.indexOf(source(args.name)), 1);
      return;
    case "track_table":
      if (
        tables(source(args.source)).some((each) => canonical(each.table) === canonical(args.table))
      )
        throw new Error("already-tracked");
      tables(source(args.source)).push({
        table: args.table,
        configuration: customised(args.configuration),
      });
      return;
    case "untrack_table": {
      const all = tables(source(args.source));
      all.splice(all.indexOf(table()), 1);
      return;
    }
    case "set_table_customization":
      table().configuration = customised(args.configuration);
      return;
    case "create_select_permission":
      if (permissions(table()).some((each) => each.role === args.role))
        throw new Error("already-exists");
      permissions(table()).push({
        role: args.role,
        permission: permitted(args.permission),
        comment: args.comment,
      });
      return;
    case "drop_select_permission": {
      const all = permissions(table());
      all.splice(
        all.indexOf(
          required(
            all.find((each) => each.role === args.role),
            "permission",
          ),
        ),
        1,
      );
      return;
    }
    default:
      throw new Error(`the model does not know ${command}`);
  }
}

/** Data connectors' configurations come back in this form, whatever was sent. */
function exported(configuration: Entry): Entry {
  return { value: {}, template: null, timeout: null, ...configuration };
}

function customised(configuration: Entry): Entry {
  return { column_config: {}, custom_column_names: {}, ...configuration };
}

function permitted({ allow_aggregations, ...permission }: Entry): Entry {
  return allow_aggregations === true ? { ...permission, allow_aggregations } : permission;
}

function tables(source: Entry): Entry[] {
  source.tables ??= [];
  return source.tables as Entry[];
}

function permissions(table: Entry): Entry[] {
  table.select_permissions ??= [];
  return table.select_permissions as Entry[];
}

function listOf(value: unknown): readonly Entry[] {
  return Array.isArray(value) ? value : [];
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`not-exists: ${what}`);
  return value;
}

/** A copy that keeps lossless numbers as what they are. */
function structuredCloneLossless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCloneLossless);
  if (value === null || typeof value !== "object" || "isLosslessNumber" in value) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, structuredCloneLossless(member)]),
  );
}
