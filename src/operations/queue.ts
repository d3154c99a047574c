/** The queue only wakes workers; what is to be done stands in the operation rows. */
import { Logger as QueueLogger, type Runner, run, type TaskList } from "graphile-worker";
import { z } from "zod";
import type { Db, DbOrTx } from "../inventory/db.ts";
import { isCommitted } from "../inventory/operations.ts";
import type { Logger } from "../observability/logger.ts";

/** How often running operations are looked through, in milliseconds: the longest that a lost wake-up costs. */
export const OPERATION_SWEEP_MS = 10_000;

/** `commit`: work off what waits for a Hasura. `beside`: one operation that waits for no Hasura. */
const wakeUpSchema = z.discriminatedUnion("task", [
  z.object({ task: z.literal("commit"), hasuraId: z.string() }),
  z.object({ task: z.literal("beside"), token: z.uuid() }),
]);
export type WakeUp = z.infer<typeof wakeUpSchema>;

/**
 * Wakes a worker, when the transaction commits. A wake-up that waits already is not doubled.
 * @param later for which operation, and when; each has a wake-up of its own, which puts off no other
 */
export async function wake(
  tx: DbOrTx,
  wakeUp: WakeUp,
  later?: { readonly token: string; readonly at: Date },
): Promise<void> {
  const { task, ...payload } = wakeUpSchema.parse(wakeUp);
  const name = wakeUp.task === "commit" ? `commit:${wakeUp.hasuraId}` : `beside:${wakeUp.token}`;
  const key = later === undefined ? name : `${name}:${later.token}:later`;
  await tx.$executeRaw`
    SELECT graphile_worker.add_job(${task}, ${JSON.stringify(payload)}::json,
      run_at := ${later?.at ?? null}::timestamptz, max_attempts := 3, job_key := ${key})`;
}

/**
 * Starts taking wake-ups.
 * @returns the runner; `stop()` waits for the tasks at hand
 */
export async function startQueue(options: {
  databaseUrl: string;
  log: Logger;
  handle: (wakeUp: WakeUp) => Promise<void>;
}): Promise<Runner> {
  const task = (name: WakeUp["task"]) => async (payload: unknown) => {
    await options.handle(wakeUpSchema.parse({ ...(payload as object), task: name }));
  };
  const taskList: TaskList = { commit: task("commit"), beside: task("beside") };
  return run({
    connectionString: options.databaseUrl,
    taskList,
    concurrency: 8,
    maxPoolSize: 10,
    noHandleSignals: true,
    pollInterval: 1_000,
    logger: queueLogger(options.log),
  });
}

/** Wakes workers for every running operation that is due: lost wake-ups and dead workers cost no more than a sweep. */
export async function sweep(db: Db, hasuraId: string): Promise<void> {
  const due = { hasuraId, status: "RUNNING" as const, nextAttemptAt: { lte: new Date() } };
  const rows = await db.operation.findMany({ where: due, select: { token: true, kind: true } });
  if (rows.some(isCommitted)) await wake(db, { task: "commit", hasuraId });
  for (const row of rows)
    if (!isCommitted(row)) await wake(db, { task: "beside", token: row.token });
}

function queueLogger(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    if (level === "error") log.error(message);
    else if (level === "warning") log.warn(message);
    else log.debug(message);
  });
}
