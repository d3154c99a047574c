/** The service as it runs, met by what an older adapter sends to it, and by data consumers. */
import { expect, vi } from "vitest";
import { createLogger } from "../../../src/observability/logger.ts";
import { type RoleMapperShape, roleMapperDifferences } from "../../contract/role-mapper.ts";
import { type FrontDoor, startFrontDoor } from "./front-door.ts";
import type { Reply } from "./rest-face.ts";

export const TOKEN = "a-token-of-the-older-adapters";
export const COMPONENT = "urn:dmb:cmp:older:product:0:port";

export interface RoleMapperDoor extends FrontDoor {
  /** Sends a body with the token: text as it is, anything else as JSON. */
  put(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  read(path: string): Promise<Reply>;
  /** Makes a role known with these root fields; fails the test unless it is. */
  know(role: string, ...fields: string[]): Promise<void>;
  /** What the webhook answers to a user's query for root fields: the role, or why not. */
  asks(user: string, fields: string, groups?: readonly string[]): Promise<string>;
  /** Canonical refs of those who have an external role now. */
  held(role: string): Promise<string[]>;
  /** Everything that was logged. */
  log(): string;
}

export async function startRoleMapperDoor(
  settings: Record<string, string> = {},
): Promise<RoleMapperDoor> {
  const lines: string[] = [];
  const log = createLogger({ level: "debug" }, { write: (line) => void lines.push(line) });
  const patient = { OPERATION_WAIT_MS: "15000" };
  const door = await startFrontDoor({ ROLE_MAPPER_TOKEN: TOKEN, ...patient, ...settings }, log);
  await vi.waitUntil(async () => (await door.get("/v1/health")).text === "Alive", 10_000);
  const authorization = `Bearer ${TOKEN}`;
  const put: RoleMapperDoor["put"] = (path, body, headers) =>
    door.send(path, {
      method: "PUT",
      headers: { "content-type": "application/json", authorization, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    ...door,
    put,
    read: (path) => door.get(path, { authorization }),
    async know(role, ...fields) {
      const body = { role_id: role, component_id: COMPONENT, graphql_root_field_names: fields };
      expect((await put("/v1/roles", body)).status).toBe(200);
    },
    async asks(user, fields, groups = []) {
      const asked = new URLSearchParams({ user, groups: groups.join(",") });
      const issued = await fetch(`${door.sandbox.url}/sandbox/token?${asked}`);
      const { token } = (await issued.json()) as { token: string };
      const { json } = await door.post("/v1/authenticate", {
        headers: { Authorization: `Bearer ${token}` },
        request: { query: `{ ${fields} }` },
      });
      return String(json?.["X-Hasura-Role"] ?? json?.reason);
    },
    async held(role) {
      const where = { externalRole: { name: role }, endedAt: null };
      const rows = await door.db.grant.findMany({ where, orderBy: { subject: "asc" } });
      return rows.map(({ subject }) => subject);
    },
    log: () => lines.join(""),
  };
}

/** The status and whether the body is of that shape and no other. */
export function expectShape(reply: Reply, status: number, shape: RoleMapperShape): void {
  expect([reply.status, reply.type], reply.text).toEqual([
    status,
    "application/json; charset=utf-8",
  ]);
  expect(roleMapperDifferences(shape, reply.json)).toEqual([]);
}
