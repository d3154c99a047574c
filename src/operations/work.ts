/** What a worker does when it is woken. */
import type { Operation } from "../inventory/generated/client.ts";
import { carryOut } from "./carry-out.ts";
import { commitWaiting } from "./committer.ts";
import type { OperationsContext } from "./context.ts";
import type { WakeUp } from "./queue.ts";
import { updateAcl } from "./update-acl.ts";
import { validate } from "./validate.ts";

/** Kinds that wait for no committer. */
const BESIDE: Partial<
  Record<Operation["kind"], (ctx: OperationsContext, operation: Operation) => Promise<void>>
> = { UPDATE_ACL: updateAcl, VALIDATE: validate };

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
  const operation = await ctx.db.operation.findUnique({ where: { token: wakeUp.token } });
  if (operation === null || operation.status !== "RUNNING") return;
  const run = BESIDE[operation.kind];
  if (run !== undefined) await carryOut(ctx, operation, run);
}
