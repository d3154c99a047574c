import type { OperationsContext } from "../operations/context.ts";

/** What somebody may do; each includes those before it. */
export const PERMISSIONS = ["viewer", "operator", "admin"] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Who asks. `name` is what operations and grants record. */
export interface Actor {
  readonly name: string;
  readonly kind: "witboost" | "admin" | "anonymous";
  readonly permission: Permission;
}

/** What every resolver works with; made anew for each request. */
export interface GraphqlContext {
  readonly operations: OperationsContext;
  readonly actor: Actor;
}

/** Whoever reaches the admin face where no identity provider is set: it is on loopback only then. */
export const LOCAL_ADMIN: Actor = { name: "admin:local", kind: "admin", permission: "admin" };

export function isPermitted(actor: Actor, needed: Permission): boolean {
  return PERMISSIONS.indexOf(actor.permission) >= PERMISSIONS.indexOf(needed);
}
