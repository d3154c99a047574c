/** Operation rows: the truth about every asked-for change. */
import { AppError, type ErrorCode, type Problem } from "../errors.ts";
import { type DbOrTx, storableJson, type Tx } from "./db.ts";
import type { LogLevel, Operation, OperationKind, Prisma } from "./generated/client.ts";

/** The channel on which an ended operation's token is told. Only a wake-up: the row is the truth. */
export const OPERATION_CHANNEL = "portcullis_operation";

/** Kinds that one committer a Hasura carries out; those of one port one after the other. */
const COMMITTED_KINDS: readonly OperationKind[] = [
  "PROVISION",
  "UNPROVISION",
  "RECONCILE",
  "COMBINE",
  "SEPARATE",
];

/** Whether a committer carries it out, and not a worker beside it. */
export function isCommitted({ kind }: { readonly kind: OperationKind }): boolean {
  return COMMITTED_KINDS.includes(kind);
}

export interface NewOperation {
  readonly token: string;
  readonly hasuraId: string;
  readonly environment: string;
  readonly portId: string | null;
  readonly kind: OperationKind;
  readonly fingerprint: string;
  readonly revision?: number | null;
  readonly request: Prisma.InputJsonValue;
  readonly actor: string;
  readonly deadlineAt: Date;
  readonly accessGeneration?: bigint | null;
}

export async function addOperation(tx: Tx, operation: NewOperation): Promise<void> {
  await tx.operation.create({ data: operation, select: { token: true } });
}

/** The newest operation of a port that asks for something; admins' notes on it are none. */
export async function newestOperation(db: DbOrTx, portId: string): Promise<Operation | null> {
  return db.operation.findFirst({
    where: { portId, kind: { in: ["PROVISION", "UNPROVISION", "UPDATE_ACL"] } },
    orderBy: { seq: "desc" },
  });
}

/** The newest change of a port that is on its way; null when none is. Ended ones may have been removed by now. */
export async function newestRunningChange(db: DbOrTx, portId: string): Promise<Operation | null> {
  return db.operation.findFirst({
    where: { portId, status: "RUNNING", kind: { in: ["PROVISION", "UNPROVISION"] } },
    orderBy: { seq: "desc" },
  });
}

export async function readOperation(db: DbOrTx, token: string): Promise<Operation> {
  const operation = await db.operation.findUnique({ where: { token } });
  if (operation === null) throw unknownToken();
  return operation;
}

export function unknownToken(): AppError {
  return new AppError("UNKNOWN_TOKEN", "There is no operation with this token.", {
    problems: [{ path: "token", message: "is not known", suggestion: "use the token you got" }],
  });
}

/** Running operations that a committer can take now, the oldest first: the first of their port, and due. */
export async function dueToCommit(
  db: DbOrTx,
  hasuraId: string,
  limit: number,
): Promise<Operation[]> {
  const tokens = await dueTokens(db, hasuraId, limit);
  if (tokens.length === 0) return [];
  return db.operation.findMany({ where: { token: { in: tokens } }, orderBy: { seq: "asc" } });
}

/** The tokens of these. */
export async function dueTokens(db: DbOrTx, hasuraId: string, limit: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ token: string }[]>`
    SELECT o.token FROM operation o
    WHERE o.hasura_id = ${hasuraId} AND o.status = 'RUNNING'
      AND o.kind::text = ANY(${[...COMMITTED_KINDS]}) AND o.next_attempt_at <= now()
      AND NOT EXISTS (
        SELECT 1 FROM operation e
        WHERE e.port_id = o.port_id AND e.status = 'RUNNING' AND e.seq < o.seq
          AND e.kind IN ('PROVISION', 'UNPROVISION'))
    ORDER BY o.seq LIMIT ${limit}`;
  return rows.map(({ token }) => token);
}

/**
 * Marks operations as being written to Hasura: from now on they cannot be cancelled.
 * @returns the tokens of those that still run
 */
export async function claimOperations(
  db: DbOrTx,
  tokens: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.$queryRaw<{ token: string }[]>`
    UPDATE operation SET claimed_at = now()
    WHERE token = ANY(${[...tokens]}::uuid[]) AND status = 'RUNNING' RETURNING token`;
  return new Set(rows.map(({ token }) => token));
}

/**
 * Locks operations until the transaction ends.
 * @returns the tokens of those that still run: what another worker has ended meanwhile is not to be recorded again
 */
export async function lockRunning(tx: Tx, tokens: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.$queryRaw<{ token: string }[]>`
    SELECT token FROM operation
    WHERE token = ANY(${[...tokens]}::uuid[]) AND status = 'RUNNING' ORDER BY token FOR UPDATE`;
  return new Set(rows.map(({ token }) => token));
}

/** Running operations of a port that were accepted before this one. */
export async function runningBefore(db: DbOrTx, operation: Operation): Promise<Operation[]> {
  return db.operation.findMany({
    where: { portId: operation.portId, status: "RUNNING", seq: { lt: operation.seq } },
    orderBy: { seq: "asc" },
  });
}

/** Whether a teardown was accepted after this operation. */
export async function tornDownAfter(db: DbOrTx, operation: Operation): Promise<boolean> {
  const later = await db.operation.findFirst({
    where: { portId: operation.portId, kind: "UNPROVISION", seq: { gt: operation.seq } },
    select: { token: true },
  });
  return later !== null;
}

/** Tokens of running operations of these ports that no committer takes: access lists, oldest first. */
export async function runningBeside(db: DbOrTx, portIds: readonly string[]): Promise<string[]> {
  const rows = await db.operation.findMany({
    where: {
      portId: { in: [...portIds] },
      status: "RUNNING",
      kind: { notIn: [...COMMITTED_KINDS] },
    },
    select: { token: true },
    orderBy: { seq: "asc" },
  });
  return rows.map(({ token }) => token);
}

/** Numbers of the revisions that the ports' running operations are to bring about, by port. */
export async function awaitedRevisions(
  db: DbOrTx,
  portIds: readonly string[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rows = await db.operation.findMany({
    where: { portId: { in: [...portIds] }, status: "RUNNING", revision: { not: null } },
    select: { portId: true, revision: true },
  });
  const awaited = new Map<string, number[]>();
  for (const { portId, revision } of rows) {
    if (portId === null || revision === null) continue;
    awaited.set(portId, [...(awaited.get(portId) ?? []), revision]);
  }
  return awaited;
}

export interface Outcome {
  readonly status: "COMPLETED" | "FAILED";
  readonly code?: ErrorCode;
  readonly result: string;
  readonly problems?: readonly Problem[];
  /** As JSON. */
  readonly info?: unknown;
}

/** Ends a running operation, once; an ended one stays as it is. Whoever waits for it is woken at the commit. */
export async function endOperation(tx: DbOrTx, token: string, outcome: Outcome): Promise<void> {
  await endOperations(tx, [{ ...outcome, token }]);
}

/** Ends one as COMPLETED, and says in its log what came of it. */
export async function completeOperation(tx: Tx, token: string, result: string): Promise<void> {
  await logOperation(tx, token, "INFO", "end", result);
  await endOperation(tx, token, { status: "COMPLETED", result });
}

/** Ends several. */
export async function endOperations(
  tx: DbOrTx,
  outcomes: readonly (Outcome & { readonly token: string })[],
): Promise<void> {
  const rows = outcomes.map(
    ({ token, status, code = null, result, problems = [], info = null }) => ({
      ...{ token, status, code, result, problems, info },
    }),
  );
  await tx.$executeRaw`
    WITH outcome AS (
      SELECT * FROM jsonb_to_recordset(${storableJson(rows)}::jsonb)
        AS o (token uuid, status text, code text, result text, problems jsonb, info jsonb)),
    ended AS (
      UPDATE operation SET status = outcome.status::"OperationStatus", code = outcome.code,
        result = outcome.result, problems = outcome.problems,
        info = coalesce(outcome.info, operation.info), finished_at = now()
      FROM outcome WHERE operation.token = outcome.token AND operation.status = 'RUNNING'
      RETURNING operation.token)
    SELECT pg_notify(${OPERATION_CHANNEL}, token::text) FROM ended`;
}

/** Those of the tokens whose operations do not run any more. */
export async function endedAmong(db: DbOrTx, tokens: readonly string[]): Promise<string[]> {
  const rows = await db.operation.findMany({
    where: { token: { in: [...tokens] }, status: { not: "RUNNING" } },
    select: { token: true },
  });
  return rows.map(({ token }) => token);
}

/** Keeps the plans with their operations, unless an earlier attempt made one: a later plan finds a part of it done. */
export async function keepFirstPlans(
  db: DbOrTx,
  plans: readonly { readonly token: string; readonly plan: unknown }[],
): Promise<void> {
  if (plans.length === 0) return;
  await db.$executeRaw`
    UPDATE operation SET plan = kept.plan
    FROM jsonb_to_recordset(${storableJson(plans)}::jsonb) AS kept (token uuid, plan jsonb)
    WHERE operation.token = kept.token AND operation.plan IS NULL`;
}

/** Leaves it running, to be taken up again at that time. */
export async function postponeOperation(db: DbOrTx, token: string, until: Date): Promise<void> {
  await db.operation.updateMany({
    where: { token, status: "RUNNING" },
    data: { attempts: { increment: 1 }, nextAttemptAt: until, claimedAt: null },
  });
}

/** A line of an operation's log. */
export interface LogLine {
  readonly token: string;
  readonly level: LogLevel;
  /** In which part of the work. */
  readonly phase: string;
  readonly message: string;
}

export async function logOperation(
  db: DbOrTx,
  token: string,
  level: LogLevel,
  phase: string,
  message: string,
): Promise<void> {
  await logOperations(db, [{ token, level, phase, message }]);
}

/** Writes lines in their order. */
export async function logOperations(db: DbOrTx, lines: readonly LogLine[]): Promise<void> {
  if (lines.length === 0) return;
  await db.operationLog.createMany({
    data: lines.map(({ token: operationToken, ...line }) => ({ operationToken, ...line })),
  });
}

/** Rows a statement: few enough that nobody waits for their locks. */
const REMOVED_AT_ONCE = 1_000;

/**
 * Removes operations that ended before that time, with their logs. Grants and revisions stay.
 * @returns how many
 */
export async function removeEndedOperations(db: DbOrTx, before: Date): Promise<number> {
  let removed = 0;
  for (;;) {
    const count = await db.$executeRaw`
      DELETE FROM operation WHERE token IN (
        SELECT token FROM operation WHERE status <> 'RUNNING' AND finished_at < ${before}
        ORDER BY finished_at LIMIT ${REMOVED_AT_ONCE})`;
    removed += count;
    if (count < REMOVED_AT_ONCE) return removed;
  }
}
