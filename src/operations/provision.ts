/** Carrying out a provision or a change: the source is looked at, Hasura is made to agree, the inventory says so. */
import { AppError } from "../errors.ts";
import type { DesiredObjects } from "../hasura/desired.ts";
import { objectKey, refsOf } from "../hasura/plan.ts";
import { awaitEnforced, bumpGeneration, readGeneration } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import type { Operation, OutputPort, Prisma } from "../inventory/generated/client.ts";
import { confirmObjects, forgetObjects, portObjects } from "../inventory/objects.ts";
import { endOperation, logOperation } from "../inventory/operations.ts";
import { lockPort, setCondition } from "../inventory/ports.ts";
import { readRevision } from "../inventory/revisions.ts";
import { removeSource } from "../inventory/sources.ts";
import type { OperationsContext } from "./context.ts";
import { converge } from "./converge.ts";
import { deployInfo } from "./deploy-info.ts";
import { releaseNames, wakeBeside } from "./port-state.ts";
import { inspectSource, resolvePort } from "./resolve-port.ts";

export async function provision(ctx: OperationsContext, operation: Operation): Promise<void> {
  const port = await ctx.db.outputPort.findUniqueOrThrow({ where: { id: operation.portId ?? "" } });
  const revision = await readRevision(ctx.db, port.id, operation.revision);
  if (revision === null) throw new AppError("INTERNAL", "The operation's revision is missing.");

  const inspected = await inspectSource(ctx, revision.spec, (level, message) =>
    logOperation(ctx.db, operation.token, level, "source", message),
  );
  const { resolved, wanted } = await ctx.db.$transaction((tx) =>
    resolvePort(ctx, tx, port, revision, inspected),
  );
  const { goneSources } = await converge(ctx, operation, port, wanted);
  const generation = await ctx.db.$transaction((tx) =>
    recordApplied(tx, port, revision.number, wanted, goneSources),
  );
  // Consumers who were granted before find the port as it is now at every replica.
  await awaitEnforced(ctx.db, generation, {
    timeoutMs: operation.deadlineAt.getTime() - Date.now(),
  });
  await ctx.db.$transaction(async (tx) => {
    await setCondition(tx, port.id, "ENFORCED", {
      status: "TRUE",
      reason: "Confirmed",
      message: "Every running webhook decides by the newest access list.",
    });
    const info = deployInfo({
      port,
      spec: revision.spec,
      resolved,
      hasuraUrl: ctx.hasura.url,
      publicUrl: ctx.publicUrl,
    });
    await tx.outputPort.update({ where: { id: port.id }, data: { publicInfo: info.publicInfo } });
    await logOperation(tx, operation.token, "INFO", "end", "The output port is provisioned.");
    await endOperation(tx, operation.token, {
      status: "COMPLETED",
      result: "The output port is provisioned.",
      info: info as unknown as Prisma.InputJsonValue,
    });
    await wakeBeside(tx, operation);
  });
}

/** @returns the access generation that knows the port as it is now */
async function recordApplied(
  tx: Tx,
  before: OutputPort,
  revision: number,
  { objects }: { objects: DesiredObjects },
  goneSources: readonly string[],
): Promise<bigint> {
  const port = await lockPort(tx, before);
  if (port === null) throw new AppError("INTERNAL", "The port's row vanished.");
  const records = refsOf(objects).map((ref) => ({ kind: ref.kind, key: objectKey(ref) }));
  const known = new Set(records.map(({ kind, key }) => `${kind} ${key}`));
  await confirmObjects(tx, port.hasuraId, records);
  const stale = (await portObjects(tx, port.id)).filter(
    ({ kind, key }) => !known.has(`${kind} ${key}`),
  );
  await forgetObjects(tx, port.hasuraId, stale);
  for (const name of goneSources) await removeSource(tx, port.hasuraId, name);

  const applied = { phase: "ACTIVE" as const, appliedRevision: revision };
  const changed = await tx.outputPort.update({ where: { id: port.id }, data: applied });
  await tx.revision.update({
    where: { portId_number: { portId: port.id, number: revision } },
    data: { appliedAt: new Date() },
  });
  const done = { status: "TRUE" as const, reason: "Applied" };
  await setCondition(tx, port.id, "SYNCED", {
    ...done,
    message: `Hasura holds revision ${revision}.`,
  });
  await setCondition(tx, port.id, "READY", { ...done, message: "Granted consumers can query it." });
  const released = await releaseNames(tx, changed);
  // Every replica would have to confirm a new generation: not for a port that is as it was.
  const same = port.phase === "ACTIVE" && port.appliedRevision === revision && released === 0;
  return same ? readGeneration(tx) : bumpGeneration(tx, { holders: [port.id] });
}
