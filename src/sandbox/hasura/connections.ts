/** Connection pools to the databases behind sources: one a URL, kept until the stand-in stops. */
import { Pool } from "pg";

export interface Connections {
  /** The pool of that URL; idle connections are given up quickly, so that a database can be dropped. */
  to(url: string): Pool;
  close(): Promise<void>;
}

/** @param onError told of connections that break while idle, such as when a database is dropped */
export function openConnections(onError: (error: Error) => void): Connections {
  const pools = new Map<string, Pool>();
  return {
    to: (url) => {
      const existing = pools.get(url);
      if (existing) return existing;
      const pool = new Pool({
        connectionString: url,
        max: 4,
        idleTimeoutMillis: 2000,
        connectionTimeoutMillis: 10_000,
        allowExitOnIdle: true,
      });
      pool.on("error", onError);
      pools.set(url, pool);
      return pool;
    },
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.end()));
      pools.clear();
    },
  };
}
