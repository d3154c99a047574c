import { Client } from "pg";
import { wake } from "../../src/operations/queue.ts";
import type { Plane } from "../support/plane.ts";

const LOCK = "SELECT pg_advisory_lock(7206, hashtext($1))";

/** Has operations accepted before a committer sees any of them. @returns what `submit` returns */
export async function together<T>({ ctx }: Plane, submit: () => Promise<T>): Promise<T> {
  const lock = new Client({ connectionString: ctx.databaseUrl });
  await lock.connect();
  try {
    await lock.query(LOCK, [ctx.hasuraId]);
    return await submit();
  } finally {
    await lock.end();
    await wake(ctx.db, { task: "commit", hasuraId: ctx.hasuraId });
  }
}
