import { PrismaPg } from "@prisma/adapter-pg";
import { z } from "zod";
import { storable } from "../domain/storable.ts";
import { type Prisma, PrismaClient } from "./generated/client.ts";

/** The inventory's client. Every function of this layer takes it, or a transaction of it, first. */
export type Db = PrismaClient;
export type Tx = Prisma.TransactionClient;
export type DbOrTx = Db | Tx;

/**
 * Opens the inventory.
 * @param databaseUrl `postgresql://…`
 * @param options.poolSize connections at most
 */
export function openDb(databaseUrl: string, options: { poolSize?: number } = {}): Db {
  const adapter = new PrismaPg(
    { connectionString: databaseUrl, max: options.poolSize ?? 10 },
    { statementNameGenerator: nameStatements() },
  );
  return new PrismaClient({ adapter, transactionOptions: { timeout: 15_000, maxWait: 10_000 } });
}

/**
 * What the database's clock says now, to the millisecond. Beginnings and ends of access are recorded by it, so that
 * replicas whose clocks differ still tell one history. Read it after whatever has to be waited for.
 */
export async function databaseTime(db: DbOrTx): Promise<Date> {
  const [row] = await db.$queryRaw<{ ms: number }[]>`
    SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`;
  return new Date(row?.ms ?? Number.NaN);
}

/** PostgreSQL's codes for values that it can hold nowhere: a NUL in a text or in JSON, a moment beyond its calendar. */
const UNSTORABLE = ["22021", "22P05", "22008"];

const databaseFailure = z.object({
  meta: z.object({
    driverAdapterError: z.object({ cause: z.object({ originalCode: z.enum(UNSTORABLE) }) }),
  }),
});

/** Whether a query failed because of a value that no database could take: whoever sent it has to send another. */
export function isUnstorable(error: unknown): boolean {
  return databaseFailure.safeParse(error).success;
}

/** A connection keeps as many prepared statements at most: few enough for PostgreSQL's memory. */
const PREPARED_MAX = 200;
/** Longer ones insert many rows: there is one for each number of rows, and it is seldom the same. */
const PREPARED_LENGTH_MAX = 4_000;
/** So many that came once are remembered, in case they come again. */
const REMEMBERED_MAX = 1_000;

/**
 * Statements with a name are parsed once a connection, not each time: that takes longer than to run most of them. Only
 * those that come again have one: what is asked through GraphQL has many forms.
 */
function nameStatements(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  const seen = new Set<string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    // No name is no preparation.
    if (names.size >= PREPARED_MAX || sql.length > PREPARED_LENGTH_MAX) return "";
    if (!seen.delete(sql)) {
      if (seen.size >= REMEMBERED_MAX) seen.clear();
      seen.add(sql);
      return "";
    }
    const name = `s${names.size}`;
    names.set(sql, name);
    return name;
  };
}

/** JSON whose texts PostgreSQL can hold: what others say may have anything in it, and an excerpt can end anywhere. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part) => (typeof part === "string" ? storable(part) : part));
}
