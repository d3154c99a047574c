/** Carrying out one operation: what every kind has in common, which is how it ends when something is wrong. */
import { problemText } from "../domain/problem-text.ts";
import { AppError, isTransient, toAppError } from "../errors.ts";
import type { Operation } from "../inventory/generated/client.ts";
import {
  endOperation,
  isCommitted,
  logOperation,
  postponeOperation,
} from "../inventory/operations.ts";
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
    if (operation.deadlineAt.getTime() < Date.now()) throw await overdue(ctx, operation);
    await run(ctx, operation);
  } catch (error) {
    const known = toAppError(error);
    ctx.log.warn({ err: error, operation: operation.token }, "an operation did not succeed");
    const retryAt = nextAttempt(operation, known);
    if (retryAt === null) await fail(ctx, operation, known);
    else await postpone(ctx, operation, known, retryAt);
  }
}

/** Says what kept it, for whoever sees the result alone. */
async function overdue(ctx: OperationsContext, { token }: Operation): Promise<AppError> {
  const last = await ctx.db.operationLog.findFirst({
    where: { operationToken: token, phase: "retry" },
    orderBy: { id: "desc" },
  });
  const cause = last === null ? "" : ` Before that: ${last.message}`;
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
): Promise<void> {
  const seconds = Math.max(0.1, (at.getTime() - Date.now()) / 1000).toFixed(1);
  await ctx.db.$transaction(async (tx) => {
    await postponeOperation(tx, operation.token, at);
    const message = `${error.message} Trying again in ${seconds} s.`;
    await logOperation(tx, operation.token, "WARNING", "retry", message);
    await wake(
      tx,
      isCommitted(operation)
        ? { task: "commit", hasuraId: operation.hasuraId }
        : { task: "beside", token: operation.token },
      { token: operation.token, at },
    );
  });
}

async function fail(ctx: OperationsContext, operation: Operation, error: AppError): Promise<void> {
  const { message, problems } = error;
  const texts = problems.map(problemText);
  await ctx.db.$transaction(async (tx) => {
    await logOperation(tx, operation.token, "ERROR", "end", message);
    for (const text of texts) await logOperation(tx, operation.token, "ERROR", "end", text);
    await leaveFailed(tx, operation, { code: error.code, message });
    await endOperation(tx, operation.token, {
      status: "FAILED",
      code: error.code,
      result: [message, ...texts].join("\n"),
      problems,
    });
    await wakeBeside(tx, operation);
  });
}
