/**
 * Inherited roles: ours over the roles of several ports, and anybody's over a role of ours. Hasura refuses to drop the
 * last permission of a role that another inherits from, even when the same bulk creates it again, so they have to step
 * aside first.
 */
import type { Command } from "./client.ts";
import type { InheritedRoleEntry, MetadataIndex } from "./metadata-index.ts";
import type { InheritedRoleRef, Step } from "./objects.ts";

/** Every inherited role that the role is part of, directly or through others: those that inherit before what they inherit. */
export function inheritingFrom(index: MetadataIndex, role: string): InheritedRoleEntry[] {
  const found = new Map<string, InheritedRoleEntry>();
  const visit = (parent: string): void => {
    for (const entry of index.inheritedRoles) {
      if (!entry.role_set.includes(parent) || found.has(entry.role_name)) continue;
      found.set(entry.role_name, entry);
      visit(entry.role_name);
    }
  };
  visit(role);
  return dependantsFirst([...found.values()]);
}

function dependantsFirst(roles: readonly InheritedRoleEntry[]): InheritedRoleEntry[] {
  const ordered: InheritedRoleEntry[] = [];
  const seen = new Set<string>();
  const visit = (entry: InheritedRoleEntry): void => {
    if (seen.has(entry.role_name)) return;
    seen.add(entry.role_name);
    for (const other of roles) if (other.role_set.includes(entry.role_name)) visit(other);
    ordered.push(entry);
  };
  for (const entry of roles) visit(entry);
  return ordered;
}

/** Takes the roles away before a permission is replaced, and brings them back as they were after it. */
export function stepAside(roles: readonly InheritedRoleEntry[]): {
  before: Command[];
  after: Command[];
} {
  return {
    before: roles.map(({ role_name }) => ({ type: "drop_inherited_role", args: { role_name } })),
    after: roles.toReversed().map((entry) => ({ type: "add_inherited_role", args: entry })),
  };
}

/**
 * The steps after which no inherited role needs the role any more: each loses it from its set; one that has nobody else
 * to inherit from goes, and so does each of ours.
 * @param ownRoles names of ours
 */
export function withoutParent(
  roles: readonly InheritedRoleEntry[],
  role: string,
  ownRoles: ReadonlySet<string>,
): Step<InheritedRoleRef>[] {
  const gone = new Set([role]);
  // What they inherit from is settled first, so that a role that goes takes those with it that have only it.
  const left = new Map<string, InheritedRoleEntry>();
  for (const entry of roles.toReversed()) {
    const role_set = entry.role_set.filter((parent) => !gone.has(parent));
    const loses = role_set.length < entry.role_set.length;
    if (role_set.length === 0 || (loses && ownRoles.has(entry.role_name)))
      gone.add(entry.role_name);
    else left.set(entry.role_name, { ...entry, role_set });
  }
  return roles.flatMap((before): Step<InheritedRoleRef>[] => {
    const { role_name, role_set } = before;
    const after = left.get(role_name) ?? null;
    if (after?.role_set.length === role_set.length) return [];
    return [roleStep(role_name, before, after)];
  });
}

/** What makes Hasura hold a role of ours over these parents; null when it does. */
export function combinedRoleStep(
  index: MetadataIndex,
  role_name: string,
  parents: readonly string[],
): Step<InheritedRoleRef> | null {
  const entry = inheritedRole(index, role_name);
  if (entry !== undefined && inheritsExactly(entry, parents)) return null;
  return roleStep(role_name, entry ?? null, { ...entry, role_name, role_set: [...parents] });
}

/** What rids Hasura of a role of ours, and those of others that inherit from it of their parent. */
export function combinedRoleRemoval(
  index: MetadataIndex,
  name: string,
  ownRoles: ReadonlySet<string>,
): Step<InheritedRoleRef>[] {
  const entry = inheritedRole(index, name);
  if (entry === undefined) return [];
  return [
    ...withoutParent(inheritingFrom(index, name), name, ownRoles),
    roleStep(name, entry, null),
  ];
}

export function inheritedRole(index: MetadataIndex, name: string): InheritedRoleEntry | undefined {
  return index.inheritedRoles.find(({ role_name }) => role_name === name);
}

/** Whether these and no others are its parents. */
export function inheritsExactly(
  { role_set }: InheritedRoleEntry,
  parents: readonly string[],
): boolean {
  const wanted = new Set(parents);
  return new Set(role_set).size === wanted.size && role_set.every((role) => wanted.has(role));
}

function roleStep(
  role: string,
  before: InheritedRoleEntry | null,
  after: InheritedRoleEntry | null,
): Step<InheritedRoleRef> {
  const command =
    after === null
      ? { type: "drop_inherited_role", args: { role_name: role } }
      : { type: "add_inherited_role", args: after };
  return {
    action: after === null ? "remove" : before === null ? "add" : "change",
    object: { kind: "INHERITED_ROLE", role },
    before,
    after,
    destructive: before !== null,
    commands: [command],
  };
}
