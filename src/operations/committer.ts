/**
 * The one committer of a Hasura: takes a PostgreSQL advisory lock on a connection of its own, works until nothing is
 * left, and lets go. PostgreSQL frees the lock of a process that dies.
 */
import type { Operation } from "../inventory/generated/client.ts";
import { LOCK_KINDS } from "../inventory/locks.ts";
import { dueToCommit, dueTokens } from "../inventory/operations.ts";
import { brokenSources } from "../inventory/sources.ts";
import { commitBatch } from "./batch.ts";
import { carryOut } from "./carry-out.ts";
import { combine, separate } from "./combine.ts";
import type { OperationsContext } from "./context.ts";
import { reconcile } from "./reconcile.ts";
import { probeSources } from "./source-health.ts";

/** The most operations in one batch: a rebuild in Hasura is shared by as many, and a failure concerns as few. */
const BATCH_MAX = 100;

/** Kinds that are not carried out together with others. */
const ALONE: Partial<
  Record<Operation["kind"], (ctx: OperationsContext, operation: Operation) => Promise<void>>
> = { RECONCILE: reconcile, COMBINE: combine, SEPARATE: separate };

/**
 * Works off what waits for this Hasura, if nobody else does.
 * @param stopping when aborted, the batch at hand is the last
 */
export async function commitWaiting(ctx: OperationsContext, stopping: AbortSignal): Promise<void> {
  const lock = { kind: LOCK_KINDS.committer, name: ctx.hasuraId };
  do {
    const wasFree = await ctx.locks.hold(lock, (isLost) =>
      workOff(ctx, () => isLost() || stopping.aborted),
    );
    if (!wasFree) return;
    // Whoever was turned away relies on the holder: so it looks again after it let go.
  } while (!stopping.aborted && (await isSomethingDue(ctx)));
}

async function isSomethingDue(ctx: OperationsContext): Promise<boolean> {
  return (
    (await dueTokens(ctx.db, ctx.hasuraId, 1)).length > 0 ||
    (ctx.hasuraWrites && (await brokenSources(ctx.db, ctx.hasuraId)).length > 0)
  );
}

async function workOff(ctx: OperationsContext, isOver: () => boolean): Promise<void> {
  let most = BATCH_MAX;
  while (!isOver()) {
    const due = await dueToCommit(ctx.db, ctx.hasuraId, most);
    const [first] = due;
    if (first === undefined) break;
    const alone = ALONE[first.kind];
    if (alone !== undefined) {
      await carryOut(ctx, first, alone);
      continue;
    }
    const batch = due.filter(({ kind }) => ALONE[kind] === undefined);
    const left = await commitBatch(ctx, batch);
    // What does not fit into a write is not looked at again and again: the next batch is as large as this one's part.
    most = left > 0 ? Math.max(1, batch.length - left) : BATCH_MAX;
  }
  if (!isOver()) await probeSources(ctx);
}
