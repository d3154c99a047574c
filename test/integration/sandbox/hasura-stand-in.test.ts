import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "../../../src/observability/logger.ts";
import { startHasuraStandIn } from "../../../src/sandbox/hasura/stand-in.ts";
import { callsTo, replaceWith } from "./hasura-calls.ts";
import { ADMIN_SECRET, type SandboxTarget, startTarget } from "./hasura-target.ts";

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

describe("the stand-in for Hasura", () => {
  it("leaves every path that is not Hasura's to others", async () => {
    for (const path of [
      "/",
      "/sandbox/stats",
      "/session/v1/login-request",
      "/queries/v1/x",
      "/v10",
      "/telemetry/send",
    ])
      expect((await fetch(target.url + path)).status, path).toBe(421);
  });

  it("sends a request's id back, and one of its own when there is none", async () => {
    const named = await fetch(`${target.url}/v1/version`, { headers: { "X-Request-Id": "abc" } });
    expect(named.headers.get("x-request-id")).toBe("abc");
    const unnamed = await fetch(`${target.url}/v1/version`);
    expect(unnamed.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("keeps numbers beyond 53 bits and keys that it does not know, through export and replace", async () => {
    const sources = [source("s", [{ table: "t", later_feature: { big: "BIG" } }])];
    const given = replaceWith(sources, { of_tomorrow: { big: "BIG", list: [1.1] } });
    const text = JSON.stringify({ type: "replace_metadata", args: given }).replaceAll(
      '"BIG"',
      "9223372036854775807",
    );
    expect((await post("/v1/metadata", text)).status).toBe(200);
    for (let round = 0; round < 2; round += 1) {
      const { text: exported } = await command("export_metadata", {});
      expect(exported).toContain('"later_feature":{"big":9223372036854775807}');
      expect(exported).toContain('"of_tomorrow":{"big":9223372036854775807');
      const back = `{"type":"replace_metadata","args":{"metadata":${exported}}}`;
      expect((await post("/v1/metadata", back)).status).toBe(200);
    }
  });

  it("answers rows with numbers as the database has them", async () => {
    await target.sql(
      "one",
      "CREATE TABLE n (big bigint, exact numeric); INSERT INTO n VALUES (9007199254740993, 1.10)",
    );
    await does("replace_metadata", replaceWith([source("s", [{ table: "n" }])]));
    const { text } = await post("/v1/graphql", { query: "{ n { big exact } }" });
    expect(text).toBe('{"data":{"n":[{"big":9007199254740993,"exact":1.10}]}}');
  });

  it("counts calls, writes, rebuilds and introspections", async () => {
    await does("replace_metadata", replaceWith([source("a"), source("b")]));
    const before = target.standIn.stats();
    await does("bulk", [
      { type: "pg_track_table", args: { source: "a", table: "t" } },
      {
        type: "pg_set_table_customization",
        args: { source: "a", table: "t", configuration: { custom_name: "x" } },
      },
      { type: "add_inherited_role", args: { role_name: "r", role_set: [] } },
    ]);
    await does("get_inconsistent_metadata", {});
    const after = target.standIn.stats();
    expect({
      calls: after.calls - before.calls,
      writes: after.writes - before.writes,
      rebuilds: after.rebuilds - before.rebuilds,
      introspections: after.introspections - before.introspections,
      resourceVersion: after.resourceVersion - before.resourceVersion,
    }).toEqual({ calls: 2, writes: 1, rebuilds: 3, introspections: 2, resourceVersion: 1 });
    await does("replace_metadata", replaceWith([source("a"), source("b")]));
    expect(target.standIn.stats().introspections - after.introspections).toBe(2);
  });

  it("rebuilds once for track_tables and twice when some tables fail", async () => {
    await target.sql("one", "CREATE TABLE u (id int); CREATE TABLE v (id int)");
    await does("replace_metadata", replaceWith([source("a")]));
    const tables = (...names: string[]): unknown => ({
      tables: names.map((name) => ({ source: "a", table: name })),
    });
    const { rebuilds } = target.standIn.stats();
    await does("pg_track_tables", tables("t", "u"));
    expect(target.standIn.stats().rebuilds - rebuilds).toBe(1);
    await does("pg_track_tables", tables("v", "nope"));
    expect(target.standIn.stats().rebuilds - rebuilds).toBe(3);
  });

  it("passes the hook's cookies on to the client", async () => {
    target.setHook({ mode: "POST", status: 200, body: '{"X-Hasura-Role":"r"}' });
    const response = await fetch(`${target.url}/v1/graphql`, {
      method: "POST",
      body: '{"query":"{__typename}"}',
    });
    expect(response.headers.get("set-cookie")).toBe("hook=1");
    target.standIn.setAuthHook({ url: "http://127.0.0.1:1/", mode: "POST" });
    const unreachable = await fetch(`${target.url}/v1/graphql`, {
      method: "POST",
      body: '{"query":"{__typename}"}',
    });
    expect(await unreachable.json()).toEqual({
      errors: [
        {
          message: "webhook authentication request failed",
          extensions: { path: "$", code: "unexpected" },
        },
      ],
    });
    target.standIn.setAuthHook(undefined);
  });

  it("registers a data connector agent only if it answers", async () => {
    expect(await does("dc_add_agent", { name: "oracle", url: "http://127.0.0.1:1" })).toMatchObject(
      {
        message: "Agent is not available",
      },
    );
    expect((await command("dc_delete_agent", { name: "oracle" })).text).toBe(
      `{"path":"$.args","error":"DC Agent 'oracle' not found","code":"not-found"}`,
    );
    await does("dc_add_agent", { name: "oracle", url: "http://127.0.0.1:1", skip_check: true });
    expect((await command("export_metadata", {})).text).toContain(
      '"backend_configs":{"dataconnector":{"oracle":{"uri":"http://127.0.0.1:1"}}}',
    );
    await does("dc_delete_agent", { name: "oracle" });
  });

  it("says of commands that only the real one has that they are not there", async () => {
    const { status, text } = await command("pg_add_computed_field", { source: "s", table: "t" });
    expect({ status, code: JSON.parse(text).code }).toEqual({ status: 400, code: "not-supported" });
  });
});

describe("the metadata database", () => {
  it("makes healthz fail when it is away, and refuses a store whose names conflict at the start", async () => {
    const own = await startTarget();
    try {
      await own.sql("one", "CREATE SCHEMA x; CREATE TABLE x.a (id int); CREATE TABLE x.b (id int)");
      await does(
        "replace_metadata",
        {
          metadata: {
            version: 3,
            sources: [
              {
                name: "s",
                kind: "postgres",
                tables: [
                  { table: { schema: "x", name: "a" } },
                  { table: { schema: "x", name: "b" } },
                ],
                configuration: { connection_info: { database_url: own.databases.one } },
              },
            ],
          },
        },
        own.url,
      );
      const client = new Client({ connectionString: own.state.url });
      await client.connect();
      await client.query(
        `UPDATE hdb_catalog.hdb_metadata SET metadata = replace(metadata::text, '"name":"b"}', '"name":"b"},"configuration":{"custom_name":"x_a"}')::json`,
      );
      await client.end();
      const again = startHasuraStandIn({
        stateUrl: own.state.url,
        adminSecret: ADMIN_SECRET,
        env: {},
        log,
      });
      await expect(again).rejects.toThrow(/Encountered conflicting definitions/);
      await own.state.drop();
      const health = await fetch(`${own.url}/healthz`);
      expect({ status: health.status, text: await health.text() }).toEqual({
        status: 500,
        text: "ERROR",
      });
    } finally {
      await own.stop();
    }
  });
});
