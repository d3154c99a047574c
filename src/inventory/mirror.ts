/**
 * How ports stand with an older role mapper. What changed is read off the log of access changes, as the webhook does it,
 * so whatever changes access reaches the mirror too. Times are the database's.
 */
import type { Client } from "pg";
import { z } from "zod";
import type { BlockFacts, HolderFacts } from "../domain/access-index.ts";
import { AppError } from "../errors.ts";
import { readGeneration } from "./access.ts";
import { readBlocks, readHead, readHolders } from "./access-load.ts";
import type { Db, DbOrTx, Tx } from "./db.ts";
import { type ConditionState, setCondition } from "./ports.ts";

/** The Hasura whose ports are mirrored, and where to. */
export interface MirrorOf {
  readonly hasuraId: string;
  readonly url: string;
}

/** Whether anything is to be done now: something changed, or a port is due. */
export async function isMirrorDue(db: DbOrTx, { hasuraId, url }: MirrorOf): Promise<boolean> {
  const rows = await db.$queryRaw<{ due: boolean }[]>`
    SELECT coalesce(m.not_before <= now(), true) AND (
      m.url IS DISTINCT FROM ${url}
      OR m.generation <> coalesce((SELECT generation FROM access_generation WHERE id = 1), 0)
      OR m.stamp IS DISTINCT FROM
        (SELECT c.stamp FROM access_change c WHERE c.generation = m.generation)
      OR EXISTS (SELECT FROM port_mirror pm JOIN output_port p ON p.id = pm.port_id
        WHERE p.hasura_id = ${hasuraId} AND pm.due_at <= now())) AS due
    FROM (SELECT) AS one LEFT JOIN mirror m ON m.hasura_id = ${hasuraId}`;
  return rows[0]?.due ?? false;
}

/** Makes ports due whose access has changed since the last time; all of them where that cannot be said. */
export async function noticeChanges(db: Db, { hasuraId, url }: MirrorOf): Promise<void> {
  await db.$transaction(async (tx) => {
    const row = await tx.mirror.findUnique({ where: { hasuraId } });
    const known = row?.url === url ? row : null;
    const { generation, stamp, changes } = await readHead(tx, known);
    // Bindings of groups change only when nobody is granted by them: then their ports change too.
    const all = changes === "everything" || changes.blocks;
    if (all || changes.holders.length > 0)
      await makeDue(tx, hasuraId, all ? null : changes.holders);
    if (known === null)
      await tx.portMirror.updateMany({ where: { port: { hasuraId } }, data: { digest: null } });
    const data = { url, generation, stamp };
    const fresh = known === null ? { failures: 0, notBefore: null } : {};
    await tx.mirror.upsert({
      where: { hasuraId },
      create: { hasuraId, ...data },
      update: { ...data, ...fresh },
    });
  });
}

/**
 * Ports that are there, and those that were told of once; what was held against them is forgotten. In the order in which
 * others lock ports, for a new row locks its port.
 */
async function makeDue(tx: Tx, hasuraId: string, portIds: readonly string[] | null): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO port_mirror AS known (port_id, due_at)
    SELECT p.id, now() FROM output_port p
    WHERE p.hasura_id = ${hasuraId}
      AND (${portIds === null} OR p.id = ANY(${[...(portIds ?? [])]}::uuid[]))
      AND (p.phase = 'ACTIVE' OR EXISTS (SELECT FROM port_mirror m WHERE m.port_id = p.id))
    ORDER BY p.id
    ON CONFLICT (port_id) DO UPDATE SET due_at = now(), attempts = 0`;
}

/** Ids of ports that are due, the longest first. */
export async function dueMirrors(db: DbOrTx, hasuraId: string, limit: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT pm.port_id AS id FROM port_mirror pm JOIN output_port p ON p.id = pm.port_id
    WHERE p.hasura_id = ${hasuraId} AND pm.due_at <= now()
    ORDER BY pm.due_at, pm.port_id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

/** When something is next to be done; null: nothing, until something changes. */
export async function nextMirrorAt(db: DbOrTx, hasuraId: string): Promise<Date | null> {
  const rows = await db.$queryRaw<{ at: Date | null }[]>`
    SELECT greatest(min(pm.due_at), (SELECT not_before FROM mirror WHERE hasura_id = ${hasuraId})) AS at
    FROM port_mirror pm JOIN output_port p ON p.id = pm.port_id
    WHERE p.hasura_id = ${hasuraId} AND pm.due_at IS NOT NULL`;
  return rows[0]?.at ?? null;
}

/** A port as the inventory knows it at one moment, and what is known of the role mapper. */
export interface PortToMirror {
  readonly portId: string;
  readonly role: string;
  readonly componentId: string;
  /** What the webhook decides by; null when it is not served. */
  readonly holder: HolderFacts | null;
  readonly blocks: readonly BlockFacts[];
  /** How subjects are spelt elsewhere, where that is not their canonical form. */
  readonly spellings: ReadonlyMap<string, string>;
  readonly generation: bigint;
  /** Ms since the epoch. */
  readonly now: number;
  readonly digest: string | null;
  readonly attempts: number;
  /** Until when what was sent and not answered may still be carried out, in ms since the epoch; null: nothing is. */
  readonly settlesAt: number | null;
}

const clockRows = z.tuple([z.object({ ms: z.number() })]);

export async function readPortToMirror(db: Db, portId: string): Promise<PortToMirror> {
  return await db.$transaction(
    async (tx) => {
      const { port, ...known } = await tx.portMirror.findUniqueOrThrow({
        where: { portId },
        include: { port: true },
      });
      const [{ ms: now }] = clockRows.parse(
        await tx.$queryRaw`SELECT extract(epoch FROM now())::float8 * 1000 AS ms`,
      );
      let holder: HolderFacts | null = null;
      for await (const page of readHolders(tx, port.hasuraId, [portId])) holder = page[0] ?? null;
      const subjects = holder?.grants.flatMap((grant) => grant.subjects) ?? [];
      return {
        portId,
        role: port.role,
        componentId: port.componentId,
        holder,
        blocks: await readBlocks(tx, port.hasuraId),
        spellings: await readSpellings(tx, subjects),
        generation: await readGeneration(tx),
        now,
        digest: known.digest,
        attempts: known.attempts,
        settlesAt: known.settlesAt?.getTime() ?? null,
      };
    },
    { isolationLevel: "RepeatableRead" },
  );
}

/** A bound group is called as the directory calls it; others as the last access list did. */
async function readSpellings(
  tx: Tx,
  subjects: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.$queryRaw<{ subject: string; spelling: string }[]>`
    SELECT given.subject, coalesce('group:' || b.name, s.spelling) AS spelling
    FROM unnest(${[...subjects]}::text[]) AS given (subject)
    LEFT JOIN group_binding b ON b.subject = given.subject AND b.ended_at IS NULL
    LEFT JOIN subject_spelling s ON s.subject = given.subject
    WHERE b.name IS NOT NULL OR s.spelling IS NOT NULL`;
  return new Map(rows.map(({ subject, spelling }) => [subject, spelling]));
}

/** Notes how an access list spells its subjects. */
export async function noteSpellings(
  tx: Tx,
  spellings: readonly { readonly subject: string; readonly spelling: string }[],
): Promise<void> {
  // Only what changes is touched, and in one order: lists that name the same people neither wait for one another for
  // nothing nor dead-lock. So a row whose subject is canonical again stays.
  await tx.$executeRaw`
    INSERT INTO subject_spelling (subject, spelling)
    SELECT DISTINCT ON (n.subject) n.subject, n.spelling
    FROM jsonb_to_recordset(${JSON.stringify(spellings)}::jsonb) AS n (subject text, spelling text)
    LEFT JOIN subject_spelling known ON known.subject = n.subject
    WHERE n.spelling <> coalesce(known.spelling, n.subject)
    ORDER BY n.subject, n.spelling
    ON CONFLICT (subject) DO UPDATE SET spelling = excluded.spelling, seen_at = now()`;
}

/**
 * Notes before something is sent that from now on it is not known what the role mapper holds, and that what is sent may
 * be carried out as late as that, whatever becomes of this process.
 * @param ms how late
 */
export async function beginMirror(db: DbOrTx, portId: string, ms: number): Promise<void> {
  await db.$executeRaw`
    UPDATE port_mirror SET digest = NULL,
      settles_at = greatest(settles_at, now() + ${ms}::float8 * interval '1 millisecond')
    WHERE port_id = ${portId}::uuid`;
}

/** How a port stands after it was looked at. */
export interface MirrorState {
  /** Of what the role mapper holds; null: that is not known. */
  readonly digest: string | null;
  readonly attempts: number;
  /** When to look again, in ms from now, or null: when something changes. */
  readonly dueInMs: number | null;
  /** `keep`: as it was noted before something was sent; else ms since the epoch, or null. */
  readonly settlesAt: number | "keep" | null;
  readonly condition: Omit<ConditionState, "type">;
}

export async function recordMirror(db: Db, portId: string, state: MirrorState): Promise<void> {
  const { digest, attempts, dueInMs, settlesAt, condition } = state;
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`
      UPDATE port_mirror SET digest = ${digest}, attempts = ${attempts},
        due_at = now() + ${dueInMs}::float8 * interval '1 millisecond',
        agreed_at = CASE WHEN ${digest !== null} THEN now() ELSE agreed_at END
      WHERE port_id = ${portId}::uuid`;
    if (settlesAt !== "keep")
      await tx.portMirror.update({
        where: { portId },
        data: { settlesAt: settlesAt === null ? null : new Date(settlesAt) },
      });
    await setCondition(tx, portId, "MIRRORED", condition);
  });
}

/** Looks at a port again later; nothing is known that was not before. */
export async function postponeMirror(db: DbOrTx, portId: string, ms: number): Promise<void> {
  await db.$executeRaw`
    UPDATE port_mirror SET due_at = now() + ${ms}::float8 * interval '1 millisecond'
    WHERE port_id = ${portId}::uuid`;
}

/** How many failures in a row are an outage, and not one port that takes too long. */
const OUTAGE = 3;

/** Notes that the role mapper answers. After an outage, whatever was put off for its sake is due. */
export async function noteAnswer(db: Db, hasuraId: string): Promise<void> {
  const { failures } = await db.mirror.findUniqueOrThrow({ where: { hasuraId } });
  if (failures === 0) return;
  await db.$transaction(async (tx) => {
    await tx.mirror.update({ where: { hasuraId }, data: { failures: 0, notBefore: null } });
    if (failures >= OUTAGE)
      await tx.$executeRaw`
        UPDATE port_mirror SET due_at = now() FROM output_port p
        WHERE p.id = port_id AND p.hasura_id = ${hasuraId} AND attempts > 0 AND due_at > now()`;
  });
}

/**
 * Notes that the role mapper does not answer: it is let be for a while, and every port that is due says so.
 * @param pauseMs how long, by how often in a row that was so
 */
export async function noteOutage(
  db: Db,
  hasuraId: string,
  pauseMs: (failures: number) => number,
  condition: Omit<ConditionState, "type">,
): Promise<void> {
  await db.$transaction(async (tx) => {
    const row = await tx.mirror.findUnique({ where: { hasuraId } });
    if (row === null) throw new AppError("INTERNAL", "The mirror's row is missing.");
    const failures = row.failures + 1;
    await tx.$executeRaw`
      UPDATE mirror SET failures = ${failures},
        not_before = now() + ${pauseMs(failures)}::float8 * interval '1 millisecond'
      WHERE hasura_id = ${hasuraId}`;
    const { status, reason, message } = condition;
    await tx.$executeRaw`
      INSERT INTO condition AS known (port_id, type, status, reason, message)
      SELECT pm.port_id, 'MIRRORED'::"ConditionType", ${status}::"ConditionStatus", ${reason}, ${message}
      FROM port_mirror pm JOIN output_port p ON p.id = pm.port_id
      WHERE p.hasura_id = ${hasuraId} AND pm.due_at <= now()
      ORDER BY p.id
      ON CONFLICT (port_id, type) DO UPDATE SET
        since = CASE WHEN known.status = excluded.status THEN known.since ELSE now() END,
        status = excluded.status, reason = excluded.reason, message = excluded.message`;
  });
}

/** URNs of ports of which the role mapper does not hold what holds here. */
export async function portsBehind(db: Pick<Client, "query">): Promise<string[]> {
  const { rows } = await db.query<{ urn: string }>(
    `SELECT p.component_id AS urn FROM condition c JOIN output_port p ON p.id = c.port_id
     WHERE c.type::text = 'MIRRORED' AND c.status <> 'TRUE' ORDER BY p.component_id`,
  );
  return rows.map(({ urn }) => urn);
}

/** Where nothing is mirrored, nothing is said of it; whoever mirrors again begins with every port. */
export async function forgetMirror(db: Db, hasuraId: string): Promise<void> {
  await db.$transaction(async (tx) => {
    await tx.mirror.deleteMany({ where: { hasuraId } });
    await tx.condition.deleteMany({ where: { type: "MIRRORED", port: { hasuraId } } });
  });
}
