import type { Db } from "./db.ts";

/** Makes a Hasura known under its id, with the address it has now. */
export async function recordHasura(db: Db, hasura: { id: string; url: string }): Promise<void> {
  const { id, url } = hasura;
  await db.hasura.upsert({ where: { id }, create: { id, url }, update: { url } });
}
