/**
 * The one committer of a Hasura: takes a PostgreSQL advisory lock on a connection of its own, works until nothing is
 * left, and lets go. PostgreSQL frees the lock of a process that dies.
 */
import { Client } from "pg";
import { nextToCommit } from "../inventory/operations.ts";
import { carryOut } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { provision } from "./provision.ts";
import { unprovision } from "./unprovision.ts";

/** First half of the lock's key; the second is the Hasura's. */
const COMMITTER_LOCK = 7_206;

/**
 * Works off what waits for this Hasura, if nobody else does.
 * @param stopping when aborted, the operation at hand is the last
 */
export async function commitWaiting(ctx: OperationsContext, stopping: AbortSignal): Promise<void> {
  // Whoever was turned away relies on the holder: so it looks again after it let go.
  while (!stopping.aborted && (await nextToCommit(ctx.db, ctx.hasuraId)) !== null)
    if (!(await commitUnderLock(ctx, stopping))) return;
}

/** @returns whether the lock was free */
async function commitUnderLock(ctx: OperationsContext, stopping: AbortSignal): Promise<boolean> {
  const lock = new Client({ connectionString: ctx.databaseUrl });
  let lost = false;
  lock.on("error", () => {
    lost = true;
  });
  await lock.connect();
  try {
    const { rows } = await lock.query("SELECT pg_try_advisory_lock($1, hashtext($2)) AS held", [
      COMMITTER_LOCK,
      ctx.hasuraId,
    ]);
    if (rows[0]?.held !== true) return false;
    while (!lost && !stopping.aborted) {
      const operation = await nextToCommit(ctx.db, ctx.hasuraId);
      if (operation === null) break;
      const run = operation.kind === "PROVISION" ? provision : unprovision;
      await carryOut(ctx, operation, run);
    }
    return true;
  } finally {
    await lock.end().catch(() => undefined);
  }
}
