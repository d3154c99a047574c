/** The queue only wakes workers; what is to be done stands in the operation rows. */
import { Logger as QueueLogger, type Runner, run, type TaskList } from "graphile-worker";
import { z } from "zod";
import type { Db, DbOrTx } from "../inventory/db.ts";
import { Prisma } from "../inventory/generated/client.ts";
import { isCommitted } from "../inventory/operations.ts";
import { brokenSources } from "../inventory/sources.ts";
import type { Logger } from "../observability/logger.ts";

/** How often running operations are looked through, in milliseconds: the longest that a lost wake-up costs. */
export const OPERATION_SWEEP_MS = 10_000;

/**
 * `commit`: work off what waits for a Hasura. `beside`: one operation that waits for no Hasura. `mirror`: tell an older
 * role mapper what changed of a Hasura's ports. The others come by the clock: `reconcile` has Hasura looked through,
 * `clean` removes what is old.
 */
const wakeUpSchema = z.discriminatedUnion("task", [
  z.object({ task: z.literal("commit"), hasuraId: z.string() }),
  z.object({ task: z.literal("beside"), token: z.uuid() }),
  z.object({ task: z.literal("mirror"), hasuraId: z.string() }),
  z.object({ task: z.literal("reconcile") }),
  z.object({ task: z.literal("clean") }),
]);
export type WakeUp = z.infer<typeof wakeUpSchema>;

/** Every night, in UTC. */
const CLEAN_SCHEDULE = "23 3 * * *";

type Asked = Extract<WakeUp, { task: "commit" | "beside" | "mirror" }>;

/**
 * Wakes a worker, when the transaction commits. A wake-up that waits already is not doubled.
 * @param later for which operation (or what else it is for), and when; each has a wake-up of its own, which puts off no
 * other
 */
export async function wake(
  tx: DbOrTx,
  wakeUp: Asked,
  later?: { readonly token: string; readonly at: Date },
): Promise<void> {
  await tx.$executeRaw`SELECT ${wakeSql(wakeUp, later)}`;
}

/** The same, to be selected in a statement that does more. */
export function wakeSql(
  wakeUp: Asked,
  later?: { readonly token: string; readonly at: Date },
): Prisma.Sql {
  const { task, ...payload } = wakeUp;
  const name = `${task}:${wakeUp.task === "beside" ? wakeUp.token : wakeUp.hasuraId}`;
  const key = later === undefined ? name : `${name}:${later.token}:later`;
  return Prisma.sql`graphile_worker.add_job(${task}, ${JSON.stringify(payload)}::json,
    run_at := ${later?.at ?? null}::timestamptz, max_attempts := 3, job_key := ${key})`;
}

/**
 * Starts taking wake-ups.
 * @returns the runner; `stop()` waits for the tasks at hand
 */
export async function startQueue(options: {
  databaseUrl: string;
  log: Logger;
  /** When Hasura is looked through by itself, as cron has it; null: never. */
  reconcileSchedule: string | null;
  handle: (wakeUp: WakeUp) => Promise<void>;
}): Promise<Runner> {
  const task = (name: WakeUp["task"]) => async (payload: unknown) => {
    await options.handle(wakeUpSchema.parse({ ...(payload as object), task: name }));
  };
  const names = ["commit", "beside", "mirror", "reconcile", "clean"] as const;
  const taskList: TaskList = Object.fromEntries(names.map((name) => [name, task(name)]));
  const { reconcileSchedule } = options;
  const schedules = [
    `${CLEAN_SCHEDULE} clean ?max=1`,
    ...(reconcileSchedule === null ? [] : [`${reconcileSchedule} reconcile ?max=1`]),
  ];
  return run({
    connectionString: options.databaseUrl,
    taskList,
    // Of several replicas one adds each of these.
    crontab: schedules.join("\n"),
    concurrency: 8,
    maxPoolSize: 10,
    noHandleSignals: true,
    pollInterval: 1_000,
    logger: queueLogger(options.log),
  });
}

/**
 * Wakes workers for every running operation that is due, and for sources that are to be looked at: lost wake-ups and
 * dead workers cost no more than a sweep.
 */
export async function sweep(db: Db, hasuraId: string): Promise<void> {
  const due = { hasuraId, status: "RUNNING" as const, nextAttemptAt: { lte: new Date() } };
  const rows = await db.operation.findMany({ where: due, select: { token: true, kind: true } });
  if (rows.some(isCommitted) || (await brokenSources(db, hasuraId)).length > 0)
    await wake(db, { task: "commit", hasuraId });
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
