import { createClient } from "graphql-ws";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { callsTo, replaceWith } from "./hasura-calls.ts";
import { ADMIN_SECRET, type SandboxTarget, startTarget } from "./hasura-target.ts";

let target: SandboxTarget;
const { command, does, source, reset } = callsTo(() => target);

beforeAll(async () => {
  target = await startTarget();
});

afterAll(async () => {
  await target.stop();
});

beforeEach(() => reset());

describe("websockets", () => {
  const socketUrl = (url: string): string => `${url.replace(/^http/, "ws")}/v1/graphql`;

  it("serve the usual client library", async () => {
    await target.sql("one", "INSERT INTO t VALUES (7)");
    await does("replace_metadata", replaceWith([source("s", [{ table: "t" }])]));
    const client = createClient({
      url: socketUrl(target.url),
      webSocketImpl: WebSocket,
      connectionParams: { headers: { "X-Hasura-Admin-Secret": ADMIN_SECRET } },
      retryAttempts: 0,
    });
    try {
      const rows: unknown[] = [];
      for await (const { data } of client.iterate({ query: "subscription { t { id } }" })) {
        rows.push(data);
        if (rows.length === 2) break;
        await target.sql("one", "UPDATE t SET id = 8");
      }
      expect(rows).toEqual([{ t: [{ id: 7 }] }, { t: [{ id: 8 }] }]);
    } finally {
      await client.dispose();
    }
  });

  it("are refused on other paths of Hasura, and left alone elsewhere", async () => {
    const refused = (path: string): Promise<string> =>
      new Promise((done) => {
        const socket = new WebSocket(`${target.url.replace(/^http/, "ws")}${path}`);
        socket.once("error", ({ message }) => done(message));
      });
    expect(await refused("/v1/nothing")).toBe("Unexpected server response: 404");
    expect(await refused("/elsewhere")).toMatch(/socket hang up|ECONNRESET/);
  });

  it("outlive a change of metadata where Hasura is told to keep them, until it stops", async () => {
    const own = await startTarget({
      env: { HASURA_GRAPHQL_CLOSE_WEBSOCKETS_ON_METADATA_CHANGE: "false" },
    });
    const socket = new WebSocket(socketUrl(own.url), "graphql-transport-ws");
    const ended = new Promise<number>((done) => socket.once("close", done));
    try {
      await new Promise((done) => socket.once("open", done));
      await does("reload_metadata", {}, own.url);
      const pong = new Promise((done) => {
        socket.on("message", (data) => {
          if (String(data) === '{"type":"pong","payload":1}') done(undefined);
        });
      });
      socket.send('{"type":"ping","payload":1}');
      await pong;
    } finally {
      await own.stop();
    }
    expect(await ended).toBe(1012);
  });
});

describe("settings of Hasura's environment", () => {
  it("keep a 401 where asked, hide what is internal, and forbid changes", async () => {
    const own = await startTarget({
      env: {
        HASURA_GRAPHQL_PRESERVE_401_ERRORS: "true",
        HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS: "false",
        HASURA_GRAPHQL_ENABLE_MAINTENANCE_MODE: "true",
      },
    });
    try {
      const refused = await fetch(`${own.url}/v1/graphql`, {
        method: "POST",
        headers: { "X-Hasura-Admin-Secret": "wrong" },
        body: '{"query":"{__typename}"}',
      });
      expect(refused.status).toBe(401);
      const { status, text } = await command("reload_metadata", {}, own.url);
      expect({ status, text }).toEqual({
        status: 500,
        text: '{"path":"$","error":"metadata cannot be modified in maintenance mode","code":"unexpected"}',
      });
      expect((await command("export_metadata", {}, own.url)).status).toBe(200);
    } finally {
      await own.stop();
    }
  });
});
