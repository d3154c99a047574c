/** Advisory locks of PostgreSQL's: they belong to a connection, so PostgreSQL frees those of a process that dies. */
import { Pool, type PoolClient } from "pg";

/** What is locked, by the first half of a lock's key. The second is a name: a Hasura's id, or a subject. */
export const LOCK_KINDS = { committer: 7_206, mirror: 7_207, subjectsAccess: 7_208 } as const;

export interface Locks {
  /**
   * Does the work while it holds the lock.
   * @param work asks, between its steps, whether the lock was lost with its connection
   * @returns whether the lock was free; if not, nothing was done
   */
  hold(
    lock: { readonly kind: number; readonly name: string },
    work: (isLost: () => boolean) => Promise<void>,
  ): Promise<boolean>;
  stop(): Promise<void>;
}

/** Of the committer and of the mirror: one that holds its lock, and one that finds it taken. */
const CONNECTIONS = 4;

/** @param name what the connections are called in PostgreSQL */
export function openLocks(databaseUrl: string, name: string): Locks {
  const pool = new Pool({
    connectionString: databaseUrl,
    application_name: name,
    max: CONNECTIONS,
  });
  // One that breaks while it idles held no lock, and is replaced.
  pool.on("error", () => undefined);
  return {
    async hold(lock, work) {
      const key = [lock.kind, lock.name];
      const connection = await pool.connect();
      let lost = false;
      const onError = (): void => {
        lost = true;
      };
      connection.on("error", onError);
      // Until it is known to be free again, it may be held: then the connection is closed, and takes the lock with it.
      let isHeld = true;
      try {
        const { rows } = await connection.query(
          "SELECT pg_try_advisory_lock($1, hashtext($2)) AS held",
          key,
        );
        isHeld = rows[0]?.held === true;
        if (!isHeld) return false;
        await work(() => lost);
        return true;
      } finally {
        if (isHeld && !lost) isHeld = !(await unlock(connection, key));
        connection.off("error", onError);
        connection.release(lost || isHeld);
      }
    },
    stop: () => pool.end(),
  };
}

async function unlock(connection: PoolClient, key: unknown[]): Promise<boolean> {
  try {
    const { rows } = await connection.query(
      "SELECT pg_advisory_unlock($1, hashtext($2)) AS freed",
      key,
    );
    return rows[0]?.freed === true;
  } catch {
    return false;
  }
}
