/**
 * What one replica knows of who may see what, and for how long it may decide by it.
 *
 * A snapshot is used only while its lease lasts (inventory/access.ts). The lease runs on the monotonic clock from
 * before the query that gave it, so here it always ends before it ends in the database. A newer snapshot takes the
 * older one's place before the database is told of it, never after.
 */
import { randomUUID } from "node:crypto";
import {
  type Access,
  applyChanges,
  arrangeAccess,
  emptyAccess,
  type HolderFacts,
} from "../domain/access-index.ts";
import { AppError } from "../errors.ts";
import {
  forgetReplica,
  holdGeneration,
  registerReplica,
  renewLease,
  type SqlRunner,
} from "../inventory/access.ts";
import {
  loadAccessOf,
  readBlocks,
  readHead,
  readHolderIds,
  readHolders,
} from "../inventory/access-load.ts";
import type { Logger } from "../observability/logger.ts";
import { type AccessConnection, openAccessConnection } from "./connection.ts";
import { createTurn, type Turn } from "./turn.ts";

/** How long the database may take to answer when it is asked in the middle of a request. */
const ASK_TIMEOUT_MS = 200;
const ASKS_AT_ONCE = 32;
/** After this long without an answer the connection is given up, or later if the bound is wider. */
const STATEMENT_TIMEOUT_MS = 5_000;
/**
 * A change of more holders than this is read as everything is, page by page into a new arrangement: what is in use is
 * changed without a pause, so that must be little.
 */
const CHANGED_AT_MOST = 1_000;

/**
 * Something to decide by, and the database's time (ms since the epoch) to decide at. Good until the next pause: it is
 * changed in place.
 */
export interface AccessView {
  readonly access: Access;
  readonly now: number;
}

export interface Snapshot {
  /** What is known now; `null` when it is older than the bound. Ask again for every decision. */
  current(): AccessView | null;
  /** What the database says about some subjects now; `null` when it does not say so at once. */
  ask(subjects: readonly string[]): Promise<AccessView | null>;
  ready(): boolean;
  /** The generation that is known, even if it may not be used; 0 before the first. */
  generation(): bigint;
  /** The last generation up to that one in which the bindings of groups may have changed. */
  groupsGeneration(): bigint;
  /** Returns when the newest generation is known and leased. @throws when the database cannot be asked */
  refresh(): Promise<void>;
  /** Stops deciding, then ends the lease. */
  stop(): Promise<void>;
}

export interface SnapshotOptions {
  /** For questions in the middle of a request. */
  readonly db: SqlRunner;
  /** For the connection that holds the lease. */
  readonly databaseUrl: string;
  /** Whose roles and grants. */
  readonly hasuraId: string;
  readonly maxStalenessMs: number;
  readonly log: Logger;
}

interface State {
  access: Access | null;
  /** Of the generation that is known. */
  stamp: string | null;
  groupsGeneration: bigint;
  /** On the monotonic clock. */
  usableUntil: number;
  /** Database's time minus the monotonic clock, rather too late than too early. */
  clockOffset: number;
  stopped: boolean;
}

/** Starts to follow the database in the background; `ready()` turns true with the first snapshot. */
export function startSnapshot(options: SnapshotOptions): Snapshot {
  const state: State = {
    access: null,
    stamp: null,
    groupsGeneration: 0n,
    usableUntil: Number.NEGATIVE_INFINITY,
    clockOffset: 0,
    stopped: false,
  };
  const turn = createTurn();
  const following = follow(state, turn, options);
  const current = (): AccessView | null => {
    const at = performance.now();
    if (state.stopped || state.access === null || at >= state.usableUntil) return null;
    return { access: state.access, now: at + state.clockOffset };
  };
  return {
    current,
    ask: createAsk(options),
    ready: () => current() !== null,
    generation: () => state.access?.generation ?? 0n,
    groupsGeneration: () => state.groupsGeneration,
    refresh: async () => {
      if (state.stopped) throw unavailable(new Error("stopped"));
      await turn.ask();
    },
    stop: async () => {
      state.stopped = true;
      turn.wake();
      await following;
    },
  };
}

/** Keeps a connection, and by it the snapshot and the lease, until stopped. Never throws. */
async function follow(state: State, turn: Turn, options: SnapshotOptions): Promise<void> {
  const { databaseUrl, hasuraId, maxStalenessMs, log } = options;
  const replica = randomUUID();
  const pollMs = maxStalenessMs / 5;
  let pauseMs = 0;
  while (!state.stopped) {
    await turn.next(pauseMs);
    let connection: AccessConnection | undefined;
    try {
      connection = await openAccessConnection({
        databaseUrl,
        timeoutMs: Math.max(maxStalenessMs, STATEMENT_TIMEOUT_MS),
        onWake: turn.wake,
      });
      await registerReplica(connection, replica);
      // A lease is asked for by number alone, and this may be another database than before: one that was put back.
      const opened = connection;
      await opened.transaction("one moment", () => load(state, opened, hasuraId));
      while (!state.stopped && !connection.lost()) {
        const asked = turn.take();
        try {
          await confirm(state, connection, replica, options);
          for (const { resolve } of asked) resolve();
        } catch (error) {
          for (const { reject } of asked) reject(unavailable(error));
          throw error;
        }
        pauseMs = 0;
        await turn.next(pollMs);
      }
      if (state.stopped) await forgetReplica(connection, replica);
    } catch (error) {
      if (!state.stopped)
        log.warn({ err: error }, "access: the database cannot be followed; trying again");
      for (const { reject } of turn.take()) reject(unavailable(error));
      pauseMs = Math.min(pollMs, Math.max(20, pauseMs * 2));
    }
    await connection?.close();
    turn.calm();
  }
  for (const { reject } of turn.take()) reject(unavailable(new Error("stopped")));
}

/** Brings the snapshot to the newest generation and takes a lease on it. */
async function confirm(
  state: State,
  connection: AccessConnection,
  replica: string,
  options: SnapshotOptions,
): Promise<void> {
  const { hasuraId, maxStalenessMs } = options;
  const lease = async (): Promise<boolean> => {
    const generation = state.access?.generation;
    if (generation === undefined) return false;
    const began = performance.now();
    const newest = await renewLease(connection, replica, generation, maxStalenessMs);
    state.clockOffset = newest.databaseTime - began;
    return newest.generation === generation;
  };
  for (const isBehind of [false, true]) {
    if (isBehind)
      await connection.transaction("one moment", () => load(state, connection, hasuraId));
    const began = performance.now();
    if (await lease()) {
      state.usableUntil = began + maxStalenessMs;
      return;
    }
  }
  // Overtaken while it was read: let changes wait for the little that is new, or no lease might ever be given. The
  // database counts from the transaction's start, and gives nothing before its end.
  const began = performance.now();
  await connection.transaction("as it goes", async () => {
    await holdGeneration(connection);
    await load(state, connection, hasuraId);
    await lease();
  });
  state.usableUntil = began + maxStalenessMs;
}

/**
 * Reads what is new and takes it up. Nothing may be committed between its statements: the transaction sees one moment,
 * or holds the generation.
 */
async function load(state: State, connection: AccessConnection, hasuraId: string): Promise<void> {
  const began = performance.now();
  const known = state.access;
  const { generation, stamp, databaseTime, changes } = await readHead(
    connection,
    known && { generation: known.generation, stamp: state.stamp },
  );
  if (known === null || changes === "everything" || changes.holders.length > CHANGED_AT_MOST) {
    const fresh = emptyAccess();
    for await (const page of readHolders(
      connection,
      hasuraId,
      await readHolderIds(connection, hasuraId),
    ))
      applyChanges(fresh, { generation, holders: byId(page), blocks: null });
    const blocks = await readBlocks(connection, hasuraId);
    applyChanges(fresh, { generation, holders: new Map(), blocks });
    state.access = fresh;
  } else {
    // Whatever is not found any more is gone.
    const holders = new Map<string, HolderFacts | null>(changes.holders.map((id) => [id, null]));
    for await (const page of readHolders(connection, hasuraId, changes.holders))
      for (const holder of page) holders.set(holder.id, holder);
    const blocks = changes.blocks ? await readBlocks(connection, hasuraId) : null;
    applyChanges(known, { generation, holders, blocks });
  }
  state.stamp = stamp;
  if (changes === "everything" || changes.groups) state.groupsGeneration = generation;
  state.clockOffset = databaseTime - began;
}

function byId(holders: readonly HolderFacts[]): Map<string, HolderFacts> {
  return new Map(holders.map((holder) => [holder.id, holder]));
}

/** Asks the database about the subjects of one request; many of these at once are refused. */
function createAsk({ db, hasuraId, log }: SnapshotOptions): Snapshot["ask"] {
  let outstanding = 0;
  return async (subjects) => {
    if (outstanding >= ASKS_AT_ONCE) return null;
    outstanding += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, ASK_TIMEOUT_MS, null);
    });
    const answer = loadAccessOf(db, hasuraId, subjects)
      .then(({ facts, databaseTime }) => ({ access: arrangeAccess(facts), now: databaseTime }))
      .catch((error: unknown) => {
        log.debug({ err: error }, "access: the database could not be asked");
        return null;
      })
      .finally(() => {
        outstanding -= 1;
      });
    const view = await Promise.race([answer, late]);
    clearTimeout(timer);
    return view;
  };
}

function unavailable(cause: unknown): AppError {
  return new AppError(
    "INTERNAL",
    "The access snapshot could not be refreshed; the database cannot be asked.",
    {
      cause,
    },
  );
}
