/** How ports stand after an operation: their phase, conditions and the names they keep. */
import { derivedNames } from "../domain/names.ts";
import { canonical } from "../hasura/metadata.ts";
import { bumpGeneration } from "../inventory/access.ts";
import type { DbOrTx, Tx } from "../inventory/db.ts";
import type { Operation, OutputPort } from "../inventory/generated/client.ts";
import { forgetReconciled } from "../inventory/hasuras.ts";
import { keepOnlyNames, type NameClaim } from "../inventory/names.ts";
import { awaitedRevisions, runningBeside } from "../inventory/operations.ts";
import { setConditions } from "../inventory/ports.ts";
import {
  type ResolvedRevision,
  readRevisions,
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

type PortNumbers = Pick<OutputPort, "id" | "role" | "appliedRevision" | "acceptedRevision">;

/**
 * Gives up the names that neither what is applied, nor what is accepted, nor what is on its way needs.
 * @returns how many
 */
export async function releaseNames(tx: Tx, ports: readonly PortNumbers[]): Promise<number> {
  if (ports.length === 0) return 0;
  const ids = ports.map(({ id }) => id);
  const awaited = await awaitedRevisions(tx, ids);
  const needed = ports.flatMap(({ id: portId, appliedRevision, acceptedRevision }) =>
    [appliedRevision, acceptedRevision, ...(awaited.get(portId) ?? [])].flatMap((number) =>
      number === null ? [] : [{ portId, number }],
    ),
  );
  const living = new Set(needed.map(({ portId }) => portId));
  const revisions = await readRevisions(tx, needed);
  return await keepOnlyNames(tx, ids, [
    ...ports
      .filter(({ id }) => living.has(id))
      .map(({ id, role }) => ({ portId: id, namespace: "ROLE" as const, name: role })),
    ...revisions.flatMap((revision) =>
      revisionNames(revision).map((name) => ({ ...name, portId: revision.portId })),
    ),
  ]);
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
  if (operation.kind !== "PROVISION" && operation.kind !== "UNPROVISION") return;
  const port = await tx.outputPort.findUniqueOrThrow({ where: { id: operation.portId } });
  const { code: reason, message } = failure;
  const state = { portId: port.id, status: "FALSE" as const, reason, message };
  const hasFailed = operation.kind === "UNPROVISION" || port.phase !== "ACTIVE";
  if (hasFailed) await tx.outputPort.update({ where: { id: port.id }, data: { phase: "FAILED" } });
  await setConditions(tx, [
    { ...state, type: "SYNCED" },
    ...(hasFailed ? [{ ...state, type: "READY" as const }] : []),
  ]);
  await releaseNames(tx, [port]);
  await forgetReconciled(tx, port.hasuraId);
  // The webhook knows names and phases: it must learn of both.
  await bumpGeneration(tx, { holders: [port.id] });
}

/**
 * Whether access to the port has to wait for a change of it that was asked for before. A change of a live port is no
 * reason: its role stays the same.
 * @param before running operations that were accepted earlier
 */
export function isOnItsWay(
  { phase }: Pick<OutputPort, "phase">,
  before: readonly Pick<Operation, "kind">[],
): boolean {
  return before.some(
    ({ kind }) => kind === "UNPROVISION" || (kind === "PROVISION" && phase !== "ACTIVE"),
  );
}

/** Wakes what waited for operations of these ports without waiting for Hasura itself: access lists and grants. */
export async function wakeBeside(tx: DbOrTx, portIds: readonly string[]): Promise<void> {
  for (const token of await runningBeside(tx, portIds)) await wake(tx, { task: "beside", token });
}
