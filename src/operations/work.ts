/** What a worker does when it is woken. */
import type { Operation } from "../inventory/generated/client.ts";
import { removeWrites } from "../inventory/hasuras.ts";
import { removeEndedOperations } from "../inventory/operations.ts";
import { carryOut } from "./carry-out.ts";
import { changeAccess } from "./change-access.ts";
import { commitWaiting } from "./committer.ts";
import type { OperationsContext } from "./context.ts";
import { enforceExternalRole } from "./external-roles.ts";
import { submitReconcile } from "./interventions.ts";
import { mirrorPorts } from "./mirror.ts";
import type { WakeUp } from "./queue.ts";
import { updateAcl } from "./update-acl.ts";
import { validate } from "./validate.ts";

/** Who asks for what comes by the clock. */
const SCHEDULE = "portcullis:schedule";

const DAY_MS = 86_400_000;

async function clean(ctx: OperationsContext): Promise<void> {
  const before = new Date(Date.now() - ctx.retentionDays * DAY_MS);
  const operations = await removeEndedOperations(ctx.db, before);
  const writes = await removeWrites(ctx.db, before);
  ctx.log.info({ operations, writes }, "old operations were removed");
}

/** Kinds that wait for no committer. */
const BESIDE: Partial<
  Record<Operation["kind"], (ctx: OperationsContext, operation: Operation) => Promise<void>>
> = {
  UPDATE_ACL: updateAcl,
  VALIDATE: validate,
  EXTERNAL_ROLE: enforceExternalRole,
  GRANT: changeAccess,
  REVOKE: changeAccess,
  BLOCK: changeAccess,
  UNBLOCK: changeAccess,
};

/**
 * Does what the wake-up is for; finding nothing to do is fine.
 * @param stopping when aborted, what is at hand is finished and nothing more begun
 */
export async function handleWakeUp(
  ctx: OperationsContext,
  wakeUp: WakeUp,
  stopping: AbortSignal,
): Promise<void> {
  if (wakeUp.task === "commit") return commitWaiting(ctx, stopping);
  if (wakeUp.task === "mirror") return mirrorPorts(ctx, stopping);
  if (wakeUp.task === "clean") return clean(ctx);
  if (wakeUp.task === "reconcile") {
    await submitReconcile(ctx, {}, SCHEDULE);
    return;
  }
  const operation = await ctx.db.operation.findUnique({ where: { token: wakeUp.token } });
  if (operation === null || operation.status !== "RUNNING") return;
  const run = BESIDE[operation.kind];
  if (run !== undefined) await carryOut(ctx, operation, run);
}
