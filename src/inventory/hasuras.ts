/** What is known of each Hasura: where it is, what its writes cost, and whether one of them is still on its way. */
import type { Db, DbOrTx, Tx } from "./db.ts";
import type { HasuraWrite, Prisma } from "./generated/client.ts";

/** Makes a Hasura known under its id, with the address it has now. */
export async function recordHasura(db: Db, hasura: { id: string; url: string }): Promise<void> {
  const { id, url } = hasura;
  await db.hasura.upsert({ where: { id }, create: { id, url }, update: { url } });
}

/**
 * Says that a write is about to be sent that was planned on that version, so that whoever comes later knows of it even
 * if this process dies; null when it is known what became of it.
 */
export async function notePendingWrite(
  db: DbOrTx,
  hasuraId: string,
  version: bigint | null,
): Promise<void> {
  await db.hasura.update({ where: { id: hasuraId }, data: { pendingVersion: version } });
}

/** The version that a write of unknown outcome was planned on. While Hasura has that version, the write may still come. */
export async function pendingWrite(db: DbOrTx, hasuraId: string): Promise<bigint | null> {
  const row = await db.hasura.findUnique({
    where: { id: hasuraId },
    select: { pendingVersion: true },
  });
  return row?.pendingVersion ?? null;
}

/** Records a write that Hasura took; then nothing is pending. */
export async function recordWrite(
  db: Db,
  write: Omit<Prisma.HasuraWriteUncheckedCreateInput, "id" | "at">,
): Promise<void> {
  await db.$transaction([
    db.hasuraWrite.create({ data: write }),
    db.hasura.update({ where: { id: write.hasuraId }, data: { pendingVersion: null } }),
  ]);
}

/** Says that the next reconcile has to look though Hasura's version is what it was: it is the ports that have changed. */
export async function forgetReconciled(tx: Tx, hasuraId: string): Promise<void> {
  await tx.hasura.update({ where: { id: hasuraId }, data: { reconciledVersion: null } });
}

/** How many of the last writes count: enough to tell costs apart, few enough to follow a Hasura that grows. */
const LAST_WRITES = 20;

/** The last writes, the newest first. */
export async function lastWrites(db: DbOrTx, hasuraId: string): Promise<HasuraWrite[]> {
  return db.hasuraWrite.findMany({
    where: { hasuraId },
    orderBy: { at: "desc" },
    take: LAST_WRITES,
  });
}

/** Removes the records of writes before that time. @returns how many */
export async function removeWrites(db: DbOrTx, before: Date): Promise<number> {
  return (await db.hasuraWrite.deleteMany({ where: { at: { lt: before } } })).count;
}
