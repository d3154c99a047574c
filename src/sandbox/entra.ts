/**
 * A stand-in for Microsoft Entra as an application meets it: the token endpoint to which the real `@azure/identity`
 * signs in, and those answers of Microsoft Graph (v1.0) that tell of groups. The sandbox does not start it; tests do.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readBody, requestUrl, sendJson } from "./http.ts";

export interface EntraStandIn {
  /** Both the authority and Graph: `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** @returns the new user's object id */
  addUser(): string;
  /**
   * @param members object ids of users and groups
   * @returns the new group's object id
   */
  addGroup(displayName: string, members?: readonly string[]): string;
  renameGroup(id: string, displayName: string): void;
  removeGroup(id: string): void;
  /** What the application may read; without it Graph answers 403. */
  permit(allowed: boolean): void;
  /** Answers so many requests to Graph otherwise. */
  fault(times: number, answer: (response: ServerResponse) => void): void;
  /** How many requests came to Graph, and for how many tokens. */
  stats(): { graph: number; tokens: number };
  stop(): Promise<void>;
}

interface Group {
  readonly id: string;
  displayName: string;
  readonly members: ReadonlySet<string>;
}

interface State {
  readonly users: Set<string>;
  readonly groups: Map<string, Group>;
  readonly tokens: Set<string>;
  /** Rows on a page at most, whatever `$top` says. */
  readonly pageSize: number;
  permitted: boolean;
  faults: { left: number; answer: (response: ServerResponse) => void };
  graphRequests: number;
}

const HOUR_S = 3600;
const DEFAULT_TOP = 100;
const LARGEST_TOP = 999;

/** @param options.pageSize rows on a page at most; Graph too may give fewer than are asked for */
export async function startEntraStandIn(
  options: { pageSize?: number } = {},
): Promise<EntraStandIn> {
  const tenantId = randomUUID();
  const clientId = randomUUID();
  const clientSecret = randomBytes(24).toString("base64url");
  const state: State = {
    users: new Set(),
    groups: new Map(),
    tokens: new Set(),
    pageSize: options.pageSize ?? LARGEST_TOP,
    permitted: true,
    faults: { left: 0, answer: () => undefined },
    graphRequests: 0,
  };
  let url = "";
  const server = createServer((request, response) => {
    const client = { tenantId, clientId, clientSecret };
    answer(state, client, url, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    tenantId,
    clientId,
    clientSecret,
    addUser() {
      const id = randomUUID();
      state.users.add(id);
      return id;
    },
    addGroup(displayName, members = []) {
      const id = randomUUID();
      state.groups.set(id, { id, displayName, members: new Set(members) });
      return id;
    },
    renameGroup(id, displayName) {
      const group = state.groups.get(id);
      if (group) group.displayName = displayName;
    },
    removeGroup: (id) => void state.groups.delete(id),
    permit: (allowed) => {
      state.permitted = allowed;
    },
    fault: (left, answerOtherwise) => {
      state.faults = { left, answer: answerOtherwise };
    },
    stats: () => ({ graph: state.graphRequests, tokens: state.tokens.size }),
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

interface Client {
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function answer(
  state: State,
  client: Client,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = requestUrl(request);
  if (pathname === `/${client.tenantId}/v2.0/.well-known/openid-configuration`) {
    sendJson(response, 200, discovery(client.tenantId, base));
    return;
  }
  if (pathname === `/${client.tenantId}/oauth2/v2.0/token`) {
    const form = new URLSearchParams((await readBody(request)).toString("utf8"));
    const { status, body } = tokenAnswer(state, client, base, form);
    sendJson(response, status, body);
    return;
  }
  state.graphRequests += 1;
  if (state.faults.left > 0) {
    state.faults.left -= 1;
    state.faults.answer(response);
    return;
  }
  const { status, body } = graphAnswer(state, base, request);
  sendJson(response, status, body);
}

/** The library insists on HTTPS addresses; whoever points it here sends them in the clear. */
function discovery(tenantId: string, base: string): object {
  const authority = `${base.replace("http:", "https:")}/${tenantId}`;
  return {
    issuer: `${authority}/v2.0`,
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    token_endpoint: `${authority}/oauth2/v2.0/token`,
    jwks_uri: `${authority}/discovery/v2.0/keys`,
  };
}

function tokenAnswer(state: State, client: Client, base: string, form: URLSearchParams): Answer {
  if (form.get("grant_type") !== "client_credentials")
    return noToken(400, "unsupported_grant_type", 70003, "The grant type is not supported.");
  if (form.get("client_id") !== client.clientId)
    return noToken(400, "unauthorized_client", 700016, "Application was not found.");
  if (form.get("client_secret") !== client.clientSecret)
    return noToken(401, "invalid_client", 7000215, "Invalid client secret provided.");
  if (form.get("scope") !== `${base}/.default`)
    return noToken(400, "invalid_scope", 70011, "The scope is not valid.");
  const token = randomBytes(32).toString("base64url");
  state.tokens.add(token);
  const times = { expires_in: HOUR_S, ext_expires_in: HOUR_S };
  return { status: 200, body: { token_type: "Bearer", ...times, access_token: token } };
}

function noToken(status: number, error: string, number: number, text: string): Answer {
  const body = {
    error,
    error_description: `AADSTS${number}: ${text}`,
    error_codes: [number],
    timestamp: new Date().toISOString(),
  };
  return { status, body };
}

function graphAnswer(state: State, base: string, request: IncomingMessage): Answer {
  const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (!state.tokens.has(token))
    return graphError(401, "InvalidAuthenticationToken", "Access token is empty or not valid.");
  if (!state.permitted)
    return graphError(403, "Authorization_RequestDenied", "Insufficient privileges.");
  const url = requestUrl(request);
  const found = request.method === "GET" ? groupsAt(state, url) : undefined;
  if (found === undefined) return graphError(400, "BadRequest", "Unknown resource or query.");
  if (found === null)
    return graphError(404, "Request_ResourceNotFound", "Resource does not exist.");
  const top = Number(url.searchParams.get("$top") ?? DEFAULT_TOP);
  if (!Number.isInteger(top) || top < 1 || top > LARGEST_TOP)
    return graphError(400, "Request_UnsupportedQuery", "Invalid page size specified.");
  return { status: 200, body: page(found, url, base, Math.min(top, state.pageSize)) };
}

function graphError(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

/** The groups that the path and its query mean; `null` for a user that is not there, `undefined` for another path. */
function groupsAt(state: State, url: URL): Group[] | null | undefined {
  const all = [...state.groups.values()];
  if (url.pathname === "/v1.0/groups") {
    const filter = url.searchParams.get("$filter");
    if (filter === null) return all;
    const [, literal] = /^displayName eq '((?:[^']|'')*)'$/.exec(filter) ?? [];
    if (literal === undefined) return undefined;
    const name = literal.replaceAll("''", "'").toLowerCase();
    return all.filter(({ displayName }) => displayName.toLowerCase() === name);
  }
  const [, user] =
    /^\/v1\.0\/users\/([^/]+)\/transitiveMemberOf\/microsoft\.graph\.group$/.exec(url.pathname) ??
    [];
  if (user === undefined) return undefined;
  return state.users.has(user) ? groupsOf(state, user) : null;
}

function groupsOf(state: State, member: string, known = new Set<Group>()): Group[] {
  for (const group of state.groups.values())
    if (group.members.has(member) && !known.has(group)) {
      known.add(group);
      groupsOf(state, group.id, known);
    }
  return [...known];
}

function page(groups: readonly Group[], url: URL, base: string, size: number): object {
  const start = Number(url.searchParams.get("$skiptoken") ?? 0);
  const selected = (url.searchParams.get("$select") ?? "id,displayName").split(",");
  const rows = groups.slice(start, start + size).map(({ id, displayName }) => {
    const row: Record<string, unknown> = { id, displayName };
    return Object.fromEntries(selected.map((name) => [name, row[name] ?? null]));
  });
  const next = new URL(`${base}${url.pathname}${url.search}`);
  next.searchParams.set("$skiptoken", String(start + size));
  return {
    "@odata.context": `${base}/v1.0/$metadata#groups(${selected.join(",")})`,
    ...(start + size < groups.length ? { "@odata.nextLink": next.toString() } : {}),
    value: rows,
  };
}
