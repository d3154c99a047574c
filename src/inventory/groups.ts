/**
 * Which object of the directory a group's name meant when it was granted or blocked. A binding lasts: a group that is
 * renamed keeps what it was given, and one that takes its name gets nothing. It gives way only when nothing is granted
 * and nothing blocked by it.
 */
import type { Client } from "pg";
import { z } from "zod";
import type { SqlRunner } from "./access.ts";
import type { DbOrTx, Tx } from "./db.ts";

/** Any fixed number: whoever binds groups takes this lock, so that two of them see one another's bindings. */
const BINDING_LOCK = 7_206_118_442;

export interface NewBinding {
  /** Canonical: `group:…`. */
  readonly subject: string;
  /** In lower case. */
  readonly objectId: string;
  /** The group's name in the directory, as it is written there. */
  readonly name: string;
}

/** Those of the subjects that are bound and granted or blocked something: they mean what they meant. */
export async function subjectsInUse(db: DbOrTx, subjects: readonly string[]): Promise<Set<string>> {
  const bound = await db.groupBinding.findMany({
    where: { subject: { in: [...subjects] }, endedAt: null },
    select: { subject: true },
  });
  const among = { subject: { in: bound.map(({ subject }) => subject) }, endedAt: null };
  const granted = await db.grant.groupBy({ by: ["subject"], where: among });
  const blocked = await db.accessBlock.groupBy({ by: ["subject"], where: among });
  return new Set([...granted, ...blocked].flatMap(({ subject }) => subject ?? []));
}

/** Until the end of the transaction nobody else binds a group: what is bound stays so. */
export async function holdBindings(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${BINDING_LOCK})`;
}

/**
 * Binds groups, before they are granted or blocked in the same transaction. A binding that is in use stays as it is.
 * @param by who asked for it, and by which operation
 */
export async function bindGroups(
  tx: Tx,
  bindings: readonly NewBinding[],
  by: { readonly actor: string; readonly operationToken: string },
): Promise<void> {
  if (bindings.length === 0) return;
  await holdBindings(tx);
  const inUse = await subjectsInUse(
    tx,
    bindings.map(({ subject }) => subject),
  );
  for (const { subject, objectId, name } of bindings) {
    if (inUse.has(subject)) continue;
    const live = { subject, endedAt: null };
    const known = await tx.groupBinding.findFirst({ where: live });
    if (known?.objectId === objectId) continue;
    await tx.groupBinding.updateMany({ where: live, data: { endedAt: new Date() } });
    await tx.groupBinding.create({ data: { subject, objectId, name, ...by } });
  }
}

/** Groups that are granted or blocked something and are bound to nothing: nobody is let in or kept out by them. */
export async function unboundGroups(db: Pick<Client, "query">): Promise<string[]> {
  const { rows } = await db.query<{ subject: string }>(
    `SELECT DISTINCT subject FROM (
       SELECT subject FROM "grant" WHERE ended_at IS NULL AND subject LIKE 'group:%'
       UNION ALL SELECT subject FROM access_block WHERE ended_at IS NULL AND subject LIKE 'group:%') AS used
     WHERE NOT EXISTS (
       SELECT 1 FROM group_binding b WHERE b.subject = used.subject AND b.ended_at IS NULL)
     ORDER BY subject`,
  );
  return rows.map(({ subject }) => subject);
}

const headRow = z.object({ generation: z.coerce.bigint() });
const bindingRows = z.array(
  z.object({ object_id: z.string(), subject: z.templateLiteral(["group:", z.string()]) }),
);

export interface Bindings {
  /** The newest generation of access when they were read. */
  readonly generation: bigint;
  /** Subjects by the object id that they are bound to. */
  readonly subjects: ReadonlyMap<string, readonly `group:${string}`[]>;
}

/**
 * The bindings that are in force and the generation, of one moment.
 * @param objectIds read only what concerns these; absent: everything
 */
export async function loadBindings(
  db: SqlRunner,
  objectIds?: readonly string[],
): Promise<Bindings> {
  const rows = z.tuple([headRow.extend({ bindings: bindingRows })]).parse(
    await db.$queryRawUnsafe(
      `SELECT coalesce((SELECT generation FROM access_generation WHERE id = 1), 0) AS generation,
           coalesce((SELECT jsonb_agg(jsonb_build_object('object_id', object_id, 'subject', subject))
             FROM group_binding
             WHERE ended_at IS NULL AND ($1::text[] IS NULL OR object_id = ANY($1::text[]))), '[]') AS bindings`,
      objectIds === undefined ? null : [...objectIds],
    ),
  );
  const [{ generation, bindings }] = rows;
  const subjects = new Map<string, `group:${string}`[]>();
  for (const { object_id, subject } of bindings)
    subjects.set(object_id, [...(subjects.get(object_id) ?? []), subject]);
  return { generation, subjects };
}

/** Those of the groups that are bound to nothing. */
export async function unboundAmong<Subject extends string>(
  db: DbOrTx,
  groups: readonly Subject[],
): Promise<Subject[]> {
  const rows = await db.groupBinding.findMany({
    where: { subject: { in: [...groups] }, endedAt: null },
    select: { subject: true },
  });
  const bound = new Set(rows.map(({ subject }) => subject));
  return groups.filter((group) => !bound.has(group));
}
