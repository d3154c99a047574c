import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { HASURA_ADMIN_SECRET } from "../../../src/sandbox/sandbox.ts";
import { startTestSandbox, type TestSandbox } from "../../support/sandbox.ts";

let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox({ parts: ["hasura"] });
});

afterAll(async () => {
  await sandbox.stop();
});

function open(path: string, headers: Record<string, string> = {}): WebSocket {
  return new WebSocket(`${sandbox.url.replace(/^http/, "ws")}${path}`, "graphql-transport-ws", {
    headers,
  });
}

function refusal(socket: WebSocket): Promise<string> {
  return new Promise((done) => socket.once("error", ({ message }) => done(message)));
}

describe("the sandbox's one port", () => {
  it("serves Hasura's websockets beside everything else, and ends them when it stops", async () => {
    const socket = open("/v1/graphql");
    const messages: unknown[] = [];
    socket.on("message", (data) => messages.push(JSON.parse(String(data))));
    const ended = new Promise((done) => socket.once("close", done));
    await new Promise((done) => socket.once("open", done));
    const headers = { "X-Hasura-Admin-Secret": HASURA_ADMIN_SECRET };
    socket.send(JSON.stringify({ type: "connection_init", payload: { headers } }));
    socket.send('{"type":"subscribe","id":"1","payload":{"query":"{ __typename }"}}');
    const data = { __typename: "query_root" };
    await expect
      .poll(() => messages)
      .toEqual(
        expect.arrayContaining([
          { type: "connection_ack" },
          { type: "next", id: "1", payload: { data } },
          { type: "complete", id: "1" },
        ]),
      );
    await sandbox.stop();
    await ended;
    sandbox = await startTestSandbox({ parts: ["hasura"] });
  });

  it("takes websockets from this machine only, and on Hasura's paths only", async () => {
    expect(await refusal(open("/v1/graphql", { Host: "evil.example.com" }))).toBe(
      "Unexpected server response: 403",
    );
    expect(await refusal(open("/sandbox/stats"))).toBe("Unexpected server response: 404");
  });
});
