/** Waiting for an operation's end. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Db } from "../inventory/db.ts";
import { OPERATION_CHANNEL } from "../inventory/operations.ts";
import type { Logger } from "../observability/logger.ts";

/** Tells when operations end, in whichever process they do. */
export interface EndedSignal {
  /** Resolves when the token is told as ended, or after `ms` milliseconds. */
  next(token: string, ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** A row is read again at least this often, for a signal can be lost with its connection. */
const RECHECK_MS = 500;
const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Returns when the operation has ended, or after `ms` milliseconds; the caller reads the row. */
export async function awaitOperation(
  ctx: { readonly db: Db; readonly ended: EndedSignal },
  token: string,
  ms: number,
): Promise<void> {
  const until = performance.now() + ms;
  for (;;) {
    const left = until - performance.now();
    if (left <= 0) return;
    // Listening starts before the row is read, so that no end falls in between.
    const signal = ctx.ended.next(token, Math.min(left, RECHECK_MS));
    const row = await ctx.db.operation.findUnique({ where: { token }, select: { status: true } });
    if (row === null || row.status !== "RUNNING") return;
    await signal;
  }
}

/** Listens on a connection of its own, opened again when it breaks. */
export function listenForEnds(databaseUrl: string, log: Logger): EndedSignal {
  const waiting = new Map<string, Set<() => void>>();
  const stopping = new AbortController();
  const onEnded = (token: string): void => {
    for (const wake of waiting.get(token) ?? []) wake();
  };
  const listening = listenUntil(stopping.signal, databaseUrl, onEnded, log);
  return {
    next(token, ms) {
      return new Promise<void>((resolve) => {
        const wakes = waiting.get(token) ?? new Set();
        waiting.set(token, wakes);
        const wake = (): void => {
          clearTimeout(timer);
          wakes.delete(wake);
          if (wakes.size === 0) waiting.delete(token);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        wakes.add(wake);
      });
    },
    async stop() {
      stopping.abort();
      await listening;
    },
  };
}

/** Never throws; returns once the signal is aborted and the connection is closed. */
async function listenUntil(
  stopping: AbortSignal,
  databaseUrl: string,
  onEnded: (token: string) => void,
  log: Logger,
): Promise<void> {
  while (!stopping.aborted) {
    const client = new Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    try {
      client.on("error", (err) => log.debug({ err }, "the connection for ended operations broke"));
      client.on("notification", ({ payload }) => onEnded(payload ?? ""));
      const broken = once(client, "end", { signal: stopping }).catch(() => undefined);
      await client.connect();
      await client.query(`LISTEN ${OPERATION_CHANNEL}`);
      await broken;
    } catch (err) {
      log.debug({ err }, "cannot listen for ended operations");
    }
    await client.end().catch(() => undefined);
    await sleep(RECONNECT_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}
