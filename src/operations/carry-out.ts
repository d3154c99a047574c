/** Carrying out operations: what every kind has in common, which is how they end when something is wrong. */
import { problemText } from "../domain/problem-text.ts";
import { AppError, isTransient, toAppError } from "../errors.ts";
import type { Operation } from "../inventory/generated/client.ts";
import {
  endOperation,
  isCommitted,
  type LogLine,
  lockRunning,
  logOperations,
  postponeOperation,
} from "../inventory/operations.ts";
import { lockPorts } from "../inventory/ports.ts";
import type { OperationsContext } from "./context.ts";
import { leaveFailed, wakeBeside } from "./port-state.ts";
import { wake } from "./queue.ts";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

/** What is unexpected may be a fault of ours, which no patience mends. */
const UNEXPECTED_ATTEMPTS = 3;

/**
 * Runs an operation. Trouble that may pass is waited for, until the operation's deadline; any other ends it FAILED with
 * the cause in its log. Throws only when not even that can be written.
 */
export async function carryOut(
  ctx: OperationsContext,
  operation: Operation,
  run: (ctx: OperationsContext, operation: Operation) => Promise<void>,
): Promise<void> {
  try {
    const late = await overdue(ctx, operation);
    if (late !== null) throw late;
    await run(ctx, operation);
  } catch (error) {
    await settleTrouble(ctx, operation, error);
  }
}

/**
 * What becomes of an operation that did not succeed: it is put off while the trouble may pass, or ends FAILED.
 * @param lines what is to be in its log before that
 */
export async function settleTrouble(
  ctx: OperationsContext,
  operation: Operation,
  error: unknown,
  lines: readonly LogLine[] = [],
): Promise<void> {
  const known = toAppError(error);
  ctx.log.warn({ err: error, operation: operation.token }, "an operation did not succeed");
  const retryAt = nextAttempt(operation, known);
  if (retryAt === null) await fail(ctx, operation, known, lines);
  else await postpone(ctx, operation, known, retryAt, lines);
}

/** Why an operation has no time left; it says what kept it, for whoever sees the result alone. Null when it has. */
export async function overdue(
  ctx: OperationsContext,
  { token, deadlineAt }: Operation,
): Promise<AppError | null> {
  if (deadlineAt.getTime() >= Date.now()) return null;
  const last = await ctx.db.operationLog.findFirst({
    where: { operationToken: token, phase: "retry" },
    orderBy: { id: "desc" },
  });
  return outOfTime(last?.message);
}

/** Milliseconds until the first of their deadlines. */
export function timeLeft(operations: readonly Pick<Operation, "deadlineAt">[]): number {
  return Math.min(...operations.map(({ deadlineAt }) => deadlineAt.getTime() - Date.now()));
}

/** @param before what kept it, if that is known */
export function outOfTime(before: string | undefined): AppError {
  const cause = before === undefined ? "" : ` Before that: ${before}`;
  return new AppError(
    "DEADLINE",
    `The time for this operation was over before it was done.${cause}`,
  );
}

function nextAttempt(operation: Operation, error: AppError): Date | null {
  const unexpected = error.code === "INTERNAL" && operation.attempts + 1 < UNEXPECTED_ATTEMPTS;
  if (!isTransient(error) && !unexpected) return null;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** operation.attempts, LONGEST_PAUSE_MS);
  // Jitter, so that replicas that failed together do not come back together.
  const at = new Date(Date.now() + pause * (0.5 + Math.random() / 2));
  return at < operation.deadlineAt ? at : null;
}

async function postpone(
  ctx: OperationsContext,
  operation: Operation,
  error: AppError,
  at: Date,
  lines: readonly LogLine[],
): Promise<void> {
  const { token } = operation;
  const seconds = Math.max(0.1, (at.getTime() - Date.now()) / 1000).toFixed(1);
  const message = `${error.message} Trying again in ${seconds} s.`;
  await ctx.db.$transaction(async (tx) => {
    await postponeOperation(tx, token, at);
    await logOperations(tx, [...lines, { token, level: "WARNING", phase: "retry", message }]);
    await wake(
      tx,
      isCommitted(operation)
        ? { task: "commit", hasuraId: operation.hasuraId }
        : { task: "beside", token },
      { token, at },
    );
  });
}

async function fail(
  ctx: OperationsContext,
  operation: Operation,
  error: AppError,
  lines: readonly LogLine[],
): Promise<void> {
  const { token, portId } = operation;
  const { code, message, problems } = error;
  const texts = problems.map(problemText);
  const told = [message, ...texts].map(
    (text): LogLine => ({ token, level: "ERROR", phase: "end", message: text }),
  );
  await ctx.db.$transaction(async (tx) => {
    if (portId !== null) await lockPorts(tx, [portId]);
    // Another worker, or somebody who cancelled it, may have ended it meanwhile.
    if (!(await lockRunning(tx, [token])).has(token)) return;
    await logOperations(tx, [...lines, ...told]);
    await leaveFailed(tx, operation, { code, message });
    const result = [message, ...texts].join("\n");
    await endOperation(tx, token, { status: "FAILED", code, result, problems });
    if (portId !== null) await wakeBeside(tx, [portId]);
  });
}
