import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createLogger } from "../../../src/observability/logger.ts";
import { startSandbox } from "../../../src/sandbox/sandbox.ts";
import { databaseUrl } from "../../support/postgres.ts";
import { startTestSandbox, type TestSandbox } from "../../support/sandbox.ts";

const log = createLogger({ level: "silent" });
let sandbox: TestSandbox;

beforeAll(async () => {
  sandbox = await startTestSandbox();
});

afterAll(async () => {
  await sandbox?.stop();
});

async function metadata(
  url: string,
  command: unknown,
  secret = "sandbox-admin-secret",
): Promise<Response> {
  return await fetch(`${url}/v1/metadata`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-hasura-admin-secret": secret },
    body: JSON.stringify(command),
  });
}

const statsSchema = z.object({
  calls: z.number(),
  writes: z.number(),
  rebuilds: z.number(),
  introspections: z.number(),
  resourceVersion: z.number(),
});

async function stats(url = sandbox.url): Promise<z.infer<typeof statsSchema>> {
  return statsSchema.parse(await (await fetch(`${url}/sandbox/stats`)).json());
}

async function rows(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

const addSource = (name: string): unknown => ({
  type: "pg_add_source",
  args: { name, configuration: { connection_info: { database_url: databaseUrl("HEALTHCARE") } } },
});

async function sourceNames(url: string): Promise<string[]> {
  const answer = await metadata(url, { type: "export_metadata", version: 2, args: {} });
  const exported = z
    .object({ metadata: z.object({ sources: z.array(z.object({ name: z.string() })) }) })
    .parse(await answer.json());
  return exported.metadata.sources.map(({ name }) => name);
}

describe("the sandbox", () => {
  it("offers every part at one loopback address", async () => {
    expect(sandbox.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(sandbox).toMatchObject({
      hasuraUrl: sandbox.url,
      hasuraAdminSecret: "sandbox-admin-secret",
      jwksUrl: `${sandbox.url}/sandbox/jwks`,
      jwtIssuer: "portcullis-sandbox",
      jwtAudience: "portcullis-sandbox",
      snowflakeHost: sandbox.url,
    });
    expect(await rows(sandbox.databaseUrl, "SELECT 1")).toEqual([[1]]);
    const index = await (await fetch(sandbox.url)).text();
    for (const path of [
      "/v1/metadata",
      "/sandbox/token",
      "/sandbox/faults",
      "/sandbox/stats",
      "/session",
    ])
      expect(index).toContain(path);
  });

  it("issues tokens that verify", async () => {
    const answer = await fetch(`${sandbox.url}/sandbox/token?user=alice@example.com&groups=a,b`);
    const { token } = z.object({ token: z.string() }).parse(await answer.json());
    const keys = createRemoteJWKSet(new URL(sandbox.jwksUrl));
    const options = { issuer: sandbox.jwtIssuer, audience: sandbox.jwtAudience };
    expect((await jwtVerify(token, keys, options)).payload.preferred_username).toBe(
      "alice@example.com",
    );
  });

  it("speaks Snowflake's protocol, and lets its user in only", async () => {
    const login = async (password: string): Promise<unknown> => {
      const body = JSON.stringify({
        data: { LOGIN_NAME: sandbox.snowflakeUser, PASSWORD: password },
      });
      const url = `${sandbox.snowflakeHost}/session/v1/login-request?roleName=${sandbox.snowflakeRole}`;
      return await (await fetch(url, { method: "POST", body })).json();
    };
    expect(await login(sandbox.snowflakePassword)).toMatchObject({ success: true });
    expect(await login("wrong")).toMatchObject({ success: false, code: "390100" });
  });

  it("speaks Hasura's metadata API and counts what it does", async () => {
    const before = await stats();
    expect((await metadata(sandbox.hasuraUrl, { type: "export_metadata", args: {} })).status).toBe(
      200,
    );
    const refused = await metadata(
      sandbox.hasuraUrl,
      { type: "export_metadata", args: {} },
      "wrong",
    );
    expect(refused.status).toBe(401);
    expect((await metadata(sandbox.hasuraUrl, addSource("counted"))).status).toBe(200);
    const after = await stats();
    expect(after.calls).toBeGreaterThan(before.calls);
    expect(after.resourceVersion).toBe(before.resourceVersion + 1);
  });

  it("loses an answer after Hasura has committed, and makes it refuse before", async () => {
    const fault = async (body: unknown): Promise<void> => {
      const answer = await fetch(`${sandbox.url}/sandbox/faults`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(200);
    };
    await fault({ match: "add_source", times: 1, action: "reset", when: "after" });
    const bulk = { type: "bulk", args: [addSource("lost")] };
    await expect(metadata(sandbox.hasuraUrl, bulk)).rejects.toThrow();
    expect(await sourceNames(sandbox.hasuraUrl)).toContain("lost");

    await fault({
      match: "add_source",
      times: 1,
      action: "status",
      status: 500,
      body: { code: "unexpected" },
    });
    const refused = await metadata(sandbox.hasuraUrl, addSource("refused"));
    expect([refused.status, await refused.json()]).toEqual([500, { code: "unexpected" }]);
    expect(await sourceNames(sandbox.hasuraUrl)).not.toContain("refused");
  });

  it("makes its issuer's keys fail on demand too", async () => {
    const body = JSON.stringify({
      match: "/sandbox/jwks",
      times: 1,
      action: "status",
      status: 503,
    });
    await fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", body });
    expect((await fetch(sandbox.jwksUrl)).status).toBe(503);
    expect((await fetch(sandbox.jwksUrl)).status).toBe(200);
  });

  it("asks the webhook it was told of about data requests", async () => {
    const asked: string[] = [];
    const hook = createServer((request, response) => {
      asked.push(request.method ?? "");
      response.writeHead(401).end();
    });
    await new Promise<void>((done) => hook.listen(0, "127.0.0.1", done));
    onTestFinished(() => {
      hook.close();
    });
    sandbox.setAuthHook(`http://127.0.0.1:${(hook.address() as AddressInfo).port}/v1/authenticate`);
    await fetch(`${sandbox.hasuraUrl}/v1/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer x" },
      body: JSON.stringify({ query: "{ __typename }" }),
    });
    expect(asked).toEqual(["POST"]);
  });

  it("makes further Snowflake databases, and changes them", async () => {
    const name = `EXTRA_${Date.now()}`;
    onTestFinished(async () => {
      await rows(databaseUrl("postgres"), `DROP DATABASE "${name}" WITH (FORCE)`);
    });
    await sandbox.addSnowflakeDatabase(
      name,
      'CREATE SCHEMA "S"; CREATE VIEW "S"."V" AS SELECT 1 AS "A"',
    );
    await sandbox.addSnowflakeDatabase(
      name,
      'CREATE OR REPLACE VIEW "S"."V" AS SELECT 1 AS "A", 2 AS "B"',
    );
    const columns =
      'SELECT "COLUMN_NAME", "DATA_TYPE" FROM _snowflake."COLUMNS" ORDER BY "ORDINAL_POSITION"';
    expect(await rows(databaseUrl(name), columns)).toEqual([
      ["A", "NUMBER"],
      ["B", "NUMBER"],
    ]);
  });

  it("answers 404 with where to look for what it does not have, and 400 for what is no JSON", async () => {
    const nothing = await fetch(`${sandbox.url}/nothing`);
    expect([nothing.status, await nothing.json()]).toEqual([
      404,
      { error: expect.stringContaining("/nothing") },
    ]);
    const broken = await fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", body: "{" });
    expect([broken.status, await broken.json()]).toEqual([400, { error: "The body is not JSON." }]);
  });
});

describe("the sandbox's reach", () => {
  it("is this machine: no other address answers", async () => {
    const { port } = new URL(sandbox.url);
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal);
    for (const { address } of others)
      await expect(fetch(`http://${address}:${port}/`)).rejects.toThrow();
    await expect(fetch(`http://[::1]:${port}/`)).rejects.toThrow();
  });

  it("does not extend to web pages whose name was pointed at loopback", async () => {
    const { port } = new URL(sandbox.url);
    const status = await new Promise((done, failed) => {
      httpRequest(
        {
          host: "127.0.0.1",
          port,
          path: "/sandbox/token?user=x",
          headers: { host: "evil.example" },
        },
        (response) => {
          response.resume();
          done(response.statusCode);
        },
      )
        .on("error", failed)
        .end();
    });
    expect(status).toBe(403);
  });

  it("ends in a plain message when the port is taken", async () => {
    const port = Number(new URL(sandbox.url).port);
    const starting = startSandbox({ parts: ["tokens"], dataDir: tmpdir(), port, log });
    await expect(starting).rejects.toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining("SANDBOX_PORT"),
    });
  });
});

describe("a sandbox with some parts", () => {
  it("offers those alone, and needs no PostgreSQL for tokens", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "portcullis-parts-"));
    const some = await startSandbox({ parts: ["tokens"], dataDir, port: 0, log });
    onTestFinished(async () => {
      await some.stop();
      await rm(dataDir, { recursive: true });
    });
    expect(some).toMatchObject({ jwtIssuer: "portcullis-sandbox" });
    for (const absent of [
      "databaseUrl",
      "hasuraUrl",
      "hasuraAdminSecret",
      "snowflakeHost",
      "snowflakeUser",
    ])
      expect(some).not.toHaveProperty(absent);
    for (const path of ["/v1/metadata", "/sandbox/stats", "/session/v1/login-request"])
      expect((await fetch(`${some.url}${path}`, { method: "POST" })).status).toBe(404);
  });

  it("keeps tokens and Hasura's metadata over a restart, with a PostgreSQL that it does not offer", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "portcullis-parts-"));
    await chmod(dataDir, 0o755);
    const start = () => startSandbox({ parts: ["hasura", "tokens"], dataDir, port: 0, log });
    const first = await start();
    onTestFinished(() => rm(dataDir, { recursive: true }));
    expect(first).not.toHaveProperty("databaseUrl");
    expect((await metadata(first.url, addSource("kept"))).status).toBe(200);
    const version = (await stats(first.url)).resourceVersion;
    const keys: unknown = await (await fetch(`${first.url}/sandbox/jwks`)).json();
    await first.stop();
    await first.stop();
    await expect(fetch(first.url)).rejects.toThrow();

    const second = await start();
    expect(await sourceNames(second.url)).toEqual(["kept"]);
    expect((await stats(second.url)).resourceVersion).toBe(version);
    expect(await (await fetch(`${second.url}/sandbox/jwks`)).json()).toEqual(keys);
    await second.stop();
  });
});

describe("the example descriptors", () => {
  const descriptor = z.object({
    componentIdToProvision: z.string(),
    dataProduct: z.object({
      components: z.array(
        z.object({
          id: z.string(),
          dependsOn: z.array(z.string()),
          dataContract: z.object({ schema: z.array(z.object({ name: z.string() })) }).optional(),
          specific: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  });

  it.each(["vaccinations", "vaccinations-changed", "trips"])(
    "%s describes what the sample data hold",
    async (name) => {
      const { componentIdToProvision, dataProduct } = descriptor.parse(
        parse(await readFile(`examples/${name}.yaml`, "utf8")),
      );
      const port = dataProduct.components.find(({ id }) => id === componentIdToProvision);
      const source = dataProduct.components.find(({ id }) => id === port?.dependsOn[0]);
      const { database, schema, viewName } = source?.specific ?? {};
      const columns = await rows(
        databaseUrl(String(database)),
        `SELECT "COLUMN_NAME" FROM _snowflake."COLUMNS" WHERE "TABLE_SCHEMA" = '${schema}' AND "TABLE_NAME" = '${viewName}' ORDER BY "ORDINAL_POSITION"`,
      );
      const expected = port?.dataContract?.schema.map((column) => [column.name.toUpperCase()]);
      expect(columns).toEqual(expected);
      const names = Object.values(port?.specific ?? {});
      const prefix =
        name === "trips"
          ? "mobility_citytrips_1_tripsapi_"
          : "healthcare_vaccinations_0_vaccinationsgraphql_";
      expect(names).toHaveLength(5);
      for (const given of names) expect(given).toMatch(new RegExp(`^${prefix}[a-z_]+$`));
    },
  );
});
