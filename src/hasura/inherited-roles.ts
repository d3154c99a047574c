/**
 * Inherited roles over a role of ours. Hasura refuses to drop the last permission of a role that another inherits from,
 * even when the same bulk creates it again, so they have to step aside first.
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
 * to inherit from goes.
 */
export function withoutParent(
  roles: readonly InheritedRoleEntry[],
  role: string,
): Step<InheritedRoleRef>[] {
  const gone = new Set([role]);
  // What they inherit from is settled first, so that a role that goes takes those with it that have only it.
  const left = new Map<string, InheritedRoleEntry>();
  for (const entry of roles.toReversed()) {
    const role_set = entry.role_set.filter((parent) => !gone.has(parent));
    if (role_set.length === 0) gone.add(entry.role_name);
    else left.set(entry.role_name, { ...entry, role_set });
  }
  return roles.flatMap((before): Step<InheritedRoleRef>[] => {
    const { role_name, role_set } = before;
    const after = left.get(role_name) ?? null;
    if (after?.role_set.length === role_set.length) return [];
    const command: Command =
      after === null
        ? { type: "drop_inherited_role", args: { role_name } }
        : { type: "add_inherited_role", args: after };
    return [
      {
        action: after === null ? "remove" : "change",
        object: { kind: "INHERITED_ROLE", role: role_name },
        before,
        after,
        destructive: true,
        commands: [command],
      },
    ];
  });
}
