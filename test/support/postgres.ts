/** Databases of a test file's own on the run's shared PostgreSQL. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, DatabaseError, escapeIdentifier } from "pg";
import { inject } from "vitest";

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Removes the database and ends whatever is still connected to it. */
  drop(): Promise<void>;
}

/** The connection string of a database on the shared PostgreSQL. */
export function databaseUrl(name: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.toString();
}

/**
 * Makes a database with a name of its own.
 * @param template the database to copy (nobody may be connected to it meanwhile); absent: an empty one
 */
export async function createDatabase(template?: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const copied = template === undefined ? "" : ` TEMPLATE ${escapeIdentifier(template)}`;
  await execute(`CREATE DATABASE ${escapeIdentifier(name)}${copied}`);
  return {
    name,
    url: databaseUrl(name),
    drop: async () => {
      await untilLeft(name);
      await execute(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    },
  };
}

/** Makes a database of that name on the shared server unless it is there: for what test files share and only read. */
export async function ensureDatabase(name: string): Promise<void> {
  try {
    await execute(`CREATE DATABASE ${escapeIdentifier(name)}`);
  } catch (error) {
    // 42P04 already there, 23505 made by another worker at this moment.
    if (!(error instanceof DatabaseError) || !["42P04", "23505"].includes(error.code ?? ""))
      throw error;
  }
}

/** How long connections that were closed a moment ago may take to end before they are cut, in milliseconds. */
const LEAVING_MS = 2_000;

/** A pool that was ended has said goodbye, not gone: a connection that is cut meanwhile fails where nobody listens. */
async function untilLeft(name: string): Promise<void> {
  const until = performance.now() + LEAVING_MS;
  while (performance.now() < until) {
    const rows = await execute("SELECT 1 FROM pg_stat_activity WHERE datname = $1", [name]);
    if (rows.length === 0) return;
    await sleep(20);
  }
}

/** Runs one statement on the shared server's database `postgres`. */
async function execute(sql: string, values: readonly string[] = []): Promise<unknown[]> {
  const client = new Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    return (await client.query(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}
