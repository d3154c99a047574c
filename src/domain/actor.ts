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

/**
 * The most that roles of an identity provider give: `viewer`, `operator`, `admin`, or the same after `portcullis.`, in
 * any case. Other roles are somebody else's.
 */
export function permissionOf(roles: readonly string[]): Permission | null {
  const known = new Set(roles.map((role) => role.toLowerCase().replace(/^portcullis\./, "")));
  return PERMISSIONS.findLast((permission) => known.has(permission)) ?? null;
}
