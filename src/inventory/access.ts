/**
 * Who may see what, in the database, and how every replica comes to know it.
 *
 * One row counts the changes. Whoever changes who may read what adds one to it last in the transaction, so generations
 * are committed in their order. A replica decides by a snapshot of some generation only while it holds a lease, and a
 * lease is given only for the generation that is the newest at that moment; the row is locked for it, so that a change
 * is committed either before (and the lease is not given) or after (and whoever made it sees the lease).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { AppError } from "../errors.ts";
import type { Tx } from "./db.ts";

/** The channel on which a new generation is told. Only a wake-up: the row is the truth. */
export const ACCESS_CHANNEL = "portcullis_access";

/** What runs one statement: Prisma's client, a transaction of it, or a connection of one's own. */
export interface SqlRunner {
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>;
}

const generationRows = z.array(z.object({ generation: z.coerce.bigint() }));

/** What a transaction changed of who may read what: replicas load that and no more. */
export interface AccessChange {
  /** Ids of the ports, external roles and combined roles whose role, root fields or grants changed. */
  readonly holders?: readonly string[];
  /** Whether blocks changed. */
  readonly blocks?: boolean;
  /** Whether the bindings of groups changed. */
  readonly groups?: boolean;
}

/** How many generations back a replica can catch up without loading everything. */
const CHANGES_KEPT = 10_000;
const CHANGES_REMOVED_AT_ONCE = 500;

/**
 * Counts a change of who may read what, and wakes every replica when the transaction is committed. Call it last: it
 * holds the row until then.
 * @param change all that the transaction changed; `everything` where that cannot be said
 * @returns the generation that holds the change
 */
export async function bumpGeneration(tx: Tx, change: AccessChange | "everything"): Promise<bigint> {
  const { holders = [], blocks = false, groups = false } = change === "everything" ? {} : change;
  const rows = await tx.$queryRawUnsafe(
    `WITH counted AS (
       INSERT INTO access_generation AS known (id, generation) VALUES (1, 1)
       ON CONFLICT (id) DO UPDATE SET generation = known.generation + 1, changed_at = now()
       RETURNING generation
     ), logged AS (
       INSERT INTO access_change (generation, holders, blocks, groups, everything)
       SELECT generation, $2::uuid[], $3, $4, $5 FROM counted
     )
     SELECT generation, pg_notify($1, generation::text)::text FROM counted`,
    ACCESS_CHANNEL,
    [...holders],
    blocks,
    groups,
    change === "everything",
  );
  const generation = oneGeneration(rows);
  if (generation % BigInt(CHANGES_REMOVED_AT_ONCE) === 0n)
    await tx.$executeRawUnsafe(
      "DELETE FROM access_change WHERE generation <= $1::bigint",
      generation - BigInt(CHANGES_KEPT),
    );
  return generation;
}

/** The newest generation that is committed; 0 when nothing was ever granted. */
export async function readGeneration(db: SqlRunner): Promise<bigint> {
  const rows = await db.$queryRawUnsafe("SELECT generation FROM access_generation WHERE id = 1");
  return generationRows.parse(rows)[0]?.generation ?? 0n;
}

/**
 * Keeps the generation as it is until the end of the transaction: who wants to change it waits.
 * @returns the generation
 */
export async function holdGeneration(tx: SqlRunner): Promise<bigint> {
  return oneGeneration(
    await tx.$queryRawUnsafe("SELECT generation FROM access_generation WHERE id = 1 FOR SHARE"),
  );
}

/**
 * Makes a replica known, without a lease yet; rows of replicas that are long gone are removed.
 * @param id a UUID of the replica's own
 */
export async function registerReplica(db: SqlRunner, id: string): Promise<void> {
  await db.$queryRawUnsafe(
    "INSERT INTO access_generation (id, generation) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
  );
  await db.$queryRawUnsafe("DELETE FROM replica WHERE lease_until < now() - interval '1 day'");
  await db.$queryRawUnsafe(
    `INSERT INTO replica (id, generation, lease_until) VALUES ($1::uuid, 0, now())
     ON CONFLICT (id) DO NOTHING`,
    id,
  );
}

const leaseRows = z.array(z.object({ generation: z.coerce.bigint(), ms: z.number() }));

/**
 * Asks for the right to decide by a generation for a while. Given only when it is the newest; a replica that is behind
 * keeps what is left of its lease and no more.
 * @param generation what the replica decides by
 * @param ms how long, from the statement's start, by the database's clock
 * @returns the newest generation: the lease was given if it equals the one asked for; and the database's clock, in ms
 * since the epoch
 * @throws AppError NOT_FOUND when the replica is not registered
 */
export async function renewLease(
  db: SqlRunner,
  id: string,
  generation: bigint,
  ms: number,
): Promise<{ generation: bigint; databaseTime: number }> {
  const rows = await db.$queryRawUnsafe(
    `WITH newest AS (SELECT generation FROM access_generation WHERE id = 1 FOR SHARE)
     UPDATE replica SET generation = $2::bigint,
       lease_until = CASE WHEN newest.generation = $2::bigint
         THEN now() + $3::float8 * interval '1 millisecond' ELSE lease_until END
     FROM newest WHERE id = $1::uuid
     RETURNING newest.generation, extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms`,
    id,
    generation,
    ms,
  );
  const newest = leaseRows.parse(rows)[0];
  if (newest === undefined)
    throw new AppError("NOT_FOUND", "This replica is not registered any more; it registers anew.");
  return { generation: newest.generation, databaseTime: newest.ms };
}

/** Ends a replica's lease. The replica must have stopped deciding before. */
export async function forgetReplica(db: SqlRunner, id: string): Promise<void> {
  await db.$queryRawUnsafe("DELETE FROM replica WHERE id = $1::uuid", id);
}

/** Replicas that may still decide by something older than the generation. */
export async function laggingReplicas(db: SqlRunner, generation: bigint): Promise<string[]> {
  const rows = await db.$queryRawUnsafe(
    "SELECT id::text FROM replica WHERE lease_until > now() AND generation < $1::bigint",
    generation,
  );
  return z
    .array(z.object({ id: z.string() }))
    .parse(rows)
    .map(({ id }) => id);
}

/**
 * The barrier: returns when no replica decides by anything older than the generation, which must be committed. That is
 * soon, or at the latest when the leases of those who do not answer have ended.
 * @param options.timeoutMs more than a lease lasts, or it may end too early
 * @throws AppError DEADLINE when some replica has not followed in time
 */
export async function awaitEnforced(
  db: SqlRunner,
  generation: bigint,
  options: { readonly timeoutMs: number },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const lagging = await laggingReplicas(db, generation);
    if (lagging.length === 0) return;
    if (performance.now() >= deadline)
      throw new AppError(
        "DEADLINE",
        `The change is recorded, but ${lagging.length} running webhook(s) have not confirmed it yet. It comes into force when they do, or when their leases end.`,
      );
    await sleep(pauseMs);
  }
}

function oneGeneration(rows: unknown): bigint {
  const [row] = generationRows.parse(rows);
  if (row === undefined)
    throw new AppError("INTERNAL", "The access generation is missing; run the migrations.");
  return row.generation;
}
