import type { ExplainAccess } from "../access/explain.ts";
import type { Permission } from "../domain/actor.ts";
import type { OperationsContext } from "../operations/context.ts";

/** Who asks. `name` is what operations and grants record. */
export interface Actor {
  readonly name: string;
  readonly kind: "witboost" | "role-mapper" | "admin" | "anonymous";
  /** `null`: nothing at all. */
  readonly permission: Permission | null;
}

/** What every resolver works with; made anew for each request. */
export interface GraphqlContext {
  readonly operations: OperationsContext;
  readonly actor: Actor;
  /** `null` where nobody explains: behind REST. */
  readonly explain: ExplainAccess | null;
}

/** Whoever reaches the admin face where no identity provider is set: it is on loopback only then. */
export const LOCAL_ADMIN: Actor = { name: "admin:local", kind: "admin", permission: "admin" };

/** Whoever shows no token where an identity provider is set. */
export const ANONYMOUS: Actor = { name: "anonymous", kind: "anonymous", permission: null };
