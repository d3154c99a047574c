/** Carrying out a teardown: access first, then Hasura's objects from the inventory, then the names. */
import { AppError } from "../errors.ts";
import { awaitEnforced, bumpGeneration } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import type { Operation, OutputPort } from "../inventory/generated/client.ts";
import { forgetObjects, portObjects } from "../inventory/objects.ts";
import { awaitedRevisions, endOperation, logOperation } from "../inventory/operations.ts";
import { lockPort, setCondition } from "../inventory/ports.ts";
import { removeSource } from "../inventory/sources.ts";
import type { OperationsContext } from "./context.ts";
import { converge } from "./converge.ts";
import { releaseNames, wakeBeside } from "./port-state.ts";
import { operationRequestSchema } from "./request.ts";

export async function unprovision(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token } = operation;
  const port = await ctx.db.outputPort.findUniqueOrThrow({ where: { id: operation.portId ?? "" } });
  // The grants ended when this was accepted; it is said to be so only when every replica knows.
  await awaitEnforced(ctx.db, operation.accessGeneration ?? 0n, {
    timeoutMs: operation.deadlineAt.getTime() - Date.now(),
  });
  await logOperation(ctx.db, token, "INFO", "access", "Nobody has access any more.");
  const { goneSources } = await converge(ctx, operation, port, null);
  const { removeData } = operationRequestSchema.parse(operation.request);
  await ctx.db.$transaction(async (tx) => {
    await recordRemoved(tx, port, goneSources, operation);
    const kept = removeData
      ? " Its data was not removed: it belongs to the source output port."
      : "";
    const result = `The output port is unprovisioned.${kept}`;
    await logOperation(tx, token, "INFO", "end", result);
    await endOperation(tx, token, { status: "COMPLETED", result });
    await wakeBeside(tx, operation);
  });
}

async function recordRemoved(
  tx: Tx,
  before: OutputPort,
  goneSources: readonly string[],
  operation: Operation,
): Promise<void> {
  const port = await lockPort(tx, before);
  if (port === null) throw new AppError("INTERNAL", "The port's row vanished.");
  await forgetObjects(tx, port.hasuraId, await portObjects(tx, port.id));
  for (const name of goneSources) await removeSource(tx, port.hasuraId, name);
  // It may have been asked for again meanwhile: then it is on its way, and keeps what it needs for that.
  const returning = (await awaitedRevisions(tx, port.id)).length > 0;
  const gone = await tx.outputPort.update({
    where: { id: port.id },
    data: {
      phase: returning ? "PENDING" : "REMOVED",
      appliedRevision: null,
      ...(returning ? {} : { acceptedRevision: null, publicInfo: {} }),
    },
  });
  const state = { status: "FALSE" as const, reason: "Removed", message: "It was unprovisioned." };
  for (const type of ["SYNCED", "READY", "ENFORCED"] as const)
    await setCondition(tx, port.id, type, state);
  await releaseNames(tx, gone);
  await bumpGeneration(tx, { holders: [port.id] });
  await logOperation(tx, operation.token, "INFO", "names", "Its names are free again.");
}
