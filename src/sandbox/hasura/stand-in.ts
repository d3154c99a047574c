/**
 * A stand-in for Hasura GraphQL Engine v2: it answers on Hasura's paths with Hasura's statuses, bodies and
 * error texts, over real PostgreSQL databases. It is no Hasura: what it does not have is said in its answers.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../../observability/logger.ts";
import { readBody, requestUrl } from "../http.ts";
import { authenticate, type UserInfo } from "./auth.ts";
import type { AuthHook } from "./auth-hook.ts";
import { openConnections } from "./connections.ts";
import { type Engine, type HasuraStats, startEngine } from "./engine.ts";
import { envelope, HasuraError, toHasuraError } from "./errors.ts";
import { type Json, writeJson } from "./json.ts";
import { answerMetadata } from "./metadata-api.ts";
import { answerGraphql } from "./query/endpoint.ts";
import type { HasuraCosts } from "./rebuild.ts";
import type { SnowflakeAgent } from "./resolve-source.ts";
import { openStore } from "./store.ts";

export type { AuthHook } from "./auth-hook.ts";
export type { HasuraCosts } from "./rebuild.ts";

export interface HasuraStandInOptions {
  /** PostgreSQL database that keeps metadata and resource version, in a schema of its own. */
  readonly stateUrl: string;
  readonly adminSecret: string;
  /** The environment of Hasura's process, for references in metadata. */
  readonly env: Readonly<Record<string, string>>;
  readonly authHook?: AuthHook | undefined;
  /** Absent: the kind `snowflake` is not known. */
  readonly snowflake?: SnowflakeAgent | undefined;
  /** In milliseconds; all 0 unless given. */
  readonly costs?: HasuraCosts | undefined;
  readonly version?: string | undefined;
  readonly log: Logger;
}

export interface HasuraStandIn {
  /** Answers a request on one of Hasura's paths; `false` for any other, of which nothing was read or written. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  stats(): HasuraStats;
  setAuthHook(hook: AuthHook | undefined): void;
  stop(): Promise<void>;
}

const NO_COSTS: HasuraCosts = { rebuildMs: 0, perTableMs: 0, perRoleMs: 0, introspectionMs: 0 };
const VERSION = "v2.45.1";
const OWN_PATHS = /^\/(?:(?:v1|v1alpha1|v1beta1|v2)(?:\/|$)|api\/rest(?:\/|$))/;

interface Served {
  readonly options: HasuraStandInOptions;
  readonly engine: Engine;
  hook: AuthHook | undefined;
}

/** Starts it on what is stored; what is stored but conflicts in names is refused as a real Hasura refuses it. */
export async function startHasuraStandIn(options: HasuraStandInOptions): Promise<HasuraStandIn> {
  const { log } = options;
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
  const engine = await startEngine(store, {
    connections,
    env: options.env,
    snowflake: options.snowflake,
    costs: options.costs ?? NO_COSTS,
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const served: Served = { options, engine, hook: options.authHook };
  let stopping: Promise<void> | undefined;
  return {
    handle: (request, response) => handle(request, response, served),
    stats: () => ({ ...engine.stats }),
    setAuthHook: (hook) => {
      served.hook = hook;
    },
    stop: () => {
      stopping ??= close();
      return stopping;
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<boolean> {
  const { pathname } = requestUrl(request);
  const health = pathname === "/healthz" || pathname === "/hasura/healthz";
  if (!health && !OWN_PATHS.test(pathname)) return false;
  response.setHeader("x-request-id", request.headers["x-request-id"] ?? randomUUID());
  try {
    if (health && request.method === "GET") await answerHealth(request, response, served.engine);
    else await route(pathname, request, response, served);
  } catch (error) {
    if (!(error instanceof HasuraError))
      served.options.log.error({ err: error, path: pathname }, "The Hasura stand-in failed");
    const answer = toHasuraError(error);
    sendJson(response, answer.status, envelope(answer, true));
  }
  return true;
}

async function route(
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<void> {
  const { options, engine, hook } = served;
  const auth = { adminSecret: options.adminSecret, hook };
  const version = options.version ?? VERSION;
  const place = `${request.method} ${pathname}`;
  if (place === "GET /v1/version") {
    sendJson(response, 200, { version, server_type: "ce" });
  } else if (place === "GET /v1alpha1/config") {
    sendJson(response, 200, configuration(version, hook));
  } else if (place === "POST /v1/metadata") {
    const text = (await readBody(request)).toString("utf8");
    const user = await authenticate(request, null, auth);
    passCookies(response, user);
    sendJson(response, 200, await answerMetadata(text, user.role, engine));
  } else if (place === "POST /v1/graphql") {
    const text = (await readBody(request)).toString("utf8");
    const answer = await answerGraphql(
      text,
      engine.current(),
      (graphql) => authenticate(request, graphql, auth),
      (err) => options.log.error({ err, path: pathname }, "The Hasura stand-in failed"),
    );
    if (answer.user) passCookies(response, answer.user);
    sendJson(response, 200, answer.body);
  } else {
    throw new HasuraError("not-found", "resource does not exist", { status: 404, path: "$" });
  }
}

function configuration(version: string, hook: AuthHook | undefined): Json {
  return {
    version,
    is_function_permissions_inferred: true,
    is_remote_schema_permissions_enabled: false,
    is_admin_secret_set: true,
    is_auth_hook_set: hook !== undefined,
    is_jwt_set: false,
    jwt: [],
    is_allow_list_enabled: false,
    experimental_features: [],
  };
}

/** `?strict=true`, in any case, makes an inconsistency a failure. */
async function answerHealth(
  request: IncomingMessage,
  response: ServerResponse,
  engine: Engine,
): Promise<void> {
  const strict = requestUrl(request).searchParams.get("strict")?.toLowerCase() === "true";
  const [status, text] = (await engine.reachable())
    ? healthOf(engine.current().inconsistencies.length > 0, strict)
    : [500, "ERROR"];
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

function healthOf(inconsistent: boolean, strict: boolean): [number, string] {
  if (!inconsistent) return [200, "OK"];
  const text = "inconsistent objects in schema";
  return strict ? [500, `ERROR: ${text}`] : [200, `WARN: ${text}`];
}

function passCookies(response: ServerResponse, user: UserInfo): void {
  if (user.cookies.length > 0) response.setHeader("set-cookie", user.cookies);
}

function sendJson(response: ServerResponse, status: number, body: Json): void {
  const text = writeJson(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
