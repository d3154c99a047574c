/** Carrying out an access list: one transaction in PostgreSQL, then every replica; Hasura has no part in it. */
import { AppError } from "../errors.ts";
import { awaitEnforced, bumpGeneration } from "../inventory/access.ts";
import type { Operation } from "../inventory/generated/client.ts";
import { replaceAclGrants } from "../inventory/grants.ts";
import { bindGroups, type NewBinding } from "../inventory/groups.ts";
import {
  completeOperation,
  logOperation,
  readOperation,
  runningBefore,
  tornDownAfter,
} from "../inventory/operations.ts";
import { lockPort, setCondition } from "../inventory/ports.ts";
import { timeLeft } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { lookUpGroups } from "./look-up-groups.ts";
import { wakeMirror } from "./mirror.ts";
import { isOnItsWay, wakeBeside } from "./port-state.ts";
import { operationRequestSchema } from "./request.ts";

export async function updateAcl(ctx: OperationsContext, operation: Operation): Promise<void> {
  const asked = operationRequestSchema.parse(operation.request);
  const bindings = operation.accessGeneration === null ? await lookUpGroups(ctx, asked) : [];
  const generation = await replaceGrants(ctx, operation, bindings);
  if (generation === null) return;
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft([operation]) });
  await ctx.db.$transaction(async (tx) => {
    const { subjects = [] } = operationRequestSchema.parse(operation.request);
    await setCondition(tx, operation.portId ?? "", "ENFORCED", {
      status: "TRUE",
      reason: "Confirmed",
      message: "Every running webhook decides by the newest access list.",
    });
    const result =
      subjects.length === 0
        ? "Nobody has access."
        : `Access is given to exactly ${subjects.length} user(s) and group(s).`;
    await completeOperation(tx, operation.token, result);
    await wakeBeside(tx, [operation.portId ?? ""]);
    await wakeMirror(ctx, tx);
  });
}

/**
 * Makes the grants what was asked, once.
 * @param bindings of the groups that nobody is granted by yet
 * @returns the generation that holds them, or null when the operation has to wait for one before it
 * @throws AppError NOT_PROVISIONED when the port went away meanwhile
 */
async function replaceGrants(
  ctx: OperationsContext,
  known: Operation,
  bindings: readonly NewBinding[],
): Promise<bigint | null> {
  const port = await ctx.db.outputPort.findUniqueOrThrow({ where: { id: known.portId ?? "" } });
  return ctx.db.$transaction(async (tx) => {
    const live = await lockPort(tx, port);
    // Read again under the lock: another worker may have done it.
    const operation = await readOperation(tx, known.token);
    if (operation.status !== "RUNNING" || live === null) return null;
    if (operation.accessGeneration !== null) return operation.accessGeneration;
    if (await tornDownAfter(tx, operation))
      throw new AppError("NOT_PROVISIONED", "The output port was unprovisioned meanwhile.");
    const before = await runningBefore(tx, operation);
    if (before.some(({ kind }) => kind === "UPDATE_ACL") || isOnItsWay(live, before)) return null;
    if (live.phase !== "ACTIVE")
      throw new AppError("NOT_PROVISIONED", "The output port is not provisioned.");
    const { subjects = [] } = operationRequestSchema.parse(operation.request);
    const { id: portId, hasuraId, environment } = live;
    const { token: operationToken, actor } = operation;
    await bindGroups(tx, bindings, { actor, operationToken });
    const { granted, ended } = await replaceAclGrants(
      tx,
      { portId, hasuraId, environment, actor, operationToken },
      subjects,
    );
    const message = `${granted.length} given, ${ended.length} ended.`;
    await logOperation(tx, operationToken, "INFO", "grants", message);
    const accessGeneration = await bumpGeneration(tx, {
      holders: [portId],
      groups: bindings.length > 0,
    });
    await tx.operation.update({ where: { token: operationToken }, data: { accessGeneration } });
    return accessGeneration;
  });
}
