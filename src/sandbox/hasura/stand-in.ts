/**
 * A stand-in for Hasura GraphQL Engine v2: it answers on Hasura's paths with Hasura's statuses, bodies and
 * error texts, over real PostgreSQL databases. It is no Hasura: what it does not have is said in its answers.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../../observability/logger.ts";
import { requestUrl } from "../http.ts";
import { authenticate } from "./auth.ts";
import type { AuthHook } from "./auth-hook.ts";
import { openConnections } from "./connections.ts";
import { type Engine, type HasuraStats, startEngine } from "./engine.ts";
import { answerHttp, isOwnPath, type Served } from "./http-api.ts";
import type { HasuraCosts } from "./rebuild.ts";
import { type HasuraSettings, settingsFrom } from "./settings.ts";
import type { SnowflakeAgent } from "./snowflake-source.ts";
import { openSockets, type Sockets } from "./socket/sockets.ts";
import { openStore } from "./store.ts";

export type { AuthHook } from "./auth-hook.ts";
export type { HasuraCosts } from "./rebuild.ts";

export interface HasuraStandInOptions {
  /** PostgreSQL database that keeps metadata and resource version, in a schema of its own; instances may share it. */
  readonly stateUrl: string;
  readonly adminSecret: string;
  /** The environment of Hasura's process: for references in metadata, and for Hasura's own HASURA_GRAPHQL_… settings. */
  readonly env: Readonly<Record<string, string>>;
  readonly authHook?: AuthHook | undefined;
  /** Absent: the kind `snowflake` is not known. */
  readonly snowflake?: SnowflakeAgent | undefined;
  /** In milliseconds; all 0 unless given. */
  readonly costs?: HasuraCosts | undefined;
  /**
   * How often this instance looks whether another one has written to the store, in milliseconds; until then it
   * lags behind. 0 is never. Absent: HASURA_GRAPHQL_SCHEMA_SYNC_POLL_INTERVAL of `env`, else 1000.
   */
  readonly pollIntervalMs?: number | undefined;
  readonly version?: string | undefined;
  readonly log: Logger;
}

export interface HasuraStandIn {
  /** Answers a request on one of Hasura's paths; `false` for any other, of which nothing was read or written. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /** Opens a websocket on one of Hasura's paths; `false` for any other, which is left as it is. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  stats(): HasuraStats;
  setAuthHook(hook: AuthHook | undefined): void;
  /** Looks once, outside its interval, whether another instance has written, and follows it. */
  poll(): Promise<void>;
  stop(): Promise<void>;
}

const NO_COSTS: HasuraCosts = { rebuildMs: 0, perTableMs: 0, perRoleMs: 0, introspectionMs: 0 };
const VERSION = "v2.48.5";

/** Starts it on what is stored; what is stored but conflicts in names is refused as a real Hasura refuses it. */
export async function startHasuraStandIn(options: HasuraStandInOptions): Promise<HasuraStandIn> {
  const { log } = options;
  const settings = settingsOf(options);
  const store = await openStore(options.stateUrl, ({ message }) =>
    log.warn({ reason: message }, "The connection to the metadata database broke"),
  );
  const connections = openConnections(({ message }) =>
    log.debug({ reason: message }, "An idle connection to a source's database broke"),
  );
  const close = async (): Promise<void> => {
    await connections.close();
    await store.close();
  };
  let sockets: Sockets | undefined;
  const engine = await startEngine(
    store,
    {
      connections,
      env: options.env,
      snowflake: options.snowflake,
      costs: options.costs ?? NO_COSTS,
      settings,
    },
    {
      onChange: () => {
        if (settings.closesSockets)
          sockets?.closeAll("Server state changed, restarting the server");
      },
    },
  ).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const served = servedBy(engine, settings, options);
  sockets = socketsOf(served);
  const stopPolling = startPolling(engine, settings.pollIntervalMs, log);
  return standIn(served, sockets, async () => {
    await stopPolling();
    await sockets?.stop();
    await close();
  });
}

function settingsOf({ env, pollIntervalMs }: HasuraStandInOptions): HasuraSettings {
  const settings = settingsFrom(env);
  return pollIntervalMs === undefined ? settings : { ...settings, pollIntervalMs };
}

function servedBy(
  engine: Engine,
  settings: HasuraSettings,
  { adminSecret, authHook, version, log }: HasuraStandInOptions,
): Served {
  return {
    engine,
    settings,
    adminSecret,
    version: version ?? VERSION,
    hook: authHook,
    onFault: (err, path) => log.error({ err, path }, "The Hasura stand-in failed"),
  };
}

function socketsOf(served: Served): Sockets {
  return openSockets({
    settings: served.settings,
    current: () => served.engine.current(),
    authenticate: (headers) => authenticate(headers, null, served),
    onFault: (error) => served.onFault(error, "websocket"),
  });
}

function standIn(served: Served, sockets: Sockets, close: () => Promise<void>): HasuraStandIn {
  let stopping: Promise<void> | undefined;
  return {
    handle: async (request, response) => {
      if (!isOwnPath(requestUrl(request).pathname)) return false;
      await answerHttp(request, response, served);
      return true;
    },
    upgrade: (request, socket, head) => {
      if (!isOwnPath(requestUrl(request).pathname)) return false;
      sockets.upgrade(request, socket, head);
      return true;
    },
    stats: () => ({ ...served.engine.stats }),
    setAuthHook: (hook) => {
      served.hook = hook;
    },
    poll: () => served.engine.poll(),
    stop: () => {
      stopping ??= close();
      return stopping;
    },
  };
}

/** @returns ends it, when a look that is under way has ended */
function startPolling(engine: Engine, everyMs: number, log: Logger): () => Promise<void> {
  if (everyMs === 0) return () => Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let look: Promise<void> = Promise.resolve();
  const wait = (): void => {
    timer = setTimeout(() => {
      look = engine.poll().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.debug({ reason }, "The Hasura stand-in could not follow the metadata database");
      });
      void look.then(() => {
        if (!stopped) wait();
      });
    }, everyMs).unref();
  };
  wait();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await look;
  };
}
