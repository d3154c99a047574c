/** One session with Snowflake through its own driver: opened by the first query, opened again when it has ended. */
import type { Connection, ConnectionOptions } from "snowflake-sdk";
import { AppError } from "../errors.ts";
import type { SnowflakeSettings } from "./kind.ts";
import { privateKeyPem } from "./snowflake-connection.ts";
import { snowflakeEndpoint } from "./snowflake-endpoint.ts";
import { isSessionEnded, loginFailure, timedOut } from "./snowflake-failure.ts";

export interface SnowflakeSession {
  /**
   * Runs one statement and returns its rows, each an object by the column names it gives.
   * @param binds values for `?`, in order
   * @throws what the driver throws for a statement Snowflake refuses (`snowflake-failure.ts` reads it), AppError
   * SOURCE_UNAVAILABLE for a failed login or no answer in time, the signal's reason when it aborts
   */
  query(sqlText: string, binds: readonly string[], signal?: AbortSignal): Promise<unknown[]>;
  stop(): Promise<void>;
}

/** How long a goodbye may take; the server ends the session by itself when it does not hear it. */
const GOODBYE_MS = 2_000;

/** @param options.timeoutMs for the login and for each statement, each by itself */
export function openSnowflakeSession(
  account: SnowflakeSettings,
  options: { timeoutMs: number },
): SnowflakeSession {
  const { timeoutMs } = options;
  let current: Promise<Connection> | null = null;
  const stopping = new AbortController();

  /** The one connection; whoever comes first logs in, all others wait for the same login. */
  const connection = async (): Promise<Connection> => {
    stopping.signal.throwIfAborted();
    const existing = current;
    if (existing !== null && (await existing).isUp()) return existing;
    // Somebody else may have logged in while we looked.
    if (current !== existing && current !== null) return current;
    const attempt = logIn(account, { timeoutMs, signal: stopping.signal });
    current = attempt;
    attempt.catch(() => {
      if (current === attempt) current = null;
    });
    return attempt;
  };

  const run = async (sqlText: string, binds: readonly string[], signal?: AbortSignal) => {
    const connected = await raced(connection(), { signal });
    return raced(execute(connected, sqlText, binds), { timeoutMs, signal });
  };

  return {
    async query(sqlText, binds, signal) {
      try {
        return await run(sqlText, binds, signal);
      } catch (error) {
        // The driver knows by now that the connection is down, so another is opened.
        if (!isSessionEnded(error)) throw error;
        return run(sqlText, binds, signal);
      }
    },
    async stop() {
      // A login on its way is not waited for: it ends by itself, and says goodbye when it succeeds.
      stopping.abort(
        new AppError(
          "SOURCE_UNAVAILABLE",
          "The connection to Snowflake is closed: the service stops.",
        ),
      );
      const connecting = current;
      current = null;
      if (connecting === null) return;
      const opened = await connecting.catch(() => null);
      if (opened !== null) await goodbye(opened);
    },
  };
}

async function logIn(
  account: SnowflakeSettings,
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<Connection> {
  const settings = driverOptions(account, limits.timeoutMs);
  const endpoint = snowflakeEndpoint(account.host);
  // Loading the driver takes half a second, which only those who read a source should pay.
  const { default: snowflake } = await import("snowflake-sdk");
  // The driver's own log would hold SQL and names. OCSP concerns TLS certificates, which plain loopback has none of.
  snowflake.configure({ logLevel: "OFF", disableOCSPChecks: endpoint.plain });
  const connection = snowflake.createConnection(settings);
  const connecting = new Promise<Connection>((resolve, reject) => {
    connection.connect((error) => (error ? reject(loginFailure(error)) : resolve(connection)));
  });
  try {
    return await raced(connecting, limits);
  } catch (error) {
    connecting.then(goodbye, () => {});
    throw loginFailure(error);
  }
}

function driverOptions(account: SnowflakeSettings, timeoutMs: number): ConnectionOptions {
  const { url, plain } = snowflakeEndpoint(account.host);
  const credentials = account.privateKey
    ? { authenticator: "SNOWFLAKE_JWT", privateKey: privateKeyPem(account.privateKey) }
    : { password: account.password ?? "" };
  return {
    accessUrl: url,
    // The driver takes the account from the host's first label, which a loopback address does not have.
    ...(plain ? { account: "loopback" } : {}),
    username: account.user,
    ...credentials,
    ...(account.role ? { role: account.role } : {}),
    ...(account.warehouse ? { warehouse: account.warehouse } : {}),
    application: "Portcullis",
    timeout: timeoutMs,
    // A failed operation is tried again as a whole: retries in here would only hide the first answer.
    sfRetryMaxLoginRetries: 0,
  };
}

function execute(
  connection: Connection,
  sqlText: string,
  binds: readonly string[],
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    connection.execute({
      sqlText,
      binds: [...binds],
      complete: (error, _statement, rows) => (error ? reject(error) : resolve(rows ?? [])),
    });
  });
}

/** Ends the session; never fails, never takes longer than a moment. */
async function goodbye(connection: Connection): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    connection.destroy(() => resolve());
  });
  await raced(gone, { timeoutMs: GOODBYE_MS }).catch(() => {});
}

/** The promise, or SOURCE_UNAVAILABLE when it takes too long, or the signal's reason when that aborts first. */
export async function raced<T>(
  promise: Promise<T>,
  limits: { timeoutMs?: number; signal?: AbortSignal | undefined },
): Promise<T> {
  const { signal, timeoutMs } = limits;
  // When nobody waits for it any more, its failure is nobody's.
  promise.catch(() => {});
  signal?.throwIfAborted();
  let giveUp = (_reason: unknown): void => {};
  const given = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => giveUp(timedOut(timeoutMs)), timeoutMs);
  const aborted = () => giveUp(signal?.reason);
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    return await Promise.race([promise, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
  }
}
