import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import type { Actor, GraphqlContext } from "../../../src/graphql/context.ts";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { createLogger } from "../../../src/observability/logger.ts";

type Operations = GraphqlContext["operations"];

/** Operations whose database and Hasura answer only what is given; whatever else is asked of them fails. */
function operations(parts: object = {}): Operations {
  const log = createLogger({ level: "silent" });
  return { log, hasuraId: "default", publicUrl: null, ...parts } as unknown as Operations;
}

function server(options: { graphiql?: boolean; actor?: Actor; parts?: object } = {}) {
  const { graphiql = false, actor, parts } = options;
  return createGraphqlHandler({
    operations: operations(parts),
    graphiql,
    ...(actor === undefined ? {} : { actor: () => actor }),
  });
}

async function send(
  body: unknown,
  options: Parameters<typeof server>[0] & { headers?: Record<string, string> } = {},
) {
  const response = await server(options).fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", ...options.headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

const ask = async (query: string, options: Parameters<typeof server>[0] = {}) => {
  const { text } = await send({ query }, options);
  return JSON.parse(text) as {
    data?: unknown;
    errors?: { message: string; path?: string[]; extensions?: Record<string, unknown> }[];
  };
};

const PROVISION = 'mutation { provisionOutputPort(input: { descriptor: "x" }) { token } }';
const viewer: Actor = { name: "admin:v", kind: "admin", permission: "viewer" };

/** Mounts the server as the service does. */
async function listen(): Promise<{ url: string; close(): Promise<void> }> {
  const web = express();
  web.use("/graphql", server());
  const listener = createServer(web);
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}

describe("the GraphQL server", () => {
  it("answers under /graphql of an Express application, and leaves every other path to it", async () => {
    const { url, close } = await listen();
    try {
      const post = (path: string, body: string) =>
        fetch(`${url}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        });
      const answered = await post("/graphql", JSON.stringify({ query: "{ me { name } }" }));
      expect(await answered.json()).toEqual({ data: { me: { name: "admin:local" } } });
      expect((await post("/graphql", `"${"x".repeat(2_000_001)}"`)).status).toBe(413);
      for (const path of ["/", "/health", "/graphql/other"])
        expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 404]);
    } finally {
      await close();
    }
  });

  it("answers who asks: the local admin where nothing else is set", async () => {
    const me = "{ me { name kind permission } }";
    const local = { name: "admin:local", kind: "ADMIN", permission: "ADMIN" };
    expect(await ask(me)).toEqual({ data: { me: local } });
    const seen = { name: "admin:v", kind: "ADMIN", permission: "VIEWER" };
    expect(await ask(me, { actor: viewer })).toEqual({ data: { me: seen } });
  });

  it("lets a viewer change nothing, and asks the nameless to sign in", async () => {
    const forbidden = await ask(PROVISION, { actor: viewer });
    expect(forbidden.errors?.[0]?.extensions).toEqual({ code: "FORBIDDEN", problems: [] });
    const nameless: Actor = { name: "nobody", kind: "anonymous", permission: "viewer" };
    const unknown = await ask(PROVISION, { actor: nameless });
    expect(unknown.errors?.[0]?.extensions).toEqual({ code: "UNAUTHENTICATED", problems: [] });
  });

  it("tells one of our failures by code and problems, and where it happened", async () => {
    const problems = [{ path: "environment", message: "is needed", suggestion: "name one" }];
    const findMany = () => Promise.reject(new AppError("AMBIGUOUS", "Several.", { problems }));
    const parts = { db: { outputPort: { findMany } } };
    const answer = await ask('{ outputPort(componentId: "x") { name } }', { parts });
    expect(answer.errors).toEqual([
      {
        message: "Several.",
        path: ["outputPort"],
        locations: expect.anything(),
        extensions: { code: "AMBIGUOUS", problems },
      },
    ]);
  });

  it("says nothing of what it did not expect", async () => {
    const canary = "SELECT secret FROM port; password=hunter2";
    const findMany = () => Promise.reject(new Error(canary));
    const parts = { db: { outputPort: { findMany } } };
    const { text } = await send({ query: '{ outputPort(componentId: "x") { name } }' }, { parts });
    expect(text).toContain('"code":"INTERNAL"');
    expect(text).not.toMatch(/SELECT|hunter2|stack|\.ts/);
  });

  it("refuses inputs that are not as expected, by their path", async () => {
    const waits = await ask(
      'mutation { provisionOutputPort(input: { descriptor: "x" }, wait: 15001) { token } }',
    );
    expect(waits.errors?.[0]?.extensions).toEqual({
      code: "BAD_REQUEST",
      problems: [{ path: "wait", message: "is more than 15000" }],
    });
    const descriptor = "é".repeat(600 * 1024);
    const { text } = await send({
      query: "query ($input: PlanInput!) { plan(input: $input) { text } }",
      variables: { input: { provision: { descriptor } } },
    });
    expect(JSON.parse(text).errors[0].extensions).toEqual({
      code: "PAYLOAD_TOO_LARGE",
      problems: [{ path: "provision.descriptor", message: "is larger than 1 MiB" }],
    });
  });

  it("takes exactly one change to plan, and a port that is named", async () => {
    const two = "{ plan(input: { unprovision: {}, acl: { refs: [] } }) { text } }";
    expect((await ask(two)).errors?.[0]?.message).toMatch(/exactly one/i);
    const nameless = await ask("{ plan(input: { unprovision: {} }) { text } }");
    expect(nameless.errors?.[0]?.extensions).toMatchObject({
      code: "BAD_REQUEST",
      problems: [{ path: "componentId" }],
    });
  });

  it("reads moments with an offset, and no others", async () => {
    const startedBefore = (moment: string) =>
      ask(`{ operations(filter: { startedBefore: "${moment}" }) { totalCount } }`, {
        parts: { db: { operation: { count: () => 0, findMany: () => [] } } },
      });
    expect(await startedBefore("2026-11-24T02:30:00+01:00")).toEqual({
      data: { operations: { totalCount: 0 } },
    });
    for (const moment of ["yesterday", "2026-11-24", "2026-11-24T02:30:00"])
      expect((await startedBefore(moment)).errors?.[0]?.message).toContain("Expected a moment");
  });

  it("ends what is too large, too deep or too long before it runs", async () => {
    const large = await send({ query: `{ me { name } } # ${"x".repeat(2_000_001)}` });
    expect(large.status).toBe(413);
    let deep = "grants { totalCount }";
    for (let level = 0; level < 5; level += 1)
      deep = `grants { edges { node { outputPort { ${deep} } } } }`;
    expect((await ask(`{ ${deep} }`)).errors?.[0]?.message).toMatch(/depth/);
    const long = `{ ${Array.from({ length: 1000 }, (_, index) => `a${index}: me { name }`).join(" ")} }`;
    expect((await ask(long)).errors?.[0]?.message).toMatch(/tokens/);
  });

  it("takes JSON alone, so that no other site's page can submit anything", async () => {
    const query = "mutation { x }";
    for (const [type, body] of [
      ["text/plain", JSON.stringify({ query })],
      ["application/x-www-form-urlencoded", `query=${encodeURIComponent(query)}`],
      ["multipart/form-data; boundary=b", "--b--"],
      ["application/graphql", query],
    ] as const)
      expect([type, (await send(body, { headers: { "content-type": type } })).status]).toEqual([
        type,
        415,
      ]);
    const elsewhere = await send(
      { query: "{ me { name } }" },
      {
        headers: { origin: "https://elsewhere.example.com" },
      },
    );
    expect(elsewhere.headers.get("access-control-allow-origin")).toBeNull();
    const get = await server().fetch(
      `http://127.0.0.1/graphql?query=${encodeURIComponent(PROVISION)}`,
    );
    expect(get.status).toBe(405);
  });

  it("shows GraphiQL only where it is asked to", async () => {
    const browse = async (graphiql: boolean) => {
      const headers = { accept: "text/html" };
      const response = await server({ graphiql }).fetch("http://127.0.0.1/graphql", { headers });
      return (await response.text()).includes("<html");
    };
    expect(await browse(true)).toBe(true);
    expect(await browse(false)).toBe(false);
  });

  it("says how Hasura is, also when it cannot be reached", async () => {
    const hasura = {
      url: "https://hasura.example.com",
      version: () => Promise.reject(new AppError("HASURA_UNAVAILABLE", "Hasura did not answer.")),
    };
    const query = "{ hasura { id url reachable version resourceVersion consistent message } }";
    expect(await ask(query, { parts: { hasura } })).toEqual({
      data: {
        hasura: {
          id: "default",
          url: "https://hasura.example.com",
          reachable: false,
          version: null,
          resourceVersion: null,
          consistent: null,
          message: "Hasura did not answer.",
        },
      },
    });
  });
});
