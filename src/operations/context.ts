import type { Directory } from "../directory/directory.ts";
import type { OperationKind } from "../domain/operation.ts";
import type { HasuraClient } from "../hasura/client.ts";
import type { CombinedRoleLimits } from "../inventory/combined-roles.ts";
import type { Db } from "../inventory/db.ts";
import type { Locks } from "../inventory/locks.ts";
import type { Logger } from "../observability/logger.ts";
import type { RoleMapper } from "../role-mapper/client.ts";
import type { SourceInspector, SourceSettings } from "../sources/kind.ts";
import type { EndedSignal } from "./wait.ts";

/** What operations work with. Made once, in src/context.ts. */
export interface OperationsContext {
  readonly db: Db;
  /** For connections of the queue's own. */
  readonly databaseUrl: string;
  /** Held by whoever commits, and by whoever mirrors. */
  readonly locks: Locks;
  readonly log: Logger;
  readonly hasura: HasuraClient;
  readonly hasuraId: string;
  /** `false`: nothing is written to Hasura; what would have to be waits. */
  readonly hasuraWrites: boolean;
  /** Whether a batch may be written as one `replace_metadata` where that is safe and cheaper. */
  readonly hasuraReplace: boolean;
  /** How long one bulk should take at most, in milliseconds; one port is written however long it takes. */
  readonly commitMaxMs: number;
  /** What a scheduled reconcile does with the differences it finds. */
  readonly reconcileMode: "report" | "repair";
  readonly inspector: SourceInspector;
  readonly sourceSettings: SourceSettings;
  /** Where the groups of access lists are looked up to be bound; null: a group's name stands for itself. */
  readonly directory: Pick<Directory, "groupsNamed"> | null;
  /** An older role mapper that is told what holds of ports; null: none is. */
  readonly roleMapper: RoleMapper | null;
  /** `declared`: aggregates are permitted for ports whose descriptor names them. */
  readonly aggregates: "off" | "declared";
  readonly publicUrl: string | null;
  /** How long an operation may go on being tried, in milliseconds. */
  readonly deadlineMs: (kind: OperationKind) => number;
  /** Roles over several ports. */
  readonly multiPort: {
    readonly mode: "off" | "declared" | "auto";
    readonly limits: CombinedRoleLimits;
    /** Days after which one that a query asked for and that is not used ends; null: it is not known who uses them. */
    readonly unusedDays: number | null;
  };
  /** For how many days ended operations are kept. */
  readonly retentionDays: number;
  readonly ended: EndedSignal;
}
