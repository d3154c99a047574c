/**
 * What got through the older webhook, tried on the service as it runs: each must be refused, or work, as it should have
 * there. The settings are those of its chart, where they are still taken.
 */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/config.ts";
import { bindGroups } from "../../../src/inventory/groups.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { type EntraStandIn, startEntraStandIn } from "../../../src/sandbox/entra.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { change, createInventory, type TestInventory } from "./inventory.ts";

const AUDIENCE = "https://management.core.windows.net/";
const lines: string[] = [];
let inventory: TestInventory;
let entra: EntraStandIn;
let issuer: TestIssuer;
let app: App;
let nurses: string;

beforeAll(async () => {
  [inventory, entra, issuer] = await Promise.all([
    createInventory(),
    startEntraStandIn({ pageSize: 2 }),
    startIssuer(),
  ]);
  nurses = entra.addGroup("Nurses");
  await change(inventory.db, (tx) =>
    bindGroups(tx, [{ subject: "group:nurses", objectId: nurses, name: "Nurses" }], {
      actor: "test",
      operationToken: "00000000-0000-4000-8000-000000000000",
    }),
  );
  for (const subject of ["user:mario_x.example", "user:a_b_c.example", "group:nurses"])
    await inventory.grant(inventory.ports.health, subject);
  const config = readConfig({
    DATABASE_URL: inventory.database.url,
    HASURA_URL: "http://127.0.0.1:1",
    HASURA_ADMIN_SECRET: "a-secret-of-hasura",
    SNOWFLAKE_HOST: "http://127.0.0.1:1",
    SNOWFLAKE_USER: "nobody",
    SNOWFLAKE_PASSWORD: "a-password",
    FACES: "webhook",
    PORT: "0",
    JWKS_URL: issuer.jwksUrl,
    JWT_AUDIENCE: AUDIENCE,
    JWT_ALGORITHMS: '["RS256"]',
    JWT_OPTIONS: '{"verify_exp": false, "verify_aud": false, "verify_iss": false}',
    AUTHORIZATION_HEADER_FIELD_NAMES: '["Authorization"]',
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_CLIENT_ID: entra.clientId,
    AZURE_CLIENT_SECRET: entra.clientSecret,
    JWT_ISSUER: `https://sts.windows.net/${entra.tenantId}/`,
    AZURE_AUTHORITY_HOST: entra.url,
    GRAPH_URL: entra.url,
  });
  const log = createLogger({ level: "debug" }, { write: (line) => void lines.push(line) });
  app = await startApp(config, log);
});
afterAll(async () => {
  await app?.stop();
  await Promise.all([inventory?.stop(), entra?.stop(), issuer?.stop()]);
});

const sign = (claims: Record<string, unknown> = {}, header = {}) =>
  issuer.sign(
    {
      iss: `https://sts.windows.net/${entra.tenantId}/`,
      aud: AUDIENCE,
      unique_name: "mario@x.example",
      ...claims,
    },
    header,
  );

interface Answer {
  readonly status: number;
  readonly body: Record<string, string>;
}

async function authenticate(authorization: string, more: object = {}): Promise<Answer> {
  const response = await fetch(`${app.urls.webhook}/v1/authenticate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      headers: { Authorization: authorization },
      request: { query: "{ vaccinations { id } }" },
      ...more,
    }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}
const reads = async (claims: Record<string, unknown> = {}) => {
  const { status, body } = await authenticate(`Bearer ${await sign(claims)}`);
  return status === 200 ? body["X-Hasura-User-Id"] : body.reason;
};

describe("tokens", () => {
  it("that have expired are refused, whatever options are set", async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(await reads()).toBe("user:mario_x.example");
    expect(await reads({ exp: now - 1 })).toBe("TOKEN_REFUSED");
    expect(await reads({ exp: now - 365 * 86_400 })).toBe("TOKEN_REFUSED");
    expect(await reads({ nbf: now + 3_600 })).toBe("TOKEN_REFUSED");
  });

  it("of other tenants and other issuers are refused, whoever signed them", async () => {
    const other = "99999999-2222-3333-4444-555555555555";
    expect(await reads({ iss: `https://sts.windows.net/${other}/` })).toBe("TOKEN_REFUSED");
    expect(await reads({ iss: "https://sts.windows.net/common/" })).toBe("TOKEN_REFUSED");
    expect(await reads({ iss: undefined, tid: entra.tenantId })).toBe("TOKEN_REFUSED");
  });

  it("for other audiences are refused, and a warning tells of one that many are given tokens for", async () => {
    expect(await reads({ aud: "https://graph.microsoft.com" })).toBe("TOKEN_REFUSED");
    expect(await reads({ aud: undefined })).toBe("TOKEN_REFUSED");
    expect(lines.join("\n")).toMatch(/"setting":"JWT_AUDIENCE".*many applications/);
    expect(lines.join("\n")).toMatch(/"setting":"JWT_OPTIONS".*verify_exp/);
  });

  it("without a signature, or signed with what is public, are refused", async () => {
    const [, claims = ""] = (await sign()).split(".");
    const header = (alg: string) => Buffer.from(JSON.stringify({ alg })).toString("base64url");
    const signed = `${header("HS256")}.${claims}`;
    const signature = createHmac("sha256", issuer.publicKey).update(signed).digest("base64url");
    for (const token of [`${header("none")}.${claims}.`, `${signed}.${signature}`])
      expect((await authenticate(`Bearer ${token}`)).status).toBe(401);
  });

  it("are not written to the log, however their header is spelt", async () => {
    const token = await sign();
    for (const authorization of [`bearer ${token}`, `BEARER ${token}`])
      expect((await authenticate(authorization)).status).toBe(200);
    for (const authorization of [`Token ${token}`, `Bearer: ${token}`, token, `Bearer ${token}x`])
      expect((await authenticate(authorization)).status).toBe(401);
    expect(lines.join("\n")).not.toContain(token.slice(-30));
  });
});

describe("identities", () => {
  it("are found in tokens of both versions", async () => {
    const v2 = { unique_name: undefined, preferred_username: "mario@x.example" };
    expect(await reads(v2)).toBe("user:mario_x.example");
    expect(await reads({ unique_name: undefined })).toBe("IDENTITY_UNKNOWN");
  });

  it("are one in any case, and never two people's", async () => {
    expect(await reads({ unique_name: "Mario@X.example" })).toBe("user:Mario_X.example");
    expect(await reads({ unique_name: "a_b@c.example" })).toBe("user:a_b_c.example");
    for (const unique_name of ["mario_x.example", "a@b_c.example", "a_b_c.example"])
      expect(await reads({ unique_name })).toBe("NO_GRANT");
  });

  it("are in a group by its object id alone, and also when it is on a later page", async () => {
    const ann = entra.addUser();
    for (let more = 0; more < 4; more += 1) entra.addGroup(`Filler ${more}`, [ann]);
    const bob = { unique_name: "bob@x.example" };
    const impostor = entra.addGroup("Nurses", [ann]);
    const claims = { ...bob, oid: ann, hasgroups: true };
    expect(await reads({ ...bob, groups: [nurses] })).toBe("user:bob_x.example");
    expect(await reads({ ...bob, groups: [impostor, "Nurses"] })).toBe("NO_GRANT");
    expect(await reads(claims)).toBe("NO_GRANT");
    const carol = entra.addUser();
    for (let more = 0; more < 4; more += 1) entra.addGroup(`Another ${more}`, [carol]);
    const last = entra.addGroup("Midwives", [carol]);
    await change(inventory.db, (tx) =>
      bindGroups(tx, [{ subject: "group:midwives", objectId: last, name: "Midwives" }], {
        actor: "test",
        operationToken: "00000000-0000-4000-8000-000000000000",
      }),
    );
    await inventory.grant(inventory.ports.health, "group:midwives");
    await expect.poll(() => reads({ ...claims, oid: carol })).toBe("user:bob_x.example");
  });
});

describe("requests", () => {
  it("ask nobody else while everything is known: no keys, no directory", async () => {
    const ann = entra.addUser();
    entra.addGroup("Known", [ann]);
    const token = await sign({ oid: ann, hasgroups: true });
    expect((await authenticate(`Bearer ${token}`)).status).toBe(200);
    const before = [issuer.fetches(), entra.stats().graph, entra.stats().tokens];
    for (let again = 0; again < 20; again += 1)
      expect((await authenticate(`Bearer ${token}`)).status).toBe(200);
    expect([issuer.fetches(), entra.stats().graph, entra.stats().tokens]).toEqual(before);
  });

  it("with an unknown key id keep nobody waiting, though the provider does not answer", async () => {
    issuer.breakWith(() => undefined);
    try {
      const unknown = await sign({}, { kid: "unknown" });
      const strangers = Array.from({ length: 50 }, () => authenticate(`Bearer ${unknown}`));
      for (let index = 0; index < 10; index += 1) {
        expect(await reads({ jti: String(index) })).toBe("user:mario_x.example");
        expect((await fetch(`${app.urls.webhook}/healthz`)).status).toBe(200);
      }
      for (const { status } of await Promise.all(strangers)) expect(status).toBe(401);
    } finally {
      issuer.breakWith(null);
    }
  });

  it("that are wrong are refused with 401, the one status that Hasura takes for a refusal", async () => {
    const authorization = `Bearer ${await sign()}`;
    for (const request of [
      { query: "{ vaccinations { " },
      { query: 7 },
      "text",
      { query: "mutation { x }" },
      { query: `{ ${"a ".repeat(20_000)} }` },
    ])
      expect((await authenticate(authorization, { request })).status).toBe(401);
    expect((await authenticate("", { headers: null })).status).toBe(401);
    expect((await authenticate("Bearer ")).status).toBe(401);
  });
});
