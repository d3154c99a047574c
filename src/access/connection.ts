/** A database connection of the snapshot's own: no busy pool can keep a lease from being renewed. */
import { Client } from "pg";
import { ACCESS_CHANNEL, type SqlRunner } from "../inventory/access.ts";

export interface AccessConnection extends SqlRunner {
  /**
   * Runs the statements of `work` as one transaction; after a failure the connection is good for nothing.
   * @param sees `one moment`: nothing that is committed after its first statement; `as it goes`: whatever is committed
   * before each of its statements
   */
  transaction(sees: "one moment" | "as it goes", work: () => Promise<void>): Promise<void>;
  /** Whether it was lost; every later statement fails. */
  lost(): boolean;
  close(): Promise<void>;
}

/**
 * Connects and listens for new generations.
 * @param options.timeoutMs for connecting, and for each statement: a connection that hangs is as good as lost
 * @param options.onWake a new generation was told, or the connection was lost
 */
export async function openAccessConnection(options: {
  readonly databaseUrl: string;
  readonly timeoutMs: number;
  readonly onWake: () => void;
}): Promise<AccessConnection> {
  const client = new Client({
    connectionString: options.databaseUrl,
    application_name: "portcullis-access",
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    statement_timeout: options.timeoutMs,
    keepAlive: true,
  });
  let lost = false;
  const onLost = (): void => {
    lost = true;
    options.onWake();
  };
  client.on("error", onLost);
  client.on("end", onLost);
  client.on("notification", options.onWake);
  const close = async (): Promise<void> => {
    client.off("end", onLost);
    await client.end().catch(() => undefined);
  };
  try {
    await client.connect();
    await client.query(`LISTEN ${ACCESS_CHANNEL}`);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    $queryRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rows,
    transaction: async (sees, work) => {
      await client.query(
        sees === "one moment" ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN",
      );
      await work();
      await client.query("COMMIT");
    },
    lost: () => lost,
    close,
  };
}
