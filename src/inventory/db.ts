import { PrismaPg } from "@prisma/adapter-pg";
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
  const adapter = new PrismaPg({ connectionString: databaseUrl, max: options.poolSize ?? 10 });
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
