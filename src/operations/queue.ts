/** The queue only wakes workers; what is to be done stands in the operation rows. */
import { setTimeout as sleep } from "node:timers/promises";
import { Logger as QueueLogger, type Runner, run, type TaskList } from "graphile-worker";
import { Pool } from "pg";
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

export interface Queue {
  /** Takes no more wake-ups and waits for the tasks at hand. */
  stop(): Promise<void>;
}

/** How long after a failed attempt the queue is taken up again, in milliseconds. */
const TAKE_UP_PAUSE_MS = 1_000;

/**
 * Starts taking wake-ups, and goes on until stopped, also when the database was away.
 * @throws what the database throws when it cannot be reached at the start
 */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  const { log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = new Set<Running>();
  let takingUp = Promise.resolve();
  const begin = async (): Promise<void> => {
    const started = await startRunner(options);
    running.add(started);
    options.onBegin();
    let isReplaced = false;
    const replace = (err?: unknown): void => {
      if (isReplaced || signal.aborted) return;
      isReplaced = true;
      log.warn({ err }, "the queue was lost, and is taken up again");
      takingUp = takeUp();
    };
    // It gives itself up when it cannot tell the database that a task has ended; its tasks at hand go on meanwhile.
    started.runner.events.once("pool:gracefulShutdown", () => replace());
    // It may have given itself up before anybody listened.
    started.runner.promise.then(() => replace(), replace);
    const forget = (): void => {
      running.delete(started);
    };
    started.ended.then(forget, forget);
  };
  const takeUp = async (): Promise<void> => {
    while (!signal.aborted)
      try {
        return await begin();
      } catch (err) {
        log.debug({ err }, "the queue cannot be taken up yet");
        await sleep(TAKE_UP_PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
  };
  await begin();
  return {
    async stop() {
      stopping.abort();
      await takingUp;
      const stopAll = [...running].map(async ({ runner, ended }) => {
        // One that has given itself up only says so.
        await runner.stop().catch(() => undefined);
        await ended;
      });
      await Promise.allSettled(stopAll);
    },
  };
}

interface QueueOptions {
  readonly databaseUrl: string;
  readonly log: Logger;
  /** When Hasura is looked through by itself, as cron has it; null: never. */
  readonly reconcileSchedule: string | null;
  readonly handle: (wakeUp: WakeUp) => Promise<void>;
  /** Told at the start and whenever it was taken up again: wake-ups may be lost. */
  readonly onBegin: () => void;
}

interface Running {
  readonly runner: Runner;
  /** Settles as the runner does, when its connections are closed. */
  readonly ended: Promise<void>;
}

async function startRunner(options: QueueOptions): Promise<Running> {
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
  const pool = openPool(options);
  const starting = run({
    pgPool: pool,
    taskList,
    // Of several replicas one adds each of these.
    crontab: schedules.join("\n"),
    concurrency: 8,
    noHandleSignals: true,
    pollInterval: 1_000,
    logger: queueLogger(options.log),
    // Told in batches, the end of a task that the database cannot be told of ends the runner; told one by one, it is a
    // rejection that nobody handles, and ends the process.
    preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
  });
  try {
    const runner = await starting;
    return { runner, ended: runner.promise.finally(() => pool.end()) };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/**
 * The runner's own connections would be listened to only until it begins to close them; one that is lost after that
 * would end the process.
 */
function openPool({ databaseUrl, log }: QueueOptions): Pool {
  const pool = new Pool({ connectionString: databaseUrl, max: 10 });
  const note = (err: Error): void => log.debug({ err }, "the queue has lost a connection");
  pool.on("error", note);
  pool.on("connect", (client) => client.on("error", note));
  return pool;
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
