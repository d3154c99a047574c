import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { diagnose, type Finding, findingText } from "../../src/doctor.ts";
import { openDb } from "../../src/inventory/db.ts";
import { migrate } from "../../src/inventory/migrate.ts";
import { type EntraStandIn, startEntraStandIn } from "../../src/sandbox/entra.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { startRoleMapperStandIn } from "../../src/sandbox/role-mapper.ts";
import { ADMIN_AUDIENCE, ADMIN_ISSUER_PATH } from "../../src/sandbox/tokens.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";

let sandbox: TestSandbox;
let entra: EntraStandIn;
const closing: (() => void)[] = [];

beforeAll(async () => {
  [sandbox, entra] = await Promise.all([startTestSandbox(), startEntraStandIn()]);
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
  entra.permit(true);
});
afterAll(() => Promise.all([sandbox?.stop(), entra?.stop()]));

/** What it finds in the sandbox's settings with some changed, by check. */
async function found(more: Record<string, string> = {}): Promise<Record<string, Finding[]>> {
  const findings = await diagnose({ ...sandboxEnvironment(sandbox), ...more });
  const byCheck: Record<string, Finding[]> = {};
  for (const finding of findings)
    byCheck[finding.check] = [...(byCheck[finding.check] ?? []), finding];
  return byCheck;
}
const texts = (findings: readonly Finding[] | undefined) => (findings ?? []).map(findingText);

const directory = (more: Record<string, string> = {}) => ({
  AZURE_TENANT_ID: entra.tenantId,
  AZURE_CLIENT_ID: entra.clientId,
  AZURE_CLIENT_SECRET: entra.clientSecret,
  AZURE_AUTHORITY_HOST: entra.url,
  GRAPH_URL: entra.url,
  ...more,
});

/** A server that answers one thing; its clock may be off by so many seconds. */
async function serve(body: (url: string) => unknown, secondsOff = 0): Promise<string> {
  const server = createServer((_, response) => {
    response.setHeader("date", new Date(Date.now() + secondsOff * 1000).toUTCString());
    response.end(JSON.stringify(body(url)));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return url;
}

describe("the doctor", () => {
  it("says that the inventory is not migrated, and leaves it so", async () => {
    for (let again = 0; again < 2; again += 1)
      expect(texts((await found()).database)).toEqual([
        expect.stringMatching(/^ok {4}database {3}PostgreSQL \d/),
        expect.stringMatching(/^warn.*lacks 20261124000000_inventory.*\n.*db migrate/s),
      ]);
  });

  it("finds nothing wrong with what is right", async () => {
    await migrate(sandbox.databaseUrl);
    const all = await found({
      ...directory(),
      ADMIN_OIDC_ISSUER: `${sandbox.url}${ADMIN_ISSUER_PATH}`,
      ADMIN_AUDIENCE,
      JWT_ISSUER: `${sandbox.url}${ADMIN_ISSUER_PATH},portcullis-sandbox`,
    });
    expect(Object.keys(all)).toEqual([
      ...["settings", "database", "hasura", "keys", "issuer", "admin", "directory"],
      ...["mirror", "clocks"],
    ]);
    const findings = Object.values(all).flat();
    expect(findings.filter(({ status }) => status !== "ok")).toEqual([]);
    const told = findings.map(({ message }) => message).join("\n");
    expect(told).toMatch(/v2\.\d+\.\d+ answers/);
    expect(told).toContain("good for RS256");
    expect(told).toContain("agree with the identity provider, Hasura, PostgreSQL");
  });

  it("lists what is wrong with the settings, and what is unwise", async () => {
    const wrong = await found({ JWT_AUDIENCE: "", GROUP_MATCH: "bound" });
    expect(Object.keys(wrong)).toEqual(["settings"]);
    expect(wrong.settings).toContainEqual({
      check: "settings",
      status: "fail",
      message: "JWT_AUDIENCE is missing",
    });
    const [weak] = (await found({ JWT_OPTIONS: '{"verify_exp": false}' })).settings ?? [];
    expect(weak).toMatchObject({ status: "warn", remedy: "remove it" });
    expect(weak?.message).toContain("verify_exp");
  });

  it("says who does not answer, without any secret", async () => {
    const all = await found({
      DATABASE_URL: "postgresql://portcullis:canary-password@127.0.0.1:1/x",
      HASURA_URL: "http://127.0.0.1:1",
      HASURA_ADMIN_SECRET: "canary-secret",
      JWKS_URL: "http://127.0.0.1:1/keys",
      JWT_ISSUER: "http://127.0.0.1:1/",
      ADMIN_OIDC_ISSUER: "http://127.0.0.1:1",
      ADMIN_AUDIENCE,
      ...directory({ GRAPH_URL: "http://127.0.0.1:1" }),
    });
    for (const check of ["database", "hasura", "keys", "admin", "directory"])
      expect([check, all[check]?.map(({ status }) => status)]).toEqual([check, ["fail"]]);
    for (const check of ["issuer", "clocks"]) expect(all[check]?.[0]?.status).toBe("warn");
    expect(JSON.stringify(all)).toContain("ECONNREFUSED");
    expect(JSON.stringify(all)).not.toContain("canary");
  });

  it("asks an older role mapper that is kept up to date, and whether it is", async () => {
    const older = await startRoleMapperStandIn();
    closing.push(() => void older.stop());
    const mirror = (ROLE_MAPPER_URL: string) =>
      found({ ROLE_MAPPER_MIRROR: "true", ROLE_MAPPER_URL }).then((all) => texts(all.mirror));
    expect(await mirror(older.url)).toEqual(["ok    mirror     the older role mapper answers"]);
    const [elsewhere] = await mirror(await serve(() => ({})));
    expect(elsewhere).toMatch(/^fail.*answers 200.*\n.*ROLE_MAPPER_URL/s);
    const db = openDb(sandbox.databaseUrl, { poolSize: 1 });
    await db.hasura.create({ data: { id: "mirrored", url: "http://127.0.0.1:1" } });
    const port = { name: "p", domain: "d", dataProductId: "dp", dataProductName: "dp", role: "r" };
    const { id } = await db.outputPort.create({
      data: {
        ...port,
        hasuraId: "mirrored",
        environment: "e",
        componentKey: "urn:behind",
        componentId: "urn:behind",
      },
    });
    const state = {
      type: "MIRRORED" as const,
      status: "FALSE" as const,
      reason: "r",
      message: "m",
    };
    await db.condition.create({ data: { portId: id, ...state } });
    await db.$disconnect();
    expect((await mirror(older.url)).join("\n")).toMatch(/^warn.*holds of urn:behind/m);
    await older.stop();
    // Whether a kept connection is what fails, or a new one, is chance.
    expect((await mirror(older.url))[0]).toMatch(/^fail.*(ECONNREFUSED|ECONNRESET|closed)/);
  });

  it("tells a wrong secret of Hasura's, one that is too old, and inconsistent metadata", async () => {
    const [refused] = (await found({ HASURA_ADMIN_SECRET: "not-the-secret" })).hasura ?? [];
    expect(refused?.message).toContain("HASURA_ADMIN_SECRET");
    const HASURA_URL = await serve(() => ({ version: "v2.23.0" }));
    const [old] = (await found({ HASURA_URL })).hasura ?? [];
    expect(old).toMatchObject({ status: "fail", message: expect.stringContaining("2.24") });
    const lying = await serve(() => ({
      version: "v2.45.1",
      is_consistent: false,
      inconsistent_objects: [{ type: "source", name: "source x", reason: "away", definition: "x" }],
      resource_version: 7,
      metadata: {},
    }));
    expect((await found({ HASURA_URL: lying })).hasura?.map(({ status }) => status)).toEqual([
      "ok",
      "warn",
    ]);
  });

  it("compares the keys with the algorithms, and the issuer's keys with ours", async () => {
    expect((await found({ JWT_ALGORITHMS: "ES256" })).keys).toEqual([
      expect.objectContaining({ status: "fail", message: expect.stringContaining("ES256") }),
    ]);
    const JWKS_URL = await serve(() => ({ keys: [{ kty: "RSA", kid: "a-stranger's" }] }));
    const JWT_ISSUER = `${sandbox.url}${ADMIN_ISSUER_PATH}`;
    const [issuer] = (await found({ JWKS_URL, JWT_ISSUER })).issuer ?? [];
    expect(issuer).toMatchObject({
      status: "warn",
      remedy: expect.stringContaining(`JWKS_URL=${sandbox.jwksUrl}`),
    });
    const other = await serve((url) => ({ issuer: `${url}/other`, jwks_uri: `${url}/keys` }));
    expect((await found({ JWT_ISSUER: other })).issuer?.[0]?.message).toContain("another issuer");
    const admins = { ADMIN_OIDC_ISSUER: other, ADMIN_AUDIENCE };
    expect((await found(admins)).admin?.[0]?.status).toBe("fail");
  });

  it("tells what is wrong with the directory's application", async () => {
    const wrong = await found(directory({ AZURE_CLIENT_SECRET: "not-the-secret" }));
    expect(wrong.directory?.[0]?.message).toContain("AADSTS7000215");
    entra.permit(false);
    expect((await found(directory())).directory?.[0]?.message).toContain("GroupMember.Read.All");
    expect((await found()).directory?.[0]).toMatchObject({ status: "ok" });
  });

  it("names groups that are granted and bound to nothing", async () => {
    const db = openDb(sandbox.databaseUrl, { poolSize: 1 });
    try {
      await db.hasura.create({ data: { id: "default", url: "http://hasura.test" } });
      const port = await db.outputPort.create({
        data: {
          hasuraId: "default",
          environment: "default",
          componentKey: "urn:dmb:cmp:x",
          componentId: "urn:dmb:cmp:x",
          ...{ name: "x", domain: "d", dataProductId: "dp", dataProductName: "dp", role: "r" },
        },
      });
      const grant = { hasuraId: "default", environment: "default", portId: port.id };
      for (const subject of ["group:nurses", "user:ann_example.com"])
        await db.grant.create({ data: { ...grant, subject, class: "ACL", actor: "test" } });
      const [, unbound] = (await found(directory())).database ?? [];
      expect(unbound).toMatchObject({
        status: "warn",
        message: expect.stringMatching(/1 .*nurses/),
      });
      const binding = { subject: "group:nurses", objectId: "x", name: "Nurses", actor: "test" };
      await db.groupBinding.create({ data: binding });
      expect((await found(directory())).database).toHaveLength(1);
    } finally {
      await db.$disconnect();
    }
  });

  it.each([
    [-600, "fail", "ahead of"],
    [20, "warn", "behind"],
  ])("compares the clocks: one that is off by %i s", async (seconds, status, text) => {
    const JWKS_URL = await serve(() => ({ keys: [] }), seconds);
    const { clocks = [] } = await found({ JWKS_URL });
    expect(clocks).toEqual([
      expect.objectContaining({ status, message: expect.stringContaining(text) }),
    ]);
    expect(clocks[0]?.message).toContain(`${Math.abs(seconds)} s`);
  });
});
