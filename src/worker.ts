/** The face that carries operations out: takes wake-ups, and sweeps for what was never woken. */
import { forgetMirror } from "./inventory/mirror.ts";
import type { OperationsContext } from "./operations/context.ts";
import { wakeMirror } from "./operations/mirror.ts";
import { OPERATION_SWEEP_MS, startQueue, sweep } from "./operations/queue.ts";
import { keepCombinedRoles } from "./operations/submit-combine.ts";
import { handleWakeUp } from "./operations/work.ts";

export interface Worker {
  /** Finishes what is at hand, then stops. Safe to call twice. */
  stop(): Promise<void>;
}

/** @param options.reconcileSchedule when Hasura is looked through by itself, as cron has it; null: never */
export async function startWorker(
  ctx: OperationsContext,
  options: { reconcileSchedule: string | null },
): Promise<Worker> {
  if (ctx.roleMapper === null) await forgetMirror(ctx.db, ctx.hasuraId);
  const stopping = new AbortController();
  const sweepNow = (): void => {
    Promise.all([
      sweep(ctx.db, ctx.hasuraId),
      keepCombinedRoles(ctx),
      wakeMirror(ctx, ctx.db),
    ]).catch((err: unknown) => ctx.log.warn({ err }, "the sweep failed"));
  };
  const queue = await startQueue({
    databaseUrl: ctx.databaseUrl,
    log: ctx.log,
    reconcileSchedule: options.reconcileSchedule,
    handle: (wakeUp) => handleWakeUp(ctx, wakeUp, stopping.signal),
    // What a dead process left is taken up at once.
    onBegin: sweepNow,
  });
  const timer = setInterval(sweepNow, OPERATION_SWEEP_MS);
  let stopped: Promise<void> | undefined;
  return {
    stop() {
      clearInterval(timer);
      stopping.abort();
      stopped ??= queue.stop();
      return stopped;
    },
  };
}
