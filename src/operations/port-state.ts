/** How a port stands after an operation: its phase, conditions and the names it keeps. */
import { derivedNames } from "../domain/names.ts";
import { canonical } from "../hasura/metadata.ts";
import { bumpGeneration } from "../inventory/access.ts";
import type { DbOrTx, Tx } from "../inventory/db.ts";
import type { Operation, OutputPort } from "../inventory/generated/client.ts";
import { keepOnlyNames, type NameClaim } from "../inventory/names.ts";
import { awaitedRevisions, isCommitted, runningBeside } from "../inventory/operations.ts";
import { setCondition } from "../inventory/ports.ts";
import {
  type ResolvedRevision,
  readRevision,
  type StoredRevision,
} from "../inventory/revisions.ts";
import { wake } from "./queue.ts";

/** A table is exposed by one port at most: its place is a name as others are. */
export function tableClaim(resolved: Pick<ResolvedRevision, "source" | "path">): NameClaim {
  return {
    namespace: "TABLE",
    name: canonical([resolved.source, resolved.path]),
    purpose: "source",
  };
}

/**
 * Gives up the names that neither what is applied, nor what is accepted, nor what is on its way needs.
 * @returns how many
 */
export async function releaseNames(tx: Tx, port: OutputPort): Promise<number> {
  const numbers = new Set([
    ...[port.appliedRevision, port.acceptedRevision].filter((number) => number !== null),
    ...(await awaitedRevisions(tx, port.id)),
  ]);
  const keep: Pick<NameClaim, "namespace" | "name">[] = [];
  if (numbers.size > 0) keep.push({ namespace: "ROLE", name: port.role });
  for (const number of numbers) {
    const revision = await readRevision(tx, port.id, number);
    if (revision !== null) keep.push(...revisionNames(revision));
  }
  return await keepOnlyNames(tx, port.id, keep);
}

function revisionNames({
  spec,
  resolved,
}: StoredRevision): Pick<NameClaim, "namespace" | "name">[] {
  const table = resolved === null ? [] : [tableClaim(resolved)];
  return [...derivedNames(spec.names), ...table];
}

/** A failed change leaves what was applied as it was; a port that never came to be, or should be gone, is FAILED. */
export async function leaveFailed(
  tx: Tx,
  operation: Operation,
  failure: { code: string; message: string },
): Promise<void> {
  if (operation.portId === null) return;
  if (!isCommitted(operation)) return;
  const port = await tx.outputPort.findUniqueOrThrow({ where: { id: operation.portId } });
  const reason = failure.code;
  const { message } = failure;
  await setCondition(tx, port.id, "SYNCED", { status: "FALSE", reason, message });
  if (operation.kind === "UNPROVISION" || port.phase !== "ACTIVE") {
    await tx.outputPort.update({ where: { id: port.id }, data: { phase: "FAILED" } });
    await setCondition(tx, port.id, "READY", { status: "FALSE", reason, message });
  }
  await releaseNames(tx, port);
  // The webhook knows names and phases: it must learn of both.
  await bumpGeneration(tx, { holders: [port.id] });
}

/** Wakes what waited for this operation without waiting for Hasura itself: access lists. */
export async function wakeBeside(tx: DbOrTx, operation: Operation): Promise<void> {
  if (operation.portId === null) return;
  for (const { token } of await runningBeside(tx, operation.hasuraId, operation.portId))
    await wake(tx, { task: "beside", token });
}
