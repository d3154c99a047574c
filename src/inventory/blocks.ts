/** Blocks: no access, whatever is granted, until they end. Who sets or ends one counts a generation with `blocks`. */
import { AppError } from "../errors.ts";
import { type DbOrTx, databaseTime, type Tx } from "./db.ts";
import { type AccessBlock, Prisma } from "./generated/client.ts";
import { inForce } from "./in-force.ts";

/** What is blocked: a subject everywhere, a port for everybody, or the pair. */
export interface BlockTarget {
  readonly hasuraId: string;
  /** Canonical ref; `null`: everybody. */
  readonly subject: string | null;
  /** `null`: everything. */
  readonly portId: string | null;
}

/**
 * Sets a block, beside those that are there already.
 * @returns its id
 * @throws AppError BAD_REQUEST when it names neither a subject nor a port: that would shut everybody out of everything
 */
export async function addBlock(
  tx: Tx,
  block: BlockTarget & {
    readonly reason: string;
    readonly actor: string;
    readonly operationToken?: string | null;
    /** When it ends by itself; absent: it does not. */
    readonly until?: Date | null;
  },
): Promise<string> {
  if (block.subject === null && block.portId === null)
    throw new AppError("BAD_REQUEST", "A block needs a subject, an output port, or both.");
  const since = await databaseTime(tx);
  const { id } = await tx.accessBlock.create({ data: { ...block, since }, select: { id: true } });
  return id;
}

/**
 * Ends every live block on exactly this target.
 * @param id only this one of them; absent: all
 * @returns how many there were
 */
export async function endBlocks(
  tx: Tx,
  { hasuraId, subject, portId }: BlockTarget,
  reason: string,
  id?: string,
): Promise<number> {
  const at = await databaseTime(tx);
  const which = { hasuraId, subject, portId, ...(id === undefined ? {} : { id }) };
  const { count } = await tx.accessBlock.updateMany({
    where: { ...which, ...inForce(at) },
    data: { endedAt: at, endReason: reason },
  });
  return count;
}

/** Blocks in force that meet this target, be it named by them or among what they name. */
export async function blocksMeeting(
  db: DbOrTx,
  { hasuraId, subject, portId }: BlockTarget,
): Promise<AccessBlock[]> {
  const onPort = portId === null ? [] : [{ subject: null, portId }];
  const onSubject =
    subject === null
      ? []
      : [
          { subject, portId: null },
          { subject, portId },
        ];
  return db.accessBlock.findMany({
    where: { hasuraId, AND: [inForce(new Date()), { OR: [...onPort, ...onSubject] }] },
    orderBy: [{ since: "asc" }, { id: "asc" }],
  });
}

/**
 * Whom of those who were ever granted a port blocks keep off it at a moment.
 * @returns `null`: everybody
 */
export async function blockedOn(
  db: DbOrTx,
  { hasuraId, portId }: { readonly hasuraId: string; readonly portId: string },
  at: Date,
): Promise<string[] | null> {
  const standing = standingSql(hasuraId, at);
  // Two questions that each have an index, and no OR that has none.
  const rows = await db.$queryRaw<{ subject: string | null }[]>`
    SELECT b.subject FROM access_block b WHERE ${standing} AND b.port_id = ${portId}::uuid
    UNION SELECT b.subject FROM "grant" g JOIN access_block b ON b.subject = g.subject
    WHERE ${standing} AND b.port_id IS NULL AND g.port_id = ${portId}::uuid`;
  if (rows.some(({ subject }) => subject === null)) return null;
  return rows.flatMap(({ subject }) => subject ?? []);
}

/**
 * Off which of the ports that were ever granted to them, or that are named with them, blocks keep whoever is all of
 * these subjects at a moment, by id.
 * @returns `null`: off everything
 */
export async function blockedFor(
  db: DbOrTx,
  { hasuraId, subjects }: { readonly hasuraId: string; readonly subjects: readonly string[] },
  at: Date,
): Promise<string[] | null> {
  const standing = standingSql(hasuraId, at);
  const mine = [...subjects];
  const rows = await db.$queryRaw<{ portId: string | null }[]>`
    SELECT b.port_id AS "portId" FROM access_block b
    WHERE ${standing} AND b.subject = ANY(${mine}::text[])
    UNION SELECT b.port_id FROM "grant" g JOIN access_block b ON b.port_id = g.port_id
    WHERE ${standing} AND b.subject IS NULL AND g.subject = ANY(${mine}::text[])`;
  if (rows.some(({ portId }) => portId === null)) return null;
  return rows.flatMap(({ portId }) => portId ?? []);
}

/** Blocks `b` that stood at that moment. */
function standingSql(hasuraId: string, at: Date): Prisma.Sql {
  return Prisma.sql`b.hasura_id = ${hasuraId} AND b.since <= ${at}
    AND (b.ended_at IS NULL OR b.ended_at > ${at}) AND (b.until IS NULL OR b.until > ${at})`;
}

export function unknownBlock(): AppError {
  return new AppError("NOT_FOUND", "There is no such block.", {
    problems: [{ path: "id", message: "names no block" }],
  });
}
