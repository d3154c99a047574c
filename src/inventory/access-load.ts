/**
 * Reading who may see what out of the database: everything, what changed, or what concerns some subjects. Whatever is
 * read is of one moment: one statement, or one transaction that sees no later commit.
 */
import { z } from "zod";
import type { AccessFacts, BlockFacts, HolderFacts } from "../domain/access-index.ts";
import type { SqlRunner } from "./access.ts";

/** Holders that are read at once: some thousand grants, so that no page keeps requests waiting. */
const HOLDERS_A_PAGE = 100;

/** One generation of one database's life. */
export interface KnownGeneration {
  readonly generation: bigint;
  /** `null`: not recorded, so nothing can be told to have happened since. */
  readonly stamp: string | null;
}

/** Where reading begins: a generation, and what is new in it. */
export interface AccessHead extends KnownGeneration {
  /** The database's clock, in ms since the epoch. */
  readonly databaseTime: number;
  /** What changed since the generation that is known; `everything` when that cannot be said. */
  readonly changes:
    | { readonly holders: readonly string[]; readonly blocks: boolean; readonly groups: boolean }
    | "everything";
}

const headRows = z.tuple([
  z.object({
    generation: z.coerce.bigint(),
    stamp: z.string().nullable(),
    ms: z.number(),
    logged: z.coerce.bigint(),
    recognised: z.boolean(),
    everything: z.boolean(),
    blocks: z.boolean(),
    groups: z.boolean(),
    holders: z.array(z.string()),
  }),
]);

/**
 * The newest generation, and what changed since the one that is known.
 * @param known the one that is in use; `null` when there is none
 */
export async function readHead(db: SqlRunner, known: KnownGeneration | null): Promise<AccessHead> {
  const { generation: since, stamp: sinceStamp } = known ?? { generation: 0n, stamp: null };
  const rows = await db.$queryRawUnsafe(
    `WITH newest AS (
       SELECT coalesce((SELECT generation FROM access_generation WHERE id = 1), 0) AS generation
     ), changes AS (
       SELECT c.* FROM access_change c, newest WHERE c.generation > $1::bigint AND c.generation <= newest.generation
     )
     SELECT newest.generation, extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms,
       (SELECT c.stamp::text FROM access_change c WHERE c.generation = newest.generation) AS stamp,
       EXISTS (SELECT FROM access_change c WHERE c.generation = $1::bigint AND c.stamp = $2::uuid) AS recognised,
       (SELECT count(*) FROM changes) AS logged,
       (SELECT coalesce(bool_or(everything), false) FROM changes) AS everything,
       (SELECT coalesce(bool_or(blocks), false) FROM changes) AS blocks,
       (SELECT coalesce(bool_or(groups), false) FROM changes) AS groups,
       (SELECT coalesce(json_agg(DISTINCT holder), '[]') FROM changes, unnest(holders) AS holder) AS holders
     FROM newest`,
    since,
    sinceStamp,
  );
  const [{ generation, stamp, ms, logged, recognised, everything, ...changed }] =
    headRows.parse(rows);
  // One row for each generation, or the log does not reach back: then nobody can say what changed.
  const whole = recognised && logged === generation - since && !everything;
  const { holders, blocks, groups } = changed;
  const changes = whole ? { holders, blocks, groups } : "everything";
  return { generation, stamp, databaseTime: ms, changes };
}

const idRows = z.array(z.object({ id: z.string() }));

/** Ids of everything that has a role in this Hasura now. */
export async function readHolderIds(db: SqlRunner, hasuraId: string): Promise<string[]> {
  const rows = await db.$queryRawUnsafe(
    `SELECT id::text FROM output_port WHERE hasura_id = $1 AND phase = 'ACTIVE'
     UNION ALL SELECT id::text FROM external_role WHERE hasura_id = $1 AND removed_at IS NULL
     UNION ALL SELECT id::text FROM combined_role WHERE hasura_id = $1 AND state = 'ACTIVE'`,
    hasuraId,
  );
  return idRows.parse(rows).map(({ id }) => id);
}

const grantClass = z.enum(["ACL", "OWNER", "MANUAL"]);

const holderRows = z.array(
  z.object({
    id: z.string(),
    kind: z.enum(["PORT", "EXTERNAL", "COMBINED"]),
    role: z.string(),
    fields: z.array(z.string()),
    members: z.array(z.string()),
    grants: z.array(
      z.object({ class: grantClass, until: z.number().nullable(), subjects: z.array(z.string()) }),
    ),
  }),
);

/** Grants that are alike as one entry, a holder's as one text: a million rows of their own would take seconds to read. */
const grantsOf = (column: "port_id" | "external_role_id", holder: string, and = ""): string => `
  (SELECT coalesce(json_agg(json_build_object('class', class, 'until', extract(epoch FROM until)::float8 * 1000,
     'subjects', subjects)), '[]')
   FROM (SELECT g.class, g.until, json_agg(g.subject) AS subjects FROM "grant" g
     WHERE g.${column} = ${holder} AND g.ended_at IS NULL AND (g.until IS NULL OR g.until > now()) ${and}
     GROUP BY g.class, g.until) AS alike)`;

/** @param and a further condition on grants `g` */
const holdersSql = (among: string, and = ""): string => `
  SELECT p.id::text, 'PORT' AS kind, p.role,
    (SELECT coalesce(json_agg(n.name), '[]') FROM owned_name n
     -- By the port alone: with the Hasura beside it, PostgreSQL may go through all names there are for each port.
     WHERE n.port_id = p.id AND n.namespace = 'ROOT_FIELD') AS fields,
    '[]'::json AS members, ${grantsOf("port_id", "p.id", and)} AS grants
  FROM output_port p WHERE p.hasura_id = $1 AND p.phase = 'ACTIVE' AND p.id ${among}
  UNION ALL
  SELECT e.id::text, 'EXTERNAL', e.name,
    (SELECT coalesce(json_agg(f.name), '[]') FROM external_role_field f WHERE f.external_role_id = e.id),
    '[]', ${grantsOf("external_role_id", "e.id", and)}
  FROM external_role e WHERE e.hasura_id = $1 AND e.removed_at IS NULL AND e.id ${among}
  UNION ALL
  SELECT c.id::text, 'COMBINED', c.name, '[]', to_json(c.member_ids), '[]'
  FROM combined_role c WHERE c.hasura_id = $1 AND c.state = 'ACTIVE' AND `;

/**
 * Reads holders page by page. Each page is read before the one before it is taken up, so that the database and this
 * process work at the same time.
 * @param ids whose
 * @returns those that have a role now; of the others it says nothing
 */
export async function* readHolders(
  db: SqlRunner,
  hasuraId: string,
  ids: readonly string[],
): AsyncGenerator<readonly HolderFacts[]> {
  const sql = `${holdersSql("= ANY($2::uuid[])")} c.id = ANY($2::uuid[])`;
  const read = async (from: number): Promise<unknown> =>
    await db.$queryRawUnsafe(sql, hasuraId, ids.slice(from, from + HOLDERS_A_PAGE));
  if (ids.length === 0) return;
  let next = read(0);
  for (let from = 0; from < ids.length; from += HOLDERS_A_PAGE) {
    const rows = await next;
    if (from + HOLDERS_A_PAGE < ids.length) {
      next = read(from + HOLDERS_A_PAGE);
      // Whoever stops early takes no further page, and nobody hears of its failure.
      next.catch(() => undefined);
    }
    yield holderRows.parse(rows);
  }
}

const blockRows = z.array(
  z.object({
    id: z.string(),
    subject: z.string().nullable(),
    portId: z.string().nullable(),
    until: z.number().nullable(),
  }),
);

const BLOCKS_SQL = `
  SELECT b.id::text, b.subject, b.port_id::text AS "portId", extract(epoch FROM b.until)::float8 * 1000 AS until
  FROM access_block b
  WHERE b.hasura_id = $1 AND b.ended_at IS NULL AND (b.until IS NULL OR b.until > now())`;

/** Every block in force. */
export async function readBlocks(db: SqlRunner, hasuraId: string): Promise<BlockFacts[]> {
  return blockRows.parse(await db.$queryRawUnsafe(BLOCKS_SQL, hasuraId));
}

/** The facts, and the database's clock (ms since the epoch) when they were read. */
export interface LoadedAccess {
  readonly facts: AccessFacts;
  readonly databaseTime: number;
}

const loadedRows = z.tuple([
  z.object({
    generation: z.coerce.bigint(),
    ms: z.number(),
    holders: holderRows,
    blocks: blockRows,
  }),
]);

/**
 * By one statement: what it says is of one moment, without a transaction of its own.
 * @param more ids of holders that are loaded although the subjects hold nothing of them
 */
const subjectsSql = (more = ""): string => `
  WITH held AS (
    SELECT DISTINCT coalesce(port_id, external_role_id) AS id FROM "grant" g
    WHERE g.hasura_id = $1 AND g.subject = ANY($2::text[]) AND g.ended_at IS NULL
      AND (g.until IS NULL OR g.until > now())
  ), about AS (
    SELECT id FROM held ${more}
  ), holders AS (
    ${holdersSql("IN (SELECT id FROM about)", "AND g.subject = ANY($2::text[])")}
      c.member_ids <@ (SELECT coalesce(array_agg(id), '{}') FROM held)
  ), blocks AS (
    ${BLOCKS_SQL} AND (b.subject = ANY($2::text[])
      OR (b.subject IS NULL AND b.port_id IN (SELECT id FROM about)))
  )
  SELECT coalesce((SELECT generation FROM access_generation WHERE id = 1), 0) AS generation,
    extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms,
    (SELECT coalesce(json_agg(holders), '[]') FROM holders) AS holders,
    (SELECT coalesce(json_agg(blocks), '[]') FROM blocks) AS blocks`;

const SUBJECTS_SQL = subjectsSql();

/** Beside what they hold: whatever has one of these root fields ($3), or one of these roles ($4). */
const ABOUT_SQL = subjectsSql(`
  UNION SELECT coalesce(n.port_id, n.external_role_id) FROM owned_name n
    WHERE n.hasura_id = $1 AND coalesce(n.port_id, n.external_role_id) IS NOT NULL
      AND ((n.namespace = 'ROOT_FIELD' AND n.name = ANY($3::text[]))
        OR (n.namespace = 'ROLE' AND n.name = ANY($4::text[])))
  UNION SELECT f.external_role_id FROM external_role_field f WHERE f.name = ANY($3::text[])`);

/**
 * What decides about some subjects: the roles they hold, the combined roles that follow from these, and the blocks that
 * concern them.
 */
export async function loadAccessOf(
  db: SqlRunner,
  hasuraId: string,
  subjects: readonly string[],
): Promise<LoadedAccess> {
  return loaded(await db.$queryRawUnsafe(SUBJECTS_SQL, hasuraId, [...subjects]));
}

/**
 * The same, with what the subjects do not hold but ask for: nothing else is decided by it, and it can be said why.
 * @param about.fields root fields
 * @param about.roles roles in Hasura
 */
export async function loadAccessAbout(
  db: SqlRunner,
  hasuraId: string,
  subjects: readonly string[],
  about: { readonly fields: readonly string[]; readonly roles: readonly string[] },
): Promise<LoadedAccess> {
  const { fields, roles } = about;
  return loaded(
    await db.$queryRawUnsafe(ABOUT_SQL, hasuraId, [...subjects], [...fields], [...roles]),
  );
}

function loaded(rows: unknown): LoadedAccess {
  const [{ generation, ms, holders, blocks }] = loadedRows.parse(rows);
  return { facts: { generation, holders, blocks }, databaseTime: ms };
}
