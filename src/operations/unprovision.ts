/** Teardowns: access first, then Hasura's objects from the inventory, then the names. */
import { bumpGeneration } from "../inventory/access.ts";
import { removeCombinedRolesOf } from "../inventory/combined-roles.ts";
import type { Tx } from "../inventory/db.ts";
import { forgetReconciled } from "../inventory/hasuras.ts";
import { keepOnlyObjects } from "../inventory/objects.ts";
import { awaitedRevisions } from "../inventory/operations.ts";
import { lockPorts, setConditions } from "../inventory/ports.ts";
import { releaseNames } from "./port-state.ts";

/** Records that Hasura holds nothing of these ports any more. For operations that are locked and still run. */
export async function recordRemoved(
  tx: Tx,
  hasuraId: string,
  portIds: readonly string[],
): Promise<bigint> {
  const ports = await lockPorts(tx, portIds);
  await keepOnlyObjects(tx, hasuraId, portIds, []);
  // A port may have been asked for again meanwhile: then it is on its way, and keeps what it needs for that.
  const awaited = await awaitedRevisions(tx, portIds);
  const isReturning = (id: string): boolean => awaited.has(id);
  await tx.outputPort.updateMany({
    where: { id: { in: portIds.filter(isReturning) } },
    data: { phase: "PENDING", appliedRevision: null },
  });
  await tx.outputPort.updateMany({
    where: { id: { in: portIds.filter((id) => !isReturning(id)) } },
    data: { phase: "REMOVED", appliedRevision: null, acceptedRevision: null, publicInfo: {} },
  });
  const state = { status: "FALSE" as const, reason: "Removed", message: "It was unprovisioned." };
  await setConditions(
    tx,
    portIds.flatMap((portId) =>
      (["SYNCED", "READY", "ENFORCED"] as const).map((type) => ({ ...state, portId, type })),
    ),
  );
  await releaseNames(
    tx,
    ports.map((port) => ({
      ...port,
      appliedRevision: null,
      acceptedRevision: isReturning(port.id) ? port.acceptedRevision : null,
    })),
  );
  await forgetReconciled(tx, hasuraId);
  const combined = await removeCombinedRolesOf(tx, portIds);
  return bumpGeneration(tx, { holders: [...portIds, ...combined] });
}

/** What a teardown says in the end. */
export function removalResult(removeData: boolean): string {
  const kept = removeData ? " Its data was not removed: it belongs to the source output port." : "";
  return `The output port is unprovisioned.${kept}`;
}
