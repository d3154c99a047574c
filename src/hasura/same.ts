/** Whether what Hasura holds says the same as what is wanted, however it spells it. */
import type { DesiredObjects } from "./desired.ts";
import { canonical } from "./metadata.ts";
import type { PermissionEntry } from "./metadata-index.ts";

/** Hasura writes empty maps and nulls of its own into what it exports; they say nothing. */
export function sameConfiguration(actual: unknown, wanted: unknown): boolean {
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

export function samePermission(
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
