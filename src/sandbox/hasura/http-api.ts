/** Hasura's paths over HTTP. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody, requestUrl } from "../http.ts";
import { authenticate, type UserInfo } from "./auth.ts";
import type { AuthHook } from "./auth-hook.ts";
import type { Engine } from "./engine.ts";
import { envelope, HasuraError, toHasuraError } from "./errors.ts";
import { headersOf } from "./headers.ts";
import { type Json, writeJson } from "./json.ts";
import { answerMetadata } from "./metadata-api.ts";
import { answerGraphql, answerGraphqlGet, type GraphqlOptions } from "./query/endpoint.ts";
import { answerRest } from "./query/rest.ts";
import type { HasuraSettings } from "./settings.ts";

/** What the paths are answered from. */
export interface Served {
  readonly engine: Engine;
  readonly settings: HasuraSettings;
  readonly adminSecret: string;
  readonly version: string;
  hook: AuthHook | undefined;
  /** Told of faults of our own, which no answer shows. */
  onFault(error: unknown, path: string): void;
}

const OWN_PATHS = /^\/(?:(?:v1|v1alpha1|v1beta1|v2)(?:\/|$)|api\/rest(?:\/|$))/;
const HEALTH_PATHS: ReadonlySet<string> = new Set(["/healthz", "/hasura/healthz"]);
const REST = "/api/rest/";

/** Whether the path is one of Hasura's; all others are left to whoever else listens. */
export function isOwnPath(pathname: string): boolean {
  return HEALTH_PATHS.has(pathname) || OWN_PATHS.test(pathname);
}

/** Answers a request on one of Hasura's paths. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<void> {
  const { pathname } = requestUrl(request);
  response.setHeader("x-request-id", request.headers["x-request-id"] ?? randomUUID());
  try {
    await route(pathname, request, response, served);
  } catch (error) {
    if (!(error instanceof HasuraError)) served.onFault(error, pathname);
    const answer = toHasuraError(error);
    sendJson(response, answer.status, envelope(answer, served.settings.showsInternal));
  }
}

async function route(
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<void> {
  const { engine, hook, version } = served;
  if (HEALTH_PATHS.has(pathname) && request.method === "GET")
    return await answerHealth(request, response, engine);
  if (pathname.startsWith(REST)) return await answerRestRequest(request, response, served);
  switch (`${request.method} ${pathname}`) {
    case "GET /v1/version":
      return sendJson(response, 200, { version, server_type: "ce" });
    case "GET /v1alpha1/config":
      return sendJson(response, 200, configuration(version, hook));
    case "POST /v1/metadata": {
      const text = (await readBody(request)).toString("utf8");
      const user = await identify(request, null, served);
      passCookies(response, user);
      return sendJson(response, 200, await answerMetadata(text, user.role, served));
    }
    case "GET /v1/graphql":
    case "POST /v1/graphql":
    case "POST /v1alpha1/graphql":
      return await answerGraphqlRequest(pathname, request, response, served);
    default:
      throw new HasuraError("not-found", "resource does not exist", { status: 404, path: "$" });
  }
}

async function identify(
  request: IncomingMessage,
  graphql: Json,
  { adminSecret, hook }: Served,
): Promise<UserInfo> {
  return await authenticate(headersOf(request), graphql, { adminSecret, hook });
}

/** Errors come with HTTP 200, but for those of the older path. */
async function answerGraphqlRequest(
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<void> {
  const text = (await readBody(request)).toString("utf8");
  const options: GraphqlOptions = {
    cache: served.engine.current(),
    showsInternal: served.settings.showsInternal,
    authenticate: (graphql) => identify(request, graphql, served),
    onFault: (error) => served.onFault(error, pathname),
  };
  const { body, user, error } = await (request.method === "GET"
    ? answerGraphqlGet(options)
    : answerGraphql(text, options));
  if (user) passCookies(response, user);
  const kept =
    pathname === "/v1alpha1/graphql" || (served.settings.preserves401 && error?.status === 401);
  sendJson(response, kept ? (error?.status ?? 200) : 200, body);
}

async function answerRestRequest(
  request: IncomingMessage,
  response: ServerResponse,
  served: Served,
): Promise<void> {
  const url = requestUrl(request);
  const body = (await readBody(request)).toString("utf8");
  const user = await identify(request, null, served);
  passCookies(response, user);
  const asked = {
    method: request.method ?? "GET",
    path: url.pathname.slice(REST.length),
    query: url.searchParams,
    body,
  };
  sendJson(response, 200, await answerRest(asked, user, served.engine.current()));
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
