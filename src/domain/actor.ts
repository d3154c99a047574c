import { AppError } from "../errors.ts";

/** What somebody may do; each includes those before it. */
export const PERMISSIONS = ["viewer", "operator", "admin"] as const;
export type Permission = (typeof PERMISSIONS)[number];

/**
 * Whether what somebody has is enough.
 * @param held `null`: nothing at all
 */
export function isPermitted(held: Permission | null, needed: Permission): boolean {
  return held !== null && PERMISSIONS.indexOf(held) >= PERMISSIONS.indexOf(needed);
}

/** Somebody who asks for a change. */
export interface Asker {
  /** What operations and grants record. */
  readonly name: string;
  /** `null`: nothing at all. */
  readonly permission: Permission | null;
}

/** @throws AppError FORBIDDEN */
export function requirePermission({ name, permission }: Asker, needed: Permission): void {
  if (isPermitted(permission, needed)) return;
  throw new AppError("FORBIDDEN", `${name} may not do this: it needs the permission ${needed}.`);
}

/**
 * The most that roles of an identity provider give: `viewer`, `operator`, `admin`, or the same after `portcullis.`, in
 * any case. Other roles are somebody else's.
 */
export function permissionOf(roles: readonly string[]): Permission | null {
  const known = new Set(roles.map((role) => role.toLowerCase().replace(/^portcullis\./, "")));
  return PERMISSIONS.findLast((permission) => known.has(permission)) ?? null;
}
