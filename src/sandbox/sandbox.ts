/**
 * The sandbox: everything Portcullis needs around it, on this machine and nothing else. A real PostgreSQL,
 * stand-ins for Hasura and Snowflake, a token issuer and sample data, behind one port on loopback.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { ZodError } from "zod";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { SandboxPart } from "../settings.ts";
import { createFaults, type Faults } from "./faults.ts";
import {
  type HasuraStandIn,
  type HasuraStandInOptions,
  startHasuraStandIn,
} from "./hasura/stand-in.ts";
import { allowsMethod, type Handler, requestUrl, sendInvalid, sendJson } from "./http.ts";
import { type EmbeddedPostgres, startPostgres } from "./postgres.ts";
import { createSampleData, installSnowflakeDatabase, SAMPLE_DATABASES } from "./sample/data.ts";
import { startSnowflakeStandIn } from "./snowflake.ts";
import { openTokenIssuer, TOKEN_AUDIENCE, TOKEN_ISSUER } from "./tokens.ts";

export const HASURA_ADMIN_SECRET = "sandbox-admin-secret";
const SNOWFLAKE_LOGIN = {
  user: "SANDBOX_SERVICE",
  password: "sandbox-snowflake-password",
  role: "SANDBOX_READER",
  warehouse: "SANDBOX_WH",
} as const;

/** What runs, and how to reach it; what was not asked for is absent. */
export interface Sandbox {
  readonly url: string;
  readonly databaseUrl?: string;
  readonly hasuraUrl?: string;
  readonly hasuraAdminSecret?: typeof HASURA_ADMIN_SECRET;
  readonly jwksUrl?: string;
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  /** With its scheme, since loopback is spoken to in plain HTTP: `http://127.0.0.1:PORT`. */
  readonly snowflakeHost?: string;
  readonly snowflakeUser?: string;
  readonly snowflakePassword?: string;
  readonly snowflakeRole?: string;
  readonly snowflakeWarehouse?: string;
  /** Tells the Hasura stand-in which webhook decides about data requests. */
  setAuthHook(url: string): void;
  /**
   * Makes another Snowflake database, or changes one.
   * @param sql repeatable PostgreSQL SQL, such as `CREATE OR REPLACE VIEW "SCHEMA"."VIEW" AS …`
   */
  addSnowflakeDatabase(name: string, sql: string): Promise<void>;
  stop(): Promise<void>;
}

export interface SandboxOptions {
  readonly parts: readonly SandboxPart[];
  /** Where PostgreSQL's data and the issuer's key are kept. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; 0 picks a free one. */
  readonly port: number;
  readonly log: Logger;
  readonly hasuraCosts?: HasuraStandInOptions["costs"];
  /** The version that the Hasura stand-in says it is, and more of its environment. For tests. */
  readonly hasura?: Pick<HasuraStandInOptions, "version"> &
    Partial<Pick<HasuraStandInOptions, "env">>;
  /** A server to use instead of starting one; it is not stopped. For tests. */
  readonly postgres?: Pick<EmbeddedPostgres, "url" | "createDatabase"> | undefined;
  /** Names of the databases of this sandbox's own. For tests that share a server. */
  readonly databases?: { readonly inventory: string; readonly hasura: string } | undefined;
}

const DATABASES = { inventory: "portcullis", hasura: "hasura_metadata" };
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Starts the parts asked for. They listen on 127.0.0.1 only, whatever the caller's HOST is.
 * @throws AppError CONFIGURATION when the port is taken or PostgreSQL cannot be started
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const door: FrontDoor = { parts: [], faults: createFaults(), open: false };
  const closers: Closers = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= closeAll(closers, options.log);
    return stopping;
  };
  try {
    const { server, close } = await listen(
      options.port,
      answerAt(door, options.log),
      upgradeAt(door),
    );
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : options.port;
    const started = await startParts(options, `127.0.0.1:${port}`, door.parts, closers).finally(
      // Closed first, so that no request reaches a part that has stopped.
      () => closers.push(close),
    );
    door.open = true;
    return { ...started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Last opened, first closed: nothing is closed that something still open uses. */
async function closeAll(closers: Closers, log: Logger): Promise<void> {
  for (const close of closers.toReversed())
    await close().catch((err: unknown) => log.warn({ err }, "A part of the sandbox did not stop"));
}

/** One part's share of the port, and what the index says of it. */
interface Part {
  readonly handle: Handler;
  /** Takes a connection over for a websocket; `false` leaves it to the next part. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  readonly about: string;
}

interface FrontDoor {
  readonly parts: Part[];
  readonly faults: Faults;
  /** Whether all parts have started. */
  open: boolean;
}

type Closers = (() => Promise<void>)[];

async function startParts(
  options: SandboxOptions,
  authority: string,
  parts: Part[],
  closers: Closers,
): Promise<Omit<Sandbox, "stop">> {
  const wanted = new Set(options.parts);
  const url = `http://${authority}`;
  const databases = options.databases ?? DATABASES;
  const snowflakes = new Set(SAMPLE_DATABASES);
  const needsPostgres = wanted.has("postgres") || wanted.has("hasura") || wanted.has("snowflake");
  const postgres = needsPostgres ? await openPostgres(options, closers) : undefined;
  let hasura: HasuraStandIn | undefined;

  if (postgres && (wanted.has("hasura") || wanted.has("snowflake"))) {
    await createSampleData(postgres);
    if (wanted.has("hasura"))
      hasura = await addHasura({ options, postgres, snowflakes, authority, parts, closers });
    if (wanted.has("snowflake")) addSnowflake({ options, postgres, snowflakes, parts, closers });
  }
  if (wanted.has("tokens")) await addTokens(options.dataDir, parts);
  if (postgres && wanted.has("postgres")) await postgres.createDatabase(databases.inventory);

  return {
    url,
    ...(postgres && wanted.has("postgres")
      ? { databaseUrl: postgres.url(databases.inventory) }
      : {}),
    ...(hasura ? { hasuraUrl: url, hasuraAdminSecret: HASURA_ADMIN_SECRET } : {}),
    ...(wanted.has("tokens")
      ? { jwksUrl: `${url}/sandbox/jwks`, jwtIssuer: TOKEN_ISSUER, jwtAudience: TOKEN_AUDIENCE }
      : {}),
    ...(wanted.has("snowflake")
      ? {
          snowflakeHost: url,
          snowflakeUser: SNOWFLAKE_LOGIN.user,
          snowflakePassword: SNOWFLAKE_LOGIN.password,
          snowflakeRole: SNOWFLAKE_LOGIN.role,
          snowflakeWarehouse: SNOWFLAKE_LOGIN.warehouse,
        }
      : {}),
    setAuthHook: (hook) => hasura?.setAuthHook({ url: hook, mode: "POST" }),
    addSnowflakeDatabase: async (name, sql) => {
      if (!postgres) throw new AppError("CONFIGURATION", "This sandbox has no PostgreSQL.");
      await postgres.createDatabase(name);
      await installSnowflakeDatabase(postgres.url(name), sql);
      snowflakes.add(name);
    },
  };
}

async function openPostgres(
  options: SandboxOptions,
  closers: Closers,
): Promise<Pick<EmbeddedPostgres, "url" | "createDatabase">> {
  if (options.postgres) return options.postgres;
  const started = await startPostgres({
    dataDir: join(options.dataDir, "postgres"),
    log: options.log,
  });
  closers.push(started.stop);
  return started;
}

interface Addition {
  readonly options: SandboxOptions;
  readonly postgres: Pick<EmbeddedPostgres, "url" | "createDatabase">;
  readonly snowflakes: ReadonlySet<string>;
  readonly parts: Part[];
  readonly closers: Closers;
}

async function addHasura(
  addition: Addition & { readonly authority: string },
): Promise<HasuraStandIn> {
  const { options, postgres, snowflakes, authority, parts, closers } = addition;
  const state = (options.databases ?? DATABASES).hasura;
  await postgres.createDatabase(state);
  const hasura = await startHasuraStandIn({
    stateUrl: postgres.url(state),
    adminSecret: HASURA_ADMIN_SECRET,
    env: options.hasura?.env ?? {
      SNOWFLAKE_USER: SNOWFLAKE_LOGIN.user,
      SNOWFLAKE_PASSWORD: SNOWFLAKE_LOGIN.password,
    },
    version: options.hasura?.version,
    snowflake: {
      host: authority,
      user: SNOWFLAKE_LOGIN.user,
      password: SNOWFLAKE_LOGIN.password,
      databaseUrl: (database) => (snowflakes.has(database) ? postgres.url(database) : undefined),
    },
    costs: options.hasuraCosts,
    log: options.log,
  });
  closers.push(() => hasura.stop());
  parts.push(
    { handle: statsOf(hasura), about: "GET /sandbox/stats: what the Hasura stand-in has done" },
    {
      handle: (request, response) => hasura.handle(request, response),
      upgrade: (request, socket, head) => hasura.upgrade(request, socket, head),
      about: `/v1/metadata, /v1/graphql: Hasura stand-in, admin secret ${HASURA_ADMIN_SECRET}`,
    },
  );
  return hasura;
}

function statsOf(hasura: HasuraStandIn): Handler {
  return async (request, response) => {
    if (requestUrl(request).pathname !== "/sandbox/stats") return false;
    if (allowsMethod(request, response, ["GET"])) sendJson(response, 200, await hasura.stats());
    return true;
  };
}

function addSnowflake({ options, postgres, parts, closers }: Addition): void {
  const snowflake = startSnowflakeStandIn({
    ...SNOWFLAKE_LOGIN,
    databaseUrl: postgres.url,
    log: options.log,
  });
  closers.push(snowflake.stop);
  parts.push({
    handle: snowflake.handle,
    about: `/session, /queries: Snowflake stand-in for snowflake-sdk, user ${SNOWFLAKE_LOGIN.user}`,
  });
}

async function addTokens(dataDir: string, parts: Part[]): Promise<void> {
  const issuer = await openTokenIssuer(dataDir);
  parts.push({
    handle: issuer.handle,
    about:
      "GET /sandbox/token?user=alice@example.com&groups=a,b: a token (&audience=admin&roles=viewer: an admin's); GET /sandbox/jwks: the keys",
  });
}

/** Leads each request to the part that answers it, with the faults that are due. */
function answerAt(door: FrontDoor, log: Logger) {
  const toParts = door.faults.wrap(async (request, response) => {
    for (const part of door.parts) if (await part.handle(request, response)) return true;
    return false;
  });
  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A web page that gets its own name resolved to loopback must not be handed tokens.
    if (!LOOPBACK.test(request.headers.host ?? ""))
      return sendJson(response, 403, { error: "The sandbox answers on this machine only." });
    if (!door.open) return sendJson(response, 503, { error: "The sandbox is starting." });
    const { pathname } = requestUrl(request);
    if (pathname === "/") return sendIndex(response, door.parts);
    if ((await door.faults.handle(request, response)) || (await toParts(request, response))) return;
    sendJson(response, 404, { error: `The sandbox has nothing at ${pathname}. See /.` });
  };
  return (request: IncomingMessage, response: ServerResponse): void => {
    route(request, response).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) return;
      if (error instanceof ZodError)
        sendInvalid(response, "This is not what is expected here.", error);
      else if (error instanceof AppError)
        sendJson(response, error.code === "PAYLOAD_TOO_LARGE" ? 413 : 400, {
          error: error.message,
        });
      else {
        log.error({ err: error, path: requestUrl(request).pathname }, "The sandbox failed");
        sendJson(response, 500, { error: "The sandbox failed; its log says why." });
      }
    });
  };
}

/** Websockets, for the same callers as requests. */
function upgradeAt(door: FrontDoor) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on("error", () => socket.destroy());
    if (!LOOPBACK.test(request.headers.host ?? "")) refuseUpgrade(socket, "403 Forbidden");
    else if (!door.open) refuseUpgrade(socket, "503 Service Unavailable");
    else if (!door.parts.some((part) => part.upgrade?.(request, socket, head) === true))
      refuseUpgrade(socket, "404 Not Found");
  };
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function sendIndex(response: ServerResponse, parts: readonly Part[]): void {
  const lines = [
    ...parts.map(({ about }) => about),
    "POST, GET, DELETE /sandbox/faults: failures on demand",
  ];
  response
    .writeHead(200, { "content-type": "text/plain; charset=utf-8" })
    .end(
      `Portcullis sandbox: stand-ins for development and tests.\n\n${lines.map((line) => `  ${line}\n`).join("")}`,
    );
}

interface Listening {
  readonly server: Server;
  /** Ends every connection, those taken over for websockets too. */
  close(): Promise<void>;
}

async function listen(
  port: number,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<Listening> {
  const server = createServer(onRequest);
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (request, socket: Duplex, head) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    onUpgrade(request, socket, head);
  });
  await new Promise<void>((done, failed) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      const what = taken ? "is in use" : `cannot be listened on (${cause.code})`;
      const message = `The sandbox's port ${port} on 127.0.0.1 ${what}. Set SANDBOX_PORT to another one, or to 0 to pick any.`;
      failed(new AppError("CONFIGURATION", message, { cause }));
    });
    server.listen(port, "127.0.0.1", done);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
    await closed;
  };
  return { server, close };
}
