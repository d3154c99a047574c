import { describe, expect, it } from "vitest";
import { type Environment, readConfig } from "../../src/config.ts";
import { AppError } from "../../src/errors.ts";
import { PRODUCTION } from "../support/settings.ts";

const ENTRA = {
  AZURE_TENANT_ID: "11111111-2222-3333-4444-555555555555",
  AZURE_CLIENT_ID: "an-application",
  AZURE_CLIENT_SECRET: "its-secret",
};
const ADMIN = { ADMIN_OIDC_ISSUER: "https://login.example.com", ADMIN_AUDIENCE: "api://admins" };

const read = (more: Environment) => readConfig({ ...PRODUCTION, ...more });

/** What is wrong, by the setting it is said of. */
function faults(more: Environment): Record<string, string> {
  try {
    read(more);
    return {};
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "CONFIGURATION") throw error;
    return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]));
  }
}

const warned = (more: Environment) => read(more).warnings.map(({ path }) => path);

describe("the zones of trust", () => {
  it("let the admins' face leave this machine only with sign-in", () => {
    const open = {
      HOST: "0.0.0.0",
      WEBHOOK_PORT: "8092",
      ADMIN_PORT: "8093",
      WITBOOST_TOKEN: "a-token-of-witboost",
    };
    expect(read(open).addresses.admin).toEqual({ host: "127.0.0.1", port: 8093 });
    expect(read(open).admin).toBeNull();
    expect(read({ ...open, ...ADMIN }).addresses.admin).toEqual({ host: "0.0.0.0", port: 8093 });
    expect(read({ ...open, ...ADMIN }).admin).toEqual({
      issuer: "https://login.example.com",
      audience: "api://admins",
      rolesClaim: "roles",
      foreignAudiences: ["api://consumers"],
    });
    expect(read({ ...open, ...ADMIN }).access.foreignAudiences).toEqual(["api://admins"]);
  });

  it("ask for both halves of the sign-in", () => {
    const { ADMIN_OIDC_ISSUER, ADMIN_AUDIENCE } = ADMIN;
    expect(Object.keys(faults({ ADMIN_OIDC_ISSUER }))).toEqual(["ADMIN_AUDIENCE"]);
    expect(Object.keys(faults({ ADMIN_AUDIENCE }))).toEqual(["ADMIN_OIDC_ISSUER"]);
  });

  it("refuse a sign-in that consumers' tokens would pass", () => {
    const same = { ...ADMIN, ADMIN_AUDIENCE: "api://consumers" };
    expect(Object.keys(faults(same))).toEqual(["ADMIN_AUDIENCE"]);
    const slash = { ...same, ADMIN_OIDC_ISSUER: "https://login.example.com/" };
    expect(Object.keys(faults(slash))).toEqual(["ADMIN_AUDIENCE"]);
    const byTenant = {
      ...ENTRA,
      JWT_ISSUER: "",
      ADMIN_OIDC_ISSUER: `https://login.microsoftonline.com/${ENTRA.AZURE_TENANT_ID}/v2.0`,
      ADMIN_AUDIENCE: "api://consumers",
    };
    expect(Object.keys(faults(byTenant))).toEqual(["ADMIN_AUDIENCE"]);
    const elsewhere = { ...same, ADMIN_OIDC_ISSUER: "https://other.example.com" };
    expect(faults(elsewhere)).toEqual({});
    expect(read(elsewhere).access.foreignAudiences).toEqual([]);
  });

  it.each(["ADMIN_OIDC_ISSUER", "AZURE_AUTHORITY_HOST", "GRAPH_URL"])(
    "speak to %s in the clear on this machine only",
    (name) => {
      const rest = { ...ADMIN, ...ENTRA };
      for (const local of ["http://127.0.0.1:1234", "http://localhost/x", "http://[::1]:1"])
        expect(faults({ ...rest, [name]: local })).toEqual({});
      for (const url of [
        "http://login.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com/",
        "ftp://login.example.com",
        "login.example.com",
      ])
        expect(Object.keys(faults({ ...rest, [name]: url }))).toEqual([name]);
    },
  );

  it("take secrets that are long and different", () => {
    const token = "one-token-for-everything";
    expect(Object.keys(faults({ ROLE_MAPPER_TOKEN: "short" }))).toEqual(["ROLE_MAPPER_TOKEN"]);
    expect(Object.keys(faults({ WITBOOST_TOKEN: token, ROLE_MAPPER_TOKEN: token }))).toEqual([
      "ROLE_MAPPER_TOKEN",
    ]);
    expect(Object.keys(faults({ WITBOOST_TOKEN: "a-secret-of-hasura" }))).toEqual([
      "WITBOOST_TOKEN",
    ]);
    const apart = { WITBOOST_TOKEN: token, ROLE_MAPPER_TOKEN: `${token}-or-not` };
    expect(read(apart).roleMapperToken).toBe(apart.ROLE_MAPPER_TOKEN);
    expect(read(apart).secrets).toEqual(expect.arrayContaining(Object.values(apart)));
    expect(read({}).roleMapperToken).toBeNull();
  });

  it("tell everything that does not go together at once", () => {
    const wrong = {
      HOST: "0.0.0.0",
      JWT_ISSUER: "",
      ADMIN_AUDIENCE: "api://admins",
      GROUP_MATCH: "bound",
      IDENTITY_MAP: '{"ann": "ann"}',
    };
    expect(Object.keys(faults(wrong)).sort()).toEqual([
      "ADMIN_OIDC_ISSUER",
      "AZURE_CLIENT_ID",
      "AZURE_CLIENT_SECRET",
      "AZURE_TENANT_ID",
      "IDENTITY_MAP",
      "JWT_ISSUER",
      "WEBHOOK_PORT",
      "WITBOOST_TOKEN",
    ]);
  });
});

describe("groups", () => {
  it("are bound where the directory can be asked, else taken from the claim", () => {
    expect(read({}).access.groupMatch).toBe("claim");
    expect(read({}).directory).toBeNull();
    expect(read(ENTRA).access.groupMatch).toBe("bound");
    expect(read(ENTRA).directory).toEqual({
      tenantId: ENTRA.AZURE_TENANT_ID,
      clientId: "an-application",
      clientSecret: "its-secret",
      scopes: ["https://graph.microsoft.com/.default"],
      authorityUrl: "https://login.microsoftonline.com",
      graphUrl: "https://graph.microsoft.com",
    });
    expect(read({ ...ENTRA, GROUP_MATCH: "claim" }).directory).toBeNull();
    const us = { ...ENTRA, GRAPH_URL: "https://graph.microsoft.us/" };
    expect(read(us).directory?.scopes).toEqual(["https://graph.microsoft.us/.default"]);
    const scopes = { ...us, AZURE_SCOPES: '["api://x/.default"]' };
    expect(read(scopes).directory?.scopes).toEqual(["api://x/.default"]);
    expect(Object.keys(faults({ GROUP_MATCH: "names" }))).toEqual(["GROUP_MATCH"]);
  });

  it.each(["bound", "displayName"])(
    "need the directory's application with GROUP_MATCH=%s",
    (GROUP_MATCH) => {
      expect(Object.keys(faults({ GROUP_MATCH }))).toEqual(Object.keys(ENTRA));
      const { AZURE_CLIENT_SECRET: _, ...rest } = ENTRA;
      expect(Object.keys(faults({ ...rest, GROUP_MATCH }))).toEqual(["AZURE_CLIENT_SECRET"]);
    },
  );
});

describe("users that are set by hand", () => {
  it("are read in canonical form", () => {
    const IDENTITY_MAP = '{"Ann#EXT#@X.example": "user:default/Ann", "svc": "user:b"}';
    expect(read({ IDENTITY_MAP }).access.users).toEqual(
      new Map([
        ["ann#ext#@x.example", "user:ann"],
        ["svc", "user:b"],
      ]),
    );
  });

  it.each([
    "ann",
    "[]",
    '"ann"',
    '{"ann": 7}',
    '{"ann": "group:nurses"}',
    '{"ann": "bob"}',
    '{"ann": "user:"}',
    '{"": "user:ann"}',
    '{"ann": "user:ann", "ANN": "user:bob"}',
  ])("are refused when it is not plain whom they mean: %s", (IDENTITY_MAP) => {
    expect(Object.keys(faults({ IDENTITY_MAP }))).toEqual(["IDENTITY_MAP"]);
  });
});

describe("what is unwise", () => {
  it("is nothing by default", () => {
    expect(warned({})).toEqual([]);
    expect(warned({ ...ENTRA, ...ADMIN })).toEqual([]);
  });

  it.each([
    ["JWT_OPTIONS", '{"verify_exp": false}'],
    ["JWT_OPTIONS", '{"verify_signature": false, "verify_aud": true}'],
    ["JWT_AUDIENCE", "https://management.core.windows.net/"],
    ["JWT_AUDIENCE", "api://consumers,https://graph.microsoft.com"],
    ["JWKS_URL", "http://login.example.com/keys"],
    ["SOURCE_CREDENTIALS", "inline"],
  ])("is said: %s=%s", (name, value) => {
    expect(warned({ [name]: value })).toEqual([name]);
  });

  it("is said of group names without bindings, and of open routes", () => {
    expect(warned({ ...ENTRA, GROUP_MATCH: "displayName" })).toEqual(["GROUP_MATCH"]);
    const open = { HOST: "0.0.0.0", FACES: "rest", REST_OPEN: "true" };
    expect(warned(open)).toEqual(["REST_OPEN"]);
  });

  it("changes nothing: options of the older service's token library are not heard", () => {
    const JWT_OPTIONS = '{"verify_exp": false, "verify_aud": false, "verify_iss": false}';
    const { warnings: _, ...plain } = read({});
    const { warnings, ...weakened } = read({ JWT_OPTIONS });
    expect(weakened).toEqual(plain);
    expect(warnings[0]?.message).toContain("verify_exp, verify_aud, verify_iss");
    expect(warned({ JWT_OPTIONS: '{"verify_exp": true, "require": ["exp"]}' })).toEqual([]);
    for (const wrong of ["verify_exp=false", "[]", "{'verify_exp': False}"])
      expect(Object.keys(faults({ JWT_OPTIONS: wrong }))).toEqual(["JWT_OPTIONS"]);
  });
});
