/** Operation rows: the truth about every asked-for change. */
import { AppError, type ErrorCode, type Problem } from "../errors.ts";
import type { DbOrTx, Tx } from "./db.ts";
import type { LogLevel, Operation, OperationKind, Prisma } from "./generated/client.ts";

/** The channel on which an ended operation's token is told. Only a wake-up: the row is the truth. */
export const OPERATION_CHANNEL = "portcullis_operation";

/** Kinds that change a port in Hasura; they run one after the other, by one committer a Hasura. */
const COMMITTED_KINDS: readonly OperationKind[] = ["PROVISION", "UNPROVISION"];

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

export async function addOperation(tx: Tx, operation: NewOperation): Promise<Operation> {
  return tx.operation.create({ data: operation });
}

/** The newest operation of a port, of these kinds or of any. */
export async function newestOperation(
  db: DbOrTx,
  portId: string,
  kinds?: readonly OperationKind[],
): Promise<Operation | null> {
  return db.operation.findFirst({
    where: { portId, ...(kinds === undefined ? {} : { kind: { in: [...kinds] } }) },
    orderBy: { seq: "desc" },
  });
}

export async function readOperation(db: DbOrTx, token: string): Promise<Operation> {
  const operation = await db.operation.findUnique({ where: { token } });
  if (operation === null)
    throw new AppError("UNKNOWN_TOKEN", "There is no operation with this token.", {
      problems: [{ path: "token", message: "is not known", suggestion: "use the token you got" }],
    });
  return operation;
}

/** The oldest running operation that a committer can take now: the first of its port, and due. */
export async function nextToCommit(db: DbOrTx, hasuraId: string): Promise<Operation | null> {
  const rows = await db.$queryRaw<{ token: string }[]>`
    SELECT o.token FROM operation o
    WHERE o.hasura_id = ${hasuraId} AND o.status = 'RUNNING'
      AND o.kind IN ('PROVISION', 'UNPROVISION') AND o.next_attempt_at <= now()
      AND NOT EXISTS (
        SELECT 1 FROM operation e
        WHERE e.port_id = o.port_id AND e.status = 'RUNNING' AND e.seq < o.seq
          AND e.kind IN ('PROVISION', 'UNPROVISION'))
    ORDER BY o.seq LIMIT 1`;
  const token = rows[0]?.token;
  return token === undefined ? null : db.operation.findUnique({ where: { token } });
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

/** Running operations that no committer takes: access lists and validations, oldest first. */
export async function runningBeside(
  db: DbOrTx,
  hasuraId: string,
  portId?: string,
): Promise<Operation[]> {
  return db.operation.findMany({
    where: {
      hasuraId,
      status: "RUNNING",
      kind: { notIn: [...COMMITTED_KINDS] },
      ...(portId === undefined ? {} : { portId }),
    },
    orderBy: { seq: "asc" },
    take: 1000,
  });
}

/** Numbers of the revisions that a port's running operations are to bring about. */
export async function awaitedRevisions(db: DbOrTx, portId: string): Promise<number[]> {
  const rows = await db.operation.findMany({
    where: { portId, status: "RUNNING", revision: { not: null } },
    select: { revision: true },
  });
  return rows.flatMap(({ revision }) => revision ?? []);
}

export interface Outcome {
  readonly status: "COMPLETED" | "FAILED";
  readonly code?: ErrorCode;
  readonly result: string;
  readonly problems?: readonly Problem[];
  readonly info?: Prisma.InputJsonValue;
}

/** Ends a running operation, once; an ended one stays as it is. Whoever waits for it is woken at the commit. */
export async function endOperation(tx: DbOrTx, token: string, outcome: Outcome): Promise<void> {
  const { status, code, result, problems, info } = outcome;
  const { count } = await tx.operation.updateMany({
    where: { token, status: "RUNNING" },
    data: {
      status,
      code: code ?? null,
      result,
      problems: (problems ?? []) as unknown as Prisma.InputJsonValue,
      ...(info === undefined ? {} : { info }),
      finishedAt: new Date(),
    },
  });
  if (count > 0) await tx.$executeRaw`SELECT pg_notify(${OPERATION_CHANNEL}, ${token})`;
}

/** Keeps the plan with its operation, unless an earlier attempt made one: a later plan finds a part of it done. */
export async function keepFirstPlan(
  db: DbOrTx,
  token: string,
  plan: Prisma.InputJsonValue,
): Promise<void> {
  const operation = await readOperation(db, token);
  if (operation.plan === null) await db.operation.update({ where: { token }, data: { plan } });
}

/** Leaves it running, to be taken up again at that time. */
export async function postponeOperation(db: DbOrTx, token: string, until: Date): Promise<void> {
  await db.operation.updateMany({
    where: { token, status: "RUNNING" },
    data: { attempts: { increment: 1 }, nextAttemptAt: until },
  });
}

export async function logOperation(
  db: DbOrTx,
  token: string,
  level: LogLevel,
  phase: string,
  message: string,
): Promise<void> {
  await db.operationLog.create({ data: { operationToken: token, level, phase, message } });
}
