/** Waiting for an operation's end. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import type { Db } from "../inventory/db.ts";
import { endedAmong, OPERATION_CHANNEL } from "../inventory/operations.ts";
import type { Logger } from "../observability/logger.ts";

/** Tells when operations end, in whichever process they do. */
export interface EndedSignal {
  /** Begins to listen for one. */
  expect(token: string): Expected;
  stop(): Promise<void>;
}

interface Expected {
  /** Resolves when it has ended, or after `ms` milliseconds. */
  within(ms: number): Promise<void>;
  /** Listens no more. */
  forget(): void;
}

/** The rows that are waited for are read again so often, for a signal can be lost with its connection. */
const RECHECK_MS = 500;
const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Returns when the operation has ended, or after `ms` milliseconds; the caller reads the row. */
export async function awaitOperation(
  ctx: { readonly db: Db; readonly ended: EndedSignal },
  token: string,
  ms: number,
): Promise<void> {
  if (ms <= 0) return;
  const until = performance.now() + ms;
  // Listening starts before the row is read, so that no end falls in between.
  const end = ctx.ended.expect(token);
  try {
    const row = await ctx.db.operation.findUnique({ where: { token }, select: { status: true } });
    if (row?.status === "RUNNING") await end.within(until - performance.now());
  } finally {
    end.forget();
  }
}

/** Listens on a connection of its own, opened again when it breaks. */
export function listenForEnds(databaseUrl: string, db: Db, log: Logger): EndedSignal {
  const waiting = new Map<string, Set<() => void>>();
  const stopping = new AbortController();
  const onEnded = (token: string): void => {
    for (const wake of waiting.get(token) ?? []) wake();
  };
  const listening = listenUntil(stopping.signal, databaseUrl, onEnded, log);
  const rechecking = recheckUntil(stopping.signal, db, waiting, onEnded, log);
  return {
    expect(token) {
      const wakes = waiting.get(token) ?? new Set();
      waiting.set(token, wakes);
      let wake = (): void => undefined;
      const told = new Promise<void>((resolve) => {
        wake = resolve;
      });
      wakes.add(wake);
      let timer: NodeJS.Timeout | undefined;
      return {
        within(ms) {
          timer = setTimeout(wake, ms);
          return told;
        },
        forget() {
          clearTimeout(timer);
          wakes.delete(wake);
          if (wakes.size === 0) waiting.delete(token);
        },
      };
    },
    async stop() {
      stopping.abort();
      await Promise.all([listening, rechecking]);
    },
  };
}

/** Reads the rows that are waited for, all in one query. Never throws; returns once the signal is aborted. */
async function recheckUntil(
  stopping: AbortSignal,
  db: Db,
  waiting: ReadonlyMap<string, unknown>,
  onEnded: (token: string) => void,
  log: Logger,
): Promise<void> {
  for (;;) {
    await sleep(RECHECK_MS, undefined, { signal: stopping }).catch(() => undefined);
    if (stopping.aborted) return;
    if (waiting.size === 0) continue;
    try {
      for (const token of await endedAmong(db, [...waiting.keys()])) onEnded(token);
    } catch (err) {
      log.debug({ err }, "cannot look for ended operations");
    }
  }
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
