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
import type { AccessFacts } from "../domain/access.ts";
import { AppError } from "../errors.ts";
import type { Tx } from "./db.ts";

/** The channel on which a new generation is told. Only a wake-up: the row is the truth. */
export const ACCESS_CHANNEL = "portcullis_access";

/** What runs one statement: Prisma's client, a transaction of it, or a connection of one's own. */
export interface SqlRunner {
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>;
}

const generationRows = z.array(z.object({ generation: z.coerce.bigint() }));

/**
 * Counts a change of who may read what, and wakes every replica when the transaction is committed. Call it last: it
 * holds the row until then.
 * @returns the generation that holds the change
 */
export async function bumpGeneration(tx: Tx): Promise<bigint> {
  const rows = await tx.$queryRawUnsafe(
    `INSERT INTO access_generation AS known (id, generation) VALUES (1, 1)
     ON CONFLICT (id) DO UPDATE SET generation = known.generation + 1, changed_at = now()
     RETURNING generation`,
  );
  const generation = oneGeneration(rows);
  await tx.$executeRawUnsafe("SELECT pg_notify($1, $2)", ACCESS_CHANNEL, String(generation));
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

const accessRows = z.array(
  z.discriminatedUnion("row", [
    z.object({ row: z.literal("head"), generation: z.coerce.bigint(), ms: z.number() }),
    z.object({
      row: z.literal("role"),
      port_id: z.string(),
      name: z.string(),
      fields: z.array(z.string()),
    }),
    z.object({
      row: z.literal("grant"),
      port_id: z.string(),
      name: z.string(),
      ms: z.number().nullable(),
    }),
  ]),
);

const LIVE_GRANT = `g.hasura_id = $1 AND g.ended_at IS NULL AND (g.until IS NULL OR g.until > now())`;
const LIVE_PORT = `p.hasura_id = $1 AND p.phase = 'ACTIVE'`;

/**
 * One statement, so that all of it is of one moment. Names are found by their port alone: with the Hasura beside it,
 * PostgreSQL may go through all names of the Hasura for each port while it has no statistics.
 */
const ACCESS_SQL = `
  WITH live AS (
    SELECT p.id AS port_id, g.subject, extract(epoch FROM g.until)::float8 * 1000 AS ms
    FROM "grant" g JOIN output_port p ON p.id = g.port_id AND ${LIVE_PORT}
    WHERE ${LIVE_GRANT}
  )
  SELECT 'head' AS row, NULL AS port_id, NULL AS name, NULL::text[] AS fields,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms,
    coalesce((SELECT generation FROM access_generation WHERE id = 1), 0) AS generation
  UNION ALL
  SELECT 'role', p.id::text, p.role,
    ARRAY(SELECT n.name FROM owned_name n WHERE n.port_id = p.id AND n.namespace = 'ROOT_FIELD'),
    NULL, NULL
  FROM output_port p
  WHERE ${LIVE_PORT}
  UNION ALL
  SELECT 'grant', port_id::text, subject, NULL, ms, NULL FROM live`;

/** The same for some subjects: only their grants, and the roles these give. */
const ACCESS_OF_SUBJECTS_SQL = ACCESS_SQL.replace(
  `WHERE ${LIVE_GRANT}`,
  `WHERE ${LIVE_GRANT} AND g.subject = ANY($2::text[])`,
).replace(
  `WHERE ${LIVE_PORT}\n  UNION`,
  `WHERE ${LIVE_PORT} AND p.id IN (SELECT port_id FROM live)\n  UNION`,
);

/** The facts, and the database's clock (ms since the epoch) when they were read. */
export interface LoadedAccess {
  readonly facts: AccessFacts;
  readonly databaseTime: number;
}

/**
 * Roles of the active ports with the root fields they own, and the grants that are in force: all of one moment.
 * @param subjects read only what concerns these; absent: everything
 */
export async function loadAccess(
  db: SqlRunner,
  hasuraId: string,
  subjects?: readonly string[],
): Promise<LoadedAccess> {
  const rows = accessRows.parse(
    subjects === undefined
      ? await db.$queryRawUnsafe(ACCESS_SQL, hasuraId)
      : await db.$queryRawUnsafe(ACCESS_OF_SUBJECTS_SQL, hasuraId, [...subjects]),
  );
  let generation = 0n;
  let databaseTime = 0;
  const roles: AccessFacts["roles"][number][] = [];
  const grants: AccessFacts["grants"][number][] = [];
  for (const row of rows)
    if (row.row === "head") {
      generation = row.generation;
      databaseTime = row.ms;
    } else if (row.row === "role")
      roles.push({ portId: row.port_id, name: row.name, fields: row.fields });
    else grants.push({ portId: row.port_id, subject: row.name, until: row.ms });
  return { facts: { generation, roles, grants }, databaseTime };
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

/**
 * Asks for the right to decide by a generation for a while. Given only when it is the newest; a replica that is behind
 * keeps what is left of its lease and no more.
 * @param generation what the replica decides by
 * @param ms how long, from the statement's start, by the database's clock
 * @returns the newest generation: the lease was given if it equals the one asked for
 * @throws AppError NOT_FOUND when the replica is not registered
 */
export async function renewLease(
  db: SqlRunner,
  id: string,
  generation: bigint,
  ms: number,
): Promise<bigint> {
  const rows = await db.$queryRawUnsafe(
    `WITH newest AS (SELECT generation FROM access_generation WHERE id = 1 FOR SHARE)
     UPDATE replica SET generation = $2::bigint,
       lease_until = CASE WHEN newest.generation = $2::bigint
         THEN now() + $3::float8 * interval '1 millisecond' ELSE lease_until END
     FROM newest WHERE id = $1::uuid
     RETURNING newest.generation`,
    id,
    generation,
    ms,
  );
  const newest = generationRows.parse(rows)[0];
  if (newest === undefined)
    throw new AppError("NOT_FOUND", "This replica is not registered any more; it registers anew.");
  return newest.generation;
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
