/**
 * Carrying out what admins change of access, grants and blocks: one transaction in PostgreSQL, then every replica. As a
 * rule that transaction is the one that accepts the change; what is left for a worker is to look groups up, to wait for
 * what was asked before, and the barrier.
 */
import { AppError } from "../errors.ts";
import { type AccessChange, awaitEnforced, bumpGeneration } from "../inventory/access.ts";
import { addBlock, blocksMeeting, endBlocks } from "../inventory/blocks.ts";
import { type DbOrTx, databaseTime, type Tx } from "../inventory/db.ts";
import type { Operation, OperationKind, OutputPort } from "../inventory/generated/client.ts";
import { classesInForce, endAdminGrant, giveAdminGrant } from "../inventory/grants.ts";
import { bindGroups, holdBindings, type NewBinding, subjectsInUse } from "../inventory/groups.ts";
import { LOCK_KINDS } from "../inventory/locks.ts";
import {
  completeOperation,
  lockRunning,
  logOperation,
  readOperation,
  runningBefore,
  tornDownAfter,
} from "../inventory/operations.ts";
import { lockPorts } from "../inventory/ports.ts";
import { unknownPort } from "./accept.ts";
import { timeLeft } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { lookUpGroups, needsBinding } from "./look-up-groups.ts";
import { wakeMirror } from "./mirror.ts";
import { isOnItsWay } from "./port-state.ts";
import { wake } from "./queue.ts";
import { type OperationRequest, operationRequestSchema } from "./request.ts";

export type AccessChangeKind = Extract<OperationKind, "GRANT" | "REVOKE" | "BLOCK" | "UNBLOCK">;

/** Whose access to what. */
export interface AccessTarget {
  readonly hasuraId: string;
  /** `null`: everything. */
  readonly portId: string | null;
  /** `null`: everybody's. */
  readonly subject: string | null;
}

/** Whoever changes this access next waits until the transaction ends. */
export async function lockTarget(
  tx: Tx,
  { portId, subject }: Pick<AccessTarget, "portId" | "subject">,
): Promise<void> {
  if (portId !== null) await lockPorts(tx, [portId]);
  else
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK_KINDS.subjectsAccess}::int, hashtext(${subject}))`;
}

/** Which changes follow one another: grants among themselves, and blocks. */
const SERIES: Readonly<Record<AccessChangeKind, readonly AccessChangeKind[]>> = {
  GRANT: ["GRANT", "REVOKE"],
  REVOKE: ["GRANT", "REVOKE"],
  BLOCK: ["BLOCK", "UNBLOCK"],
  UNBLOCK: ["BLOCK", "UNBLOCK"],
};

export function isAccessChange(kind: OperationKind): kind is AccessChangeKind {
  return kind in SERIES;
}

/** The token of a later change of the same access; `null` when there is none. */
export async function laterChange(db: DbOrTx, operation: Operation): Promise<string | null> {
  const { hasuraId, portId, kind, seq } = operation;
  if (!isAccessChange(kind)) return null;
  const subject = targetSubject(operationRequestSchema.parse(operation.request));
  const [later] = await db.$queryRaw<{ token: string }[]>`
    SELECT token FROM operation
    WHERE hasura_id = ${hasuraId} AND port_id IS NOT DISTINCT FROM ${portId}::uuid AND seq > ${seq}
      AND kind::text = ANY(${[...SERIES[kind]]}::text[])
      AND request->>'subject' IS NOT DISTINCT FROM ${subject}::text
    ORDER BY seq DESC LIMIT 1`;
  return later?.token ?? null;
}

/** Running changes of the same access, grants or blocks, the oldest first. */
export async function runningOn(
  tx: Tx,
  kind: AccessChangeKind,
  { hasuraId, portId, subject }: AccessTarget,
): Promise<Operation[]> {
  const rows = await tx.operation.findMany({
    where: { hasuraId, portId, status: "RUNNING", kind: { in: [...SERIES[kind]] } },
    orderBy: { seq: "asc" },
  });
  return rows.filter(
    ({ request }) => targetSubject(operationRequestSchema.parse(request)) === subject,
  );
}

function targetSubject({ subject }: OperationRequest): string | null {
  return subject ?? null;
}

function targetOf({ hasuraId, portId }: Operation, asked: OperationRequest): AccessTarget {
  return { hasuraId, portId, subject: targetSubject(asked) };
}

/** What a worker does: whatever of the change is not made yet, and the barrier. */
export async function changeAccess(ctx: OperationsContext, operation: Operation): Promise<void> {
  const generation = operation.accessGeneration ?? (await makeLater(ctx, operation));
  if (generation === null) return;
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft([operation]) });
  await ctx.db.$transaction(async (tx) => {
    const result = await resultOf(tx, operation);
    await completeOperation(tx, operation.token, result);
    await wakeFollowers(tx, operation);
    await wakeMirror(ctx, tx);
  });
}

async function makeLater(ctx: OperationsContext, known: Operation): Promise<bigint | null> {
  const { kind, token } = known;
  const asked = operationRequestSchema.parse(known.request);
  const { subject } = asked;
  const binds = (kind === "GRANT" || kind === "BLOCK") && subject !== undefined;
  const bindings = binds ? await lookUpGroups(ctx, { subject }) : [];
  return ctx.db.$transaction(async (tx) => {
    await lockTarget(tx, targetOf(known, asked));
    // Looked at again under the lock: another worker may have made it, or somebody may have cancelled it.
    if (!(await lockRunning(tx, [token])).has(token)) return null;
    const operation = await readOperation(tx, token);
    return operation.accessGeneration ?? makeChange(ctx, tx, operation, bindings);
  });
}

/**
 * Makes the change, if nothing that was asked before stands in its way. What it is about must be locked.
 * @param bindings of the group, if it is not bound yet
 * @returns the generation that holds it; `null` when it has to wait
 * @throws AppError NOT_PROVISIONED, NOT_FOUND when there is nothing to end, BAD_REQUEST when its time is over already
 */
export async function makeChange(
  ctx: OperationsContext,
  tx: Tx,
  operation: Operation,
  bindings: readonly NewBinding[],
): Promise<bigint | null> {
  const { kind, token, actor } = operation;
  if (!isAccessChange(kind)) throw new AppError("INTERNAL", `${kind} is no change of access.`);
  const asked = operationRequestSchema.parse(operation.request);
  const series = await runningOn(tx, kind, targetOf(operation, asked));
  const isBefore = ({ seq, accessGeneration }: Operation): boolean =>
    seq < operation.seq && accessGeneration === null;
  if (series.some(isBefore)) return null;
  if (kind === "GRANT" || kind === "BLOCK") {
    const { subject } = asked;
    if (subject !== undefined && needsBinding(ctx, subject)) {
      await holdBindings(tx);
      if (bindings.length === 0 && !(await subjectsInUse(tx, [subject])).has(subject)) return null;
      await bindGroups(tx, bindings, { actor, operationToken: token });
    }
  }
  const change = await CHANGES[kind](tx, operation, asked);
  if (change === null) return null;
  await logOperation(tx, token, "INFO", "access", "It is recorded; the webhooks follow.");
  const accessGeneration = await bumpGeneration(tx, { ...change, groups: bindings.length > 0 });
  await tx.operation.update({ where: { token }, data: { accessGeneration } });
  return accessGeneration;
}

/** What each kind does in the inventory; `null` when it has to wait for a change of the port. */
const CHANGES: Readonly<
  Record<
    AccessChangeKind,
    (tx: Tx, operation: Operation, asked: OperationRequest) => Promise<AccessChange | null>
  >
> = {
  GRANT: async (tx, operation, asked) => {
    const port = await portOf(tx, operation);
    if (await tornDownAfter(tx, operation))
      throw new AppError("NOT_PROVISIONED", "The output port was unprovisioned meanwhile.");
    if (isOnItsWay(port, await runningBefore(tx, operation))) return null;
    if (port.phase !== "ACTIVE")
      throw new AppError("NOT_PROVISIONED", "The output port is not provisioned.");
    const { id: portId, hasuraId, environment } = port;
    const { token: operationToken, actor } = operation;
    const { subject = "", reason = "" } = asked;
    const until = await endOf(tx, asked);
    const change = { portId, hasuraId, environment, actor, operationToken };
    await giveAdminGrant(tx, change, { subject, until, reason });
    return { holders: [portId] };
  },
  REVOKE: async (tx, operation, { subject = "", reason = "" }) => {
    const { id: portId } = await portOf(tx, operation);
    const why = `revoked by ${operation.actor}: ${reason}`;
    if (!(await endAdminGrant(tx, { portId, subject }, why)))
      throw nothingToRevoke(await classesInForce(tx, { portId, subject }));
    return { holders: [portId] };
  },
  BLOCK: async (tx, operation, asked) => {
    const { token: operationToken, actor } = operation;
    const until = await endOf(tx, asked);
    const { reason = "" } = asked;
    await addBlock(tx, { ...targetOf(operation, asked), until, reason, actor, operationToken });
    return { blocks: true };
  },
  UNBLOCK: async (tx, operation, asked) => {
    const why = `ended by ${operation.actor}: ${asked.reason}`;
    if ((await endBlocks(tx, targetOf(operation, asked), why, asked.blockId)) === 0)
      throw new AppError("NOT_FOUND", "There is nothing to unblock.", {
        problems: [{ path: "", message: "names no block in force; `blocks` lists them" }],
      });
    return { blocks: true };
  },
};

async function portOf(db: DbOrTx, { portId }: Operation): Promise<OutputPort> {
  const port = portId === null ? null : await db.outputPort.findUnique({ where: { id: portId } });
  if (port === null) throw unknownPort();
  return port;
}

/** When it is to end by itself. */
async function endOf(tx: Tx, { until }: OperationRequest): Promise<Date | null> {
  if (until === undefined) return null;
  const end = new Date(until);
  if (end > (await databaseTime(tx))) return end;
  throw new AppError("BAD_REQUEST", "It would be over before it began.", {
    problems: [{ path: "until", message: "is not in the future" }],
  });
}

function nothingToRevoke(classes: readonly string[]): AppError {
  const others = classes.filter((grantClass) => grantClass !== "MANUAL");
  const message = "has no grant by an admin on this port";
  return new AppError("NOT_FOUND", "There is nothing to revoke.", {
    problems: [
      others.length === 0
        ? { path: "subject", message }
        : {
            path: "subject",
            message: `${message}; what it has is of class ${others.join(", ")}`,
            suggestion: "send an access list without it, or use `block` to keep it out",
          },
    ],
  });
}

/** What came of it, for people: also what else gives or takes the same access. */
async function resultOf(tx: Tx, operation: Operation): Promise<string> {
  const asked = operationRequestSchema.parse(operation.request);
  const target = targetOf(operation, asked);
  const who = asked.subject ?? "everybody";
  const port = operation.portId === null ? null : await portOf(tx, operation);
  const where = port === null ? "everything" : port.componentId;
  const until = asked.until === undefined ? "" : ` until ${asked.until}`;
  const blocks = (await blocksMeeting(tx, target)).length;
  if (operation.kind === "BLOCK") return `Access to ${where} is blocked for ${who}${until}.`;
  if (operation.kind === "UNBLOCK")
    return `The block of ${who} on ${where} has ended.${blocks > 0 ? ` ${blocks} other block(s) still stand.` : ""}`;
  const held = blocks > 0 ? ` ${blocks} block(s) stand in the way and win over it.` : "";
  if (operation.kind === "GRANT") return `${who} may read ${where}${until}.${held}`;
  const classes = await classesInForce(tx, { portId: port?.id ?? "", subject: who });
  const left =
    classes.length === 0
      ? ""
      : ` It may still read by a grant of class ${classes.join(", ")}: an access list without it ends that, one with it gives it again; only a block keeps it out.`;
  return `The grant of ${who} on ${where} by an admin has ended.${left}`;
}

/** Wakes what waited for this change of the same access. */
async function wakeFollowers(tx: Tx, operation: Operation): Promise<void> {
  if (!isAccessChange(operation.kind)) return;
  const target = targetOf(operation, operationRequestSchema.parse(operation.request));
  for (const { token } of await runningOn(tx, operation.kind, target))
    if (token !== operation.token) await wake(tx, { task: "beside", token });
}
