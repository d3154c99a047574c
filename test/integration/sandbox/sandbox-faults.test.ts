import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFaults } from "../../../src/sandbox/faults.ts";
import { readJson } from "../../../src/sandbox/http.ts";

const faults = createFaults();
let handled: unknown[] = [];

/** A part that answers with what it was sent, the way Hasura does. */
const wrapped = faults.wrap(async (request, response) => {
  const body = await readJson(request);
  handled.push(body);
  response.setHeader("x-seen", String(request.headers["x-sent"]));
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ handled: body ?? null }));
  return true;
});

const server = createServer((request, response) => {
  faults
    .handle(request, response)
    .then(
      async (done): Promise<boolean | ServerResponse> => done || (await wrapped(request, response)),
    )
    .catch(() => response.writeHead(500).end());
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(async () => {
  handled = [];
  await fetch(`${url}/sandbox/faults`, { method: "DELETE" });
});

async function add(fault: unknown): Promise<Response> {
  return await fetch(`${url}/sandbox/faults`, { method: "POST", body: JSON.stringify(fault) });
}

async function send(body: unknown, path = "/v1/metadata"): Promise<Response> {
  return await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-sent": "yes" },
    body: JSON.stringify(body),
  });
}

const NESTED = {
  type: "bulk_keep_going",
  args: [{ type: "bulk", args: [{ type: "pg_track_table", args: {} }] }],
};

describe("faults on demand", () => {
  it("lets everything through while there are none, and what does not match while there are some", async () => {
    expect(await (await send({ type: "export_metadata" })).json()).toEqual({
      handled: { type: "export_metadata" },
    });
    await add({ match: "replace_metadata", times: 1, action: "status" });
    const answer = await send({ type: "export_metadata", args: {} });
    expect(await answer.json()).toEqual({ handled: { type: "export_metadata", args: {} } });
    expect(answer.headers.get("x-seen")).toBe("yes");
  });

  it("replaces the answer instead of handling the request, as many times as asked", async () => {
    await add({
      match: "/v1/metadata",
      times: 2,
      action: "status",
      status: 503,
      body: { code: "busy" },
    });
    for (let time = 0; time < 2; time += 1) {
      const answer = await send({ type: "export_metadata" });
      expect([answer.status, await answer.json()]).toEqual([503, { code: "busy" }]);
    }
    expect((await send({ type: "export_metadata" })).status).toBe(200);
    expect(handled).toHaveLength(1);
  });

  it("finds a command's type however deep it is nested", async () => {
    await add({ match: "track_table", times: 1, action: "status", status: 400, body: "no" });
    expect((await send({ type: "export_metadata" })).status).toBe(200);
    const answer = await send(NESTED);
    expect([answer.status, await answer.text()]).toEqual([400, "no"]);
  });

  it("cuts the connection before the request is handled", async () => {
    await add({ match: "bulk", action: "reset" });
    await expect(send(NESTED)).rejects.toThrow();
    expect(handled).toEqual([]);
    expect((await send(NESTED)).status).toBe(200);
  });

  it("handles the request and then loses its answer", async () => {
    await add({ match: "bulk", times: 1, action: "reset", when: "after" });
    await expect(send(NESTED)).rejects.toThrow();
    expect(handled).toEqual([NESTED]);
  });

  it("handles the request and then answers something else", async () => {
    await add({
      match: "bulk",
      action: "status",
      when: "after",
      status: 504,
      body: "gateway timeout",
    });
    const answer = await send(NESTED);
    expect([answer.status, await answer.text()]).toEqual([504, "gateway timeout"]);
    expect(answer.headers.get("x-seen")).toBe(null);
    expect(handled).toEqual([NESTED]);
  });

  it.each(["before", "after"] as const)(
    "delays %s the request is handled, and answers in full",
    async (when) => {
      await add({ match: "/v1/graphql", action: "delay", when, ms: 150 });
      const began = performance.now();
      const answering = send({ query: "{ x }" }, "/v1/graphql");
      if (when === "after")
        await expect.poll(() => handled.length, { timeout: 140, interval: 5 }).toBe(1);
      const answer = await answering;
      expect(performance.now() - began).toBeGreaterThan(145);
      expect([answer.status, await answer.json()]).toEqual([200, { handled: { query: "{ x }" } }]);
      expect(answer.headers.get("x-seen")).toBe("yes");
    },
  );

  it("lists what is left and forgets all when told", async () => {
    await add({ match: "a", times: 3, action: "reset" });
    const listed: unknown = await (await fetch(`${url}/sandbox/faults`)).json();
    expect(listed).toMatchObject({
      faults: [{ match: "a", times: 3, action: "reset", when: "before" }],
    });
    const cleared = await fetch(`${url}/sandbox/faults`, { method: "DELETE" });
    expect(await cleared.json()).toEqual({ faults: [], hits: [] });
    expect((await send({ type: "a" })).status).toBe(200);
  });

  it("tells what it has hit: a command by its type, anything else by its path", async () => {
    const began = Date.now();
    await add({ match: "track_table", action: "status", status: 503 });
    await add({ match: "/healthz", action: "delay", when: "after", ms: 1 });
    await send(NESTED);
    await send({}, "/healthz");
    await send({ type: "export_metadata" });
    const { faults, hits } = (await (await fetch(`${url}/sandbox/faults`)).json()) as {
      faults: unknown[];
      hits: { at: number }[];
    };
    expect(faults).toEqual([]);
    expect(hits).toMatchObject([
      { what: "bulk_keep_going", action: "status", when: "before" },
      { what: "/healthz", action: "delay", when: "after" },
    ]);
    for (const { at } of hits) expect(at).toBeGreaterThanOrEqual(began);
  });

  it.each([
    ["no match", { action: "reset" }, "match"],
    ["an unknown action", { match: "a", action: "explode" }, "action"],
    ["no times at all", { match: "a", action: "reset", times: 0 }, "times"],
    ["an unknown member", { match: "a", action: "reset", after: true }, ""],
    ["a status that is none", { match: "a", action: "status", status: 99 }, "status"],
    ["nothing", null, ""],
  ])("refuses %s with 400 and says what is wrong", async (_name, fault, path) => {
    const answer = await add(fault);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ problems: [{ path }] });
  });

  it("lets as many pass before as it is told to", async () => {
    await add({ match: "export", skip: 2, times: 1, action: "status", status: 503 });
    const statuses: number[] = [];
    for (let call = 0; call < 4; call += 1)
      statuses.push((await send({ type: "export_metadata" })).status);
    expect(statuses).toEqual([200, 200, 503, 200]);
  });

  it("hits as likely as it is told to", async () => {
    await add({ match: "export", chance: 0.5, times: 1_000, action: "status", status: 503 });
    let hits = 0;
    for (let call = 0; call < 200; call += 1)
      hits += (await send({ type: "export_metadata" })).status === 503 ? 1 : 0;
    // Outside of this once in more than 10^12 runs.
    expect(hits).toBeGreaterThan(45);
    expect(hits).toBeLessThan(155);
  });
});
