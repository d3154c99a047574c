/** Provisions and changes: the sources are looked at, what each port is to be is decided, and in the end recorded. */
import pMap from "p-map";
import { AppError, toAppError } from "../errors.ts";
import { objectKey, refsOf } from "../hasura/objects.ts";
import { bumpGeneration, readGeneration } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import type { Operation, OutputPort } from "../inventory/generated/client.ts";
import { forgetReconciled } from "../inventory/hasuras.ts";
import { confirmObjects, keepOnlyObjects } from "../inventory/objects.ts";
import { lockPorts, markApplied, setConditions } from "../inventory/ports.ts";
import {
  type ResolvedRevision,
  readRevisions,
  type StoredRevision,
} from "../inventory/revisions.ts";
import type { Wanted } from "./changes.ts";
import type { OperationsContext } from "./context.ts";
import type { Say } from "./converge.ts";
import { releaseNames } from "./port-state.ts";
import { inspectSource, type Resolvable, resolvePorts, sourceFacts } from "./resolve-port.ts";

/** How many views are looked up at once; those of one database share a statement. */
const INSPECTIONS_AT_ONCE = 50;

/** An operation whose port is known to be wanted so. */
export interface Provision {
  readonly operation: Operation;
  readonly port: OutputPort;
  readonly revision: StoredRevision;
  readonly resolved: ResolvedRevision;
  readonly wanted: Wanted;
}

/**
 * Finds out what ports are to be in Hasura, and records it.
 * @param say to an operation's log
 * @returns by token: what is wanted, or why it cannot be had
 */
export async function prepareProvisions(
  ctx: OperationsContext,
  operations: readonly Operation[],
  say: (token: string) => Say,
): Promise<Map<string, Provision | AppError>> {
  const prepared = new Map<string, Provision | AppError>();
  const known = await withRevisions(ctx, operations);
  const looked = await pMap(
    known,
    async (one): Promise<(Revised & Resolvable) | null> => {
      const { port, revision } = one;
      const { token } = one.operation;
      try {
        const tell = say(token);
        const inspected = await inspectSource(ctx, revision.spec, (level, message) =>
          tell(level, "source", message),
        );
        return { ...one, inspected, facts: sourceFacts(ctx, port, revision.spec, inspected) };
      } catch (error) {
        prepared.set(token, toAppError(error));
        return null;
      }
    },
    { concurrency: INSPECTIONS_AT_ONCE },
  );
  const found = looked.filter((one) => one !== null);
  for (const [index, outcome] of (await resolvePorts(ctx, found)).entries()) {
    const one = found[index];
    if (one === undefined) continue;
    const { operation, port, revision } = one;
    prepared.set(
      operation.token,
      outcome instanceof AppError ? outcome : { operation, port, revision, ...outcome },
    );
  }
  return prepared;
}

interface Revised {
  readonly operation: Operation;
  readonly port: OutputPort;
  readonly revision: StoredRevision;
}

async function withRevisions(
  ctx: OperationsContext,
  operations: readonly Operation[],
): Promise<Revised[]> {
  const ids = operations.flatMap(({ portId }) => portId ?? []);
  const ports = await ctx.db.outputPort.findMany({ where: { id: { in: ids } } });
  const revisions = await readRevisions(
    ctx.db,
    operations.flatMap(({ portId, revision }) =>
      portId === null || revision === null ? [] : [{ portId, number: revision }],
    ),
  );
  return operations.map((operation) => {
    const port = ports.find(({ id }) => id === operation.portId);
    const revision = revisions.find(
      ({ portId, number }) => portId === operation.portId && number === operation.revision,
    );
    if (port === undefined || revision === undefined)
      throw new AppError("INTERNAL", "The operation's revision is missing.");
    return { operation, port, revision };
  });
}

/**
 * Records that Hasura holds what was wanted. For operations that are locked and still run.
 * @returns the access generation that knows the ports as they are now
 */
export async function recordApplied(
  tx: Tx,
  hasuraId: string,
  provisions: readonly {
    readonly port: { readonly id: string };
    readonly revision: { readonly number: number };
    readonly wanted: Wanted;
  }[],
): Promise<bigint> {
  const ids = provisions.map(({ port }) => port.id);
  const before = new Map((await lockPorts(tx, ids)).map((port) => [port.id, port]));
  const records = provisions.flatMap(({ wanted }) =>
    refsOf(wanted.objects).map((ref) => ({ kind: ref.kind, key: objectKey(ref) })),
  );
  await confirmObjects(tx, hasuraId, records);
  await keepOnlyObjects(tx, hasuraId, ids, records);
  const applied = provisions.map(({ port, revision }) => ({
    portId: port.id,
    revision: revision.number,
  }));
  await markApplied(tx, applied);
  await setConditions(
    tx,
    applied.flatMap(({ portId, revision }) => {
      const done = { portId, status: "TRUE" as const, reason: "Applied" };
      return [
        { ...done, type: "SYNCED" as const, message: `Hasura holds revision ${revision}.` },
        { ...done, type: "READY" as const, message: "Granted consumers can query it." },
      ];
    }),
  );
  const released = await releaseNames(
    tx,
    applied.flatMap(({ portId, revision }) => {
      const port = before.get(portId);
      // A port with a single revision has no names to give up.
      if (port === undefined || (revision === 1 && port.acceptedRevision === 1)) return [];
      return [{ ...port, appliedRevision: revision }];
    }),
  );
  await forgetReconciled(tx, hasuraId);
  // Every replica would have to confirm a new generation: not for ports that are as they were.
  const same =
    released === 0 &&
    applied.every(({ portId, revision }) => {
      const port = before.get(portId);
      return port?.phase === "ACTIVE" && port.appliedRevision === revision;
    });
  return same ? readGeneration(tx) : bumpGeneration(tx, { holders: ids });
}
