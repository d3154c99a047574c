/**
 * A stand-in for the older role mapper, with its manners: it writes a list line by line and without a transaction, goes on
 * when the caller has gone, lets anyone in, and says "System error" for whatever its tables refuse. The sandbox does not
 * start it; tests do.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { AppError } from "../errors.ts";
import { readJson, requestUrl, sendJson } from "./http.ts";

export interface OlderRole {
  readonly componentId: string;
  readonly fields: Set<string>;
  readonly users: Set<string>;
  readonly groups: Set<string>;
}

export interface RoleMapperStandIn {
  readonly url: string;
  /** What its tables hold, by role. */
  readonly roles: Map<string, OlderRole>;
  /** Every PUT that came in, in order. */
  readonly puts: readonly (readonly [path: string, body: unknown])[];
  /** How long one line of a list of users or groups takes from now on, in milliseconds. */
  pace(ms: number): void;
  /** Answers so many PUTs otherwise, and does nothing of them. */
  fault(times: number, answer: (response: ServerResponse) => void): void;
  /** Cuts the connection of so many PUTs, and carries them out all the same. */
  loseAnswers(times: number): void;
  /** Listens no more; `up` listens again, at the same address. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

interface State {
  readonly roles: Map<string, OlderRole>;
  readonly puts: (readonly [string, unknown])[];
  pace: number;
  faults: { left: number; answer: (response: ServerResponse) => void };
  lost: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The tables' columns are VARCHAR(255). */
const LONGEST = 255;

const list = z.array(z.string());
const BODIES = {
  "/v1/roles": z.object({
    role_id: z.string(),
    component_id: z.string(),
    graphql_root_field_names: list,
  }),
  "/v1/user_roles": z.object({ role_id: z.string(), users: list }),
  "/v1/group_roles": z.object({ role_id: z.string(), groups: list }),
} as const;

export async function startRoleMapperStandIn(): Promise<RoleMapperStandIn> {
  const state: State = {
    roles: new Map(),
    puts: [],
    pace: 0,
    faults: { left: 0, answer: () => undefined },
    lost: 0,
  };
  let server = await listen(state, 0);
  const { port } = server.address() as AddressInfo;
  const down = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return {
    url: `http://127.0.0.1:${port}`,
    roles: state.roles,
    puts: state.puts,
    pace: (ms) => {
      state.pace = ms;
    },
    fault: (left, answer) => {
      state.faults = { left, answer };
    },
    loseAnswers: (times) => {
      state.lost = times;
    },
    down,
    async up() {
      server = await listen(state, port);
    },
    stop: async () => {
      if (server.listening) await down();
    },
  };
}

async function listen(state: State, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", done);
  });
  return server;
}

async function handle(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = requestUrl(request);
  if (request.method === "GET") {
    const { status, body } = read(state, decodeURIComponent(pathname));
    sendJson(response, status, body);
    return;
  }
  const body = await readJson(request).catch((error: unknown) => {
    if (error instanceof AppError) return undefined;
    throw error;
  });
  state.puts.push([pathname, body]);
  if (state.faults.left > 0) {
    state.faults.left -= 1;
    state.faults.answer(response);
    return;
  }
  const lost = state.lost > 0;
  if (lost) {
    state.lost -= 1;
    response.socket?.resetAndDestroy();
  }
  const answer = request.method === "PUT" ? await put(state, pathname, body) : noRoute();
  if (!lost) sendJson(response, answer.status, answer.body);
}

function read({ roles }: State, path: string): Answer {
  if (path === "/v1/health") return { status: 200, body: "Alive" };
  const [, componentId] = /^\/v1\/roles\/component_id\/([^/]+)$/.exec(path) ?? [];
  const [, roleId] = /^\/v1\/roles\/([^/]+)$/.exec(path) ?? [];
  if (componentId === undefined && roleId === undefined) return noRoute();
  for (const [role_id, row] of roles)
    if (role_id === roleId || row.componentId === componentId)
      return { status: 200, body: { role_id, component_id: row.componentId } };
  const by = componentId === undefined ? `role_id ${roleId}` : `component_id ${componentId}`;
  return { status: 404, body: `Role not found for ${by}` };
}

async function put(state: State, path: string, sent: unknown): Promise<Answer> {
  if (path !== "/v1/roles" && path !== "/v1/user_roles" && path !== "/v1/group_roles")
    return noRoute();
  const shaped = BODIES[path].safeParse(sent);
  if (!shaped.success) {
    const detail = shaped.error.issues.map((issue) => ({
      loc: ["body", ...issue.path],
      msg: issue.message,
    }));
    return { status: 422, body: { detail } };
  }
  const body = shaped.data;
  const texts = Object.values(body).flat();
  if (texts.some((text) => text.length > LONGEST)) return systemError();
  if ("component_id" in body) return putRole(state, body);
  const row = state.roles.get(body.role_id);
  if (row === undefined) return refused(`Role not found for role_id ${body.role_id}`);
  if ("users" in body) await replace(state, row.users, body.users);
  else await replace(state, row.groups, body.groups);
  return { status: 200, body };
}

function putRole(state: State, body: z.infer<(typeof BODIES)["/v1/roles"]>): Answer {
  const { role_id, component_id, graphql_root_field_names } = body;
  const known = state.roles.get(role_id);
  if (known !== undefined && known.componentId !== component_id)
    return refused(`Cannot upsert role with role_id ${role_id}`);
  for (const [other, { componentId }] of state.roles)
    if (other !== role_id && componentId === component_id) return systemError();
  const row = known ?? {
    componentId: component_id,
    fields: new Set<string>(),
    users: new Set<string>(),
    groups: new Set<string>(),
  };
  state.roles.set(role_id, row);
  row.fields.clear();
  for (const name of graphql_root_field_names) row.fields.add(name);
  return { status: 200, body };
}

/** One statement a line, then one that removes what is not listed. */
async function replace(state: State, held: Set<string>, wanted: readonly string[]): Promise<void> {
  // Whoever began slowly goes on so.
  const { pace } = state;
  for (const each of wanted) {
    await delay(pace);
    held.add(each);
  }
  await delay(pace);
  for (const each of [...held]) if (!wanted.includes(each)) held.delete(each);
}

function refused(message: string): Answer {
  return { status: 400, body: { errors: [message] } };
}

function systemError(): Answer {
  return { status: 500, body: { error: "System error" } };
}

function noRoute(): Answer {
  return { status: 404, body: { detail: "Not Found" } };
}
