import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createLogger } from "../../../src/observability/logger.ts";
import { startHasuraStandIn } from "../../../src/sandbox/hasura/stand-in.ts";
import { callsTo, replaceWith } from "./hasura-calls.ts";
import { ADMIN_SECRET, closed, type SandboxTarget, serve, startTarget } from "./hasura-target.ts";

const log = createLogger({ level: "warn" });

let target: SandboxTarget;
const { post, command, does, source, reset } = callsTo(() => target);

beforeAll(async () => {
  target = await startTarget();
});

afterAll(async () => {
  await target.stop();
});

beforeEach(() => reset());

describe("two stand-ins over one store", () => {
  it("follow one another at their interval, read again only what has changed, and say so to websockets", async () => {
    await does("replace_metadata", replaceWith([source("a"), source("b")]));
    const other = await startHasuraStandIn({
      stateUrl: target.state.url,
      adminSecret: ADMIN_SECRET,
      env: {},
      pollIntervalMs: 50,
      log,
    });
    const server = await serve(other);
    try {
      const { port } = server.address() as AddressInfo;
      const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/graphql`, "graphql-transport-ws");
      const ended = new Promise<number>((done) => socket.once("close", done));
      await new Promise((done) => socket.once("open", done));
      const before = other.stats();
      await does("pg_track_table", { source: "a", table: "t" });
      expect(await ended).toBe(1012);
      const after = other.stats();
      expect({
        rebuilds: after.rebuilds - before.rebuilds,
        introspections: after.introspections - before.introspections,
        calls: after.calls - before.calls,
        resourceVersion: after.resourceVersion,
      }).toEqual({
        rebuilds: 1,
        introspections: 1,
        calls: 0,
        resourceVersion: target.standIn.stats().resourceVersion,
      });
    } finally {
      await closed(server);
      await other.stop();
    }
  });

  it("refuse the later of two writes that began with the same version", async () => {
    await does("replace_metadata", replaceWith([source("s")]));
    const slow = await startHasuraStandIn({
      stateUrl: target.state.url,
      adminSecret: ADMIN_SECRET,
      env: {},
      costs: { rebuildMs: 400, perTableMs: 0, perRoleMs: 0, introspectionMs: 0 },
      pollIntervalMs: 0,
      log,
    });
    const server = await serve(slow);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const { rebuilds } = slow.stats();
      const late = command("pg_track_table", { source: "s", table: "t" }, url);
      await expect.poll(() => slow.stats().rebuilds).toBe(rebuilds + 1);
      await does("reload_metadata", {});
      const { status, text } = await late;
      expect({ status, code: JSON.parse(text).code }).toEqual({ status: 409, code: "conflict" });
    } finally {
      await closed(server);
      await slow.stop();
    }
  });

  it("keep what was stored over a restart, and refuse a write that is based on an older version", async () => {
    await does("replace_metadata", replaceWith([source("s", [{ table: "t" }])]));
    const exported = (await command("export_metadata", {})).text;
    const other = await startHasuraStandIn({
      stateUrl: target.state.url,
      adminSecret: ADMIN_SECRET,
      env: {},
      log,
    });
    const server = await serve(other);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect((await command("export_metadata", {}, url)).text).toBe(exported);
      const { resourceVersion } = other.stats();
      await does("reload_metadata", {});
      const stale = await post(
        "/v1/metadata",
        { type: "reload_metadata", resource_version: resourceVersion, args: {} },
        url,
      );
      expect(stale.status).toBe(409);
      // Without a version of its own a call takes the stored one.
      await does("rename_source", { name: "s", new_name: "renamed" }, url);
      expect((await command("export_metadata", {})).text).toContain('"name":"renamed"');
    } finally {
      await closed(server);
      await other.stop();
    }
  });
});

describe("what work costs", () => {
  it("grows with the tracked tables and the roles, and with each source that is read", async () => {
    const costs = { rebuildMs: 0, perTableMs: 40, perRoleMs: 30, introspectionMs: 50 };
    const slow = await startTarget({ costs, pollIntervalMs: 0 });
    try {
      await slow.sql("one", "CREATE TABLE t (id int); CREATE TABLE u (id int)");
      const permission = (role: string): unknown => ({
        role,
        permission: { columns: "*", filter: {} },
      });
      const metadata = {
        version: 3,
        sources: [
          {
            ...source("s", [
              { table: "t", select_permissions: [permission("a"), permission("b")] },
              { table: "u", select_permissions: [permission("b")] },
            ]),
            configuration: { connection_info: { database_url: slow.databases.one } },
          },
        ],
        inherited_roles: [{ role_name: "ab", role_set: ["a", "b"] }],
      };
      await does("replace_metadata", { metadata }, slow.url);
      // Two tables and three roles, with one introspection when the source changes and none when it does not.
      const taken = async (type: string, args: unknown): Promise<[number, number]> => {
        const before = slow.standIn.stats();
        const startedAt = performance.now();
        await does(type, args, slow.url);
        const { introspections } = slow.standIn.stats();
        return [performance.now() - startedAt, introspections - before.introspections];
      };
      const [renamed, read] = await taken("pg_set_table_customization", {
        source: "s",
        table: "t",
        configuration: { custom_name: "x" },
      });
      expect(read).toBe(1);
      expect(renamed).toBeGreaterThanOrEqual(2 * 40 + 3 * 30 + 50 - 5);
      const [dropped, none] = await taken("drop_inherited_role", { role_name: "ab" });
      expect(none).toBe(0);
      expect(dropped).toBeGreaterThanOrEqual(2 * 40 + 2 * 30 - 5);
    } finally {
      await slow.stop();
    }
  });

  it("holds up other metadata calls for as long as a rebuild takes, but no GraphQL request", async () => {
    const slow = await startTarget({
      costs: { rebuildMs: 300, perTableMs: 0, perRoleMs: 0, introspectionMs: 0 },
    });
    try {
      const startedAt = performance.now();
      const finished: string[] = [];
      const rebuilding = command("reload_metadata", {}, slow.url).then(() =>
        finished.push("write"),
      );
      const waiting = command("export_metadata", {}, slow.url).then(() => finished.push("read"));
      await post("/v1/graphql", { query: "{ __typename }" }, slow.url).then(() =>
        finished.push("query"),
      );
      await Promise.all([rebuilding, waiting]);
      expect(finished).toEqual(["query", "write", "read"]);
      expect(performance.now() - startedAt).toBeGreaterThan(290);
    } finally {
      await slow.stop();
    }
  });
});
