/** Inherited roles: their order, what they take from their parents, and where parents do not go together. */
import { HasuraError } from "./errors.ts";
import { type Inconsistency, inconsistentRole, inheritanceConflict } from "./inconsistency.ts";
import { sameJson } from "./json.ts";
import {
  type InheritedRole,
  type Metadata,
  type Operation,
  type Permission,
  rolesWithPermissions,
} from "./metadata.ts";
import type { BuiltTable, SchemaCache, SelectPermission } from "./schema-cache.ts";

export interface InheritedRoles {
  /** Consistent ones and their parents. */
  readonly roles: ReadonlyMap<string, readonly string[]>;
  readonly inconsistencies: readonly Inconsistency[];
}

/** @throws HasuraError cyclic-dependency */
export function buildInheritedRoles(
  metadata: Metadata,
  tables: readonly BuiltTable[],
): InheritedRoles {
  const inconsistencies: Inconsistency[] = [];
  const roles = new Map<string, readonly string[]>();
  const known = rolesWithPermissions(metadata);
  if (metadata.inheritedRoles.length === 0) return { roles, inconsistencies };
  const byRole = tablesByRole(tables);
  for (const role of inOrder(metadata.inheritedRoles)) {
    const missing = role.parents.filter((parent) => !known.has(parent) && !roles.has(parent));
    const cause =
      missing.length > 0
        ? `the following parent role(s) are not found: ${missing.join(", ")} which are required to construct the inherited role: ${JSON.stringify(role.name)}`
        : differingColumns(role, roles, byRole);
    if (cause !== undefined) {
      inconsistencies.push(inconsistentRole(role, cause));
      continue;
    }
    roles.set(role.name, role.parents);
    inconsistencies.push(...writeConflicts(role, roles, byRole));
  }
  return { roles, inconsistencies };
}

/** Parents before children. */
function inOrder(inherited: readonly InheritedRole[]): InheritedRole[] {
  const byName = new Map(inherited.map((role) => [role.name, role]));
  const ordered = new Map<string, InheritedRole>();
  const visit = (role: InheritedRole, trail: readonly string[]): void => {
    if (ordered.has(role.name)) return;
    if (trail.includes(role.name)) {
      const cycle = trail.slice(trail.indexOf(role.name));
      throw new HasuraError(
        "cyclic-dependency",
        `found cycle(s) in roles: ${JSON.stringify([...cycle, role.name])}`,
      );
    }
    for (const parent of role.parents) {
      const above = byName.get(parent);
      if (above) visit(above, [...trail, role.name]);
    }
    ordered.set(role.name, role);
  };
  for (const role of inherited) visit(role, []);
  return [...ordered.values()];
}

type TablesByRole = ReadonlyMap<string, ReadonlySet<BuiltTable>>;

function tablesByRole(tables: readonly BuiltTable[]): TablesByRole {
  const byRole = new Map<string, Set<BuiltTable>>();
  for (const table of tables)
    for (const list of Object.values(table.metadata.permissions))
      for (const { role } of list) {
        const seen = byRole.get(role) ?? new Set();
        byRole.set(role, seen.add(table));
      }
  return byRole;
}

/** The plain roles that the role is made of, itself included. */
function ancestry(role: string, roles: ReadonlyMap<string, readonly string[]>): string[] {
  const parents = roles.get(role) ?? [];
  return [...new Set([role, ...parents.flatMap((parent) => ancestry(parent, roles))])];
}

function inheritedTables(
  role: InheritedRole,
  roles: ReadonlyMap<string, readonly string[]>,
  byRole: TablesByRole,
): Set<BuiltTable> {
  const plain = role.parents.flatMap((parent) => ancestry(parent, roles));
  return new Set(plain.flatMap((parent) => [...(byRole.get(parent) ?? [])]));
}

/** Without cell redaction, which no data connector here has, parents must see the same columns of a table. */
function differingColumns(
  role: InheritedRole,
  roles: ReadonlyMap<string, readonly string[]>,
  byRole: TablesByRole,
): string | undefined {
  for (const table of inheritedTables(role, roles, byRole)) {
    if (table.source.kind.family !== "data-connector" || table.permissions.has(role.name)) continue;
    const columnSets = role.parents.flatMap((parent) =>
      selectPermissions(table, parent, roles).map(({ columns }) =>
        JSON.stringify([...columns].toSorted()),
      ),
    );
    if (new Set(columnSets).size <= 1) continue;
    const names = role.parents.map((parent) => JSON.stringify(parent)).join(", ");
    return `The source ${JSON.stringify(table.source.name)} does not support inherited roles where the columns allowed are different in the column select permissions in the parent roles. This occurs for the column select permissions defined for the table ${JSON.stringify(table.metadata.name.text)} for the inherited role ${JSON.stringify(role.name)}, which combines the roles ${names}`;
  }
  return undefined;
}

const WRITES = ["insert", "update", "delete"] as const;

function writeConflicts(
  role: InheritedRole,
  roles: ReadonlyMap<string, readonly string[]>,
  byRole: TablesByRole,
): Inconsistency[] {
  const conflicts: Inconsistency[] = [];
  for (const table of inheritedTables(role, roles, byRole))
    for (const operation of WRITES) {
      const inherited = role.parents.flatMap(
        (parent) => writePermission(table, operation, parent, roles) ?? [],
      );
      const [first, ...others] = inherited;
      const own = table.metadata.permissions[operation].some((entry) => entry.role === role.name);
      if (!own && first && others.some((other) => !sameJson(first.definition, other.definition)))
        conflicts.push(
          inheritanceConflict(role.name, operation, table.source.name, table.metadata.name),
        );
    }
  return conflicts;
}

function writePermission(
  table: BuiltTable,
  operation: Operation,
  role: string,
  roles: ReadonlyMap<string, readonly string[]>,
): Permission | undefined {
  const own = table.metadata.permissions[operation].find((entry) => entry.role === role);
  if (own) return own;
  return (roles.get(role) ?? []).flatMap(
    (parent) => writePermission(table, operation, parent, roles) ?? [],
  )[0];
}

/**
 * The select permissions that a role has on a table: its own, else those of its parents. Rows are the
 * union of theirs.
 */
function selectPermissions(
  table: BuiltTable,
  role: string,
  roles: ReadonlyMap<string, readonly string[]>,
): SelectPermission[] {
  const own = table.permissions.get(role);
  if (own) return [own];
  const inherited = (roles.get(role) ?? []).flatMap((parent) =>
    selectPermissions(table, parent, roles),
  );
  return [...new Set(inherited)];
}

/** The tables that a role may select from, each with the permissions that let it. */
export function readableTables(
  cache: SchemaCache,
  tables: readonly BuiltTable[],
  role: string,
): Map<BuiltTable, SelectPermission[]> {
  const readable = new Map<BuiltTable, SelectPermission[]>();
  for (const table of tables) {
    const permissions = selectPermissions(table, role, cache.inheritedRoles);
    if (permissions.length > 0) readable.set(table, permissions);
  }
  return readable;
}
