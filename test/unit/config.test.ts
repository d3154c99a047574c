import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig, readSandboxSettings } from "../../src/config.ts";
import { AppError } from "../../src/errors.ts";
import { PRODUCTION } from "../support/settings.ts";

const TENANT = "11111111-2222-3333-4444-555555555555";

const REAL = ["DATABASE_URL", "HASURA_URL", "JWKS_URL", "SNOWFLAKE_HOST"] as const;

function faults(run: () => unknown): Record<string, string> {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError && error.code === "CONFIGURATION")
      return Object.fromEntries(error.problems.map(({ path, message }) => [path, message]));
    throw error;
  }
  return {};
}

describe("the configuration", () => {
  it("has defaults that work for everything but the four real things and their credentials", () => {
    const config = readConfig(PRODUCTION);
    expect(config).toMatchObject({
      addresses: {
        rest: { host: "127.0.0.1", port: 8091 },
        webhook: { host: "127.0.0.1", port: 8091 },
        admin: { host: "127.0.0.1", port: 8091 },
      },
      hasura: { url: "https://hasura.example.com", timeoutMs: 30_000 },
      operationWaitMs: 2000,
      aggregates: "off",
      access: { algorithms: ["RS256"], headerNames: ["authorization"], maxStalenessMs: 5000 },
    });
  });

  it("names every wrong setting at once", () => {
    const wrong = {
      PORT: "ninety",
      HASURA_URL: "hasura",
      FACES: "rest,console",
      LOG_LEVEL: "loud",
    };
    expect(Object.keys(faults(() => readConfig({ ...PRODUCTION, ...wrong }))).sort()).toEqual(
      Object.keys(wrong).sort(),
    );
  });

  it("names every missing setting at once", () => {
    expect(faults(() => readConfig({}))).toMatchObject({
      DATABASE_URL: "is missing",
      HASURA_ADMIN_SECRET: "is missing",
      SNOWFLAKE_USER: "is missing",
      JWT_AUDIENCE: "is missing",
    });
  });

  it.each(['["RS256","ES256"]', "RS256,ES256", " RS256 , ES256 "])(
    "reads lists as the older services spelt them, or plain: %s",
    (JWT_ALGORITHMS) => {
      const { access } = readConfig({ ...PRODUCTION, JWT_ALGORITHMS });
      expect(access.algorithms).toEqual(["RS256", "ES256"]);
    },
  );

  it.each(["none", "HS256"])("refuses the algorithm %s", (JWT_ALGORITHMS) => {
    expect(faults(() => readConfig({ ...PRODUCTION, JWT_ALGORITHMS }))).toHaveProperty(
      "JWT_ALGORITHMS",
    );
  });

  it("takes both of Entra's issuers from the tenant, and refuses to check none", () => {
    const { JWT_ISSUER: _, ...rest } = PRODUCTION;
    expect(faults(() => readConfig(rest))).toHaveProperty("JWT_ISSUER");
    const ofTenant = { ...rest, AZURE_TENANT_ID: TENANT };
    expect(readConfig(ofTenant).access.issuers).toEqual([
      `https://sts.windows.net/${TENANT}/`,
      `https://login.microsoftonline.com/${TENANT}/v2.0`,
    ]);
    const elsewhere = { AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us" };
    for (const more of [elsewhere, { AZURE_TENANT_ID: "contoso.onmicrosoft.com" }]) {
      expect(faults(() => readConfig({ ...ofTenant, ...more }))).toHaveProperty("JWT_ISSUER");
      expect(faults(() => readConfig({ ...PRODUCTION, ...ofTenant, ...more }))).toEqual({});
    }
  });

  it.each(["common", "organizations", "consumers", "Common"])(
    "takes no name that stands for every tenant: %s",
    (AZURE_TENANT_ID) => {
      expect(faults(() => readConfig({ ...PRODUCTION, AZURE_TENANT_ID }))).toHaveProperty(
        "AZURE_TENANT_ID",
      );
    },
  );

  it("reads a setting from the file that NAME_FILE names, and not from both", () => {
    const file = join(mkdtempSync(join(tmpdir(), "portcullis-config-")), "secret");
    writeFileSync(file, "from-the-file\n");
    const { HASURA_ADMIN_SECRET: _, ...rest } = PRODUCTION;
    const fromFile = { ...rest, HASURA_ADMIN_SECRET_FILE: file };
    expect(readConfig(fromFile).hasura.adminSecret).toBe("from-the-file");
    expect(faults(() => readConfig({ ...PRODUCTION, ...fromFile }))).toHaveProperty(
      "HASURA_ADMIN_SECRET",
    );
    const missing = { ...rest, HASURA_ADMIN_SECRET_FILE: `${file}.not` };
    expect(faults(() => readConfig(missing))).toHaveProperty("HASURA_ADMIN_SECRET_FILE");
  });

  it("counts an empty value as unset", () => {
    expect(readConfig({ ...PRODUCTION, PORT: "", BASE_PATH: "" }).addresses.rest.port).toBe(8091);
  });

  it("never puts a value into what it complains of", () => {
    const wrong = {
      ...PRODUCTION,
      DATABASE_URL: "mysql://root:hunter2@db/x",
      WITBOOST_TOKEN: "short-canary",
    };
    expect(() => readConfig(wrong)).toThrow(/DATABASE_URL/);
    expect(() => readConfig(wrong)).not.toThrow(/hunter2|short-canary/);
  });

  it("refuses faces that share a port, and an open REST face, where others can reach them", () => {
    const open = { ...PRODUCTION, HOST: "0.0.0.0" };
    expect(Object.keys(faults(() => readConfig(open))).sort()).toEqual([
      "WEBHOOK_PORT",
      "WITBOOST_TOKEN",
    ]);
    const apart = { ...open, WEBHOOK_PORT: "8092", ADMIN_PORT: "8093", REST_OPEN: "true" };
    expect(faults(() => readConfig(apart))).toEqual({});
    expect(readConfig(apart).addresses).toMatchObject({
      rest: { host: "0.0.0.0" },
      webhook: { host: "0.0.0.0" },
      admin: { host: "127.0.0.1" },
    });
    const shared = { ...apart, ADMIN_PORT: "8092" };
    expect(faults(() => readConfig(shared))).toHaveProperty("WEBHOOK_PORT");
    const worker = { ...open, FACES: "webhook,worker" };
    expect(faults(() => readConfig(worker))).toEqual({});
    expect(readConfig({ ...open, FACES: "admin" }).addresses.admin.host).toBe("127.0.0.1");
  });

  it.each(["JWT_ISSUER", "JWT_AUDIENCE", "AUTHORIZATION_HEADER_FIELD_NAMES", "JWT_ALGORITHMS"])(
    "refuses an empty list for %s",
    (name) => {
      expect(faults(() => readConfig({ ...PRODUCTION, [name]: "[]" }))).toHaveProperty(name);
    },
  );

  it("asks for paths of the credentials that are used when Hasura reads them from files", () => {
    const files = { ...PRODUCTION, SOURCE_CREDENTIALS: "file" };
    expect(Object.keys(faults(() => readConfig(files)))).toEqual([
      "HASURA_SNOWFLAKE_USER",
      "HASURA_SNOWFLAKE_PASSWORD",
    ]);
    const key = {
      ...files,
      SNOWFLAKE_PRIVATE_KEY: "a-key",
      HASURA_SNOWFLAKE_USER: "/secrets/user",
    };
    expect(Object.keys(faults(() => readConfig(key)))).toEqual(["HASURA_SNOWFLAKE_PRIVATE_KEY"]);
  });
});

describe("the gate of the sandbox", () => {
  const subsets = Array.from({ length: 16 }, (_, bits) =>
    REAL.filter((_, index) => bits & (1 << index)),
  );

  it.each(subsets.map((names) => [names.join("+") || "none", names] as const))(
    "with %s of the real things set",
    (_label, names) => {
      const environment = Object.fromEntries(names.map((name) => [name, PRODUCTION[name]]));
      if (names.length === 0) expect(readSandboxSettings(environment).parts).toHaveLength(4);
      else if (names.length === REAL.length)
        expect(readSandboxSettings(environment).parts).toEqual([]);
      else
        expect(Object.keys(faults(() => readSandboxSettings(environment))).sort()).toEqual(
          REAL.filter((name) => !names.includes(name)).sort(),
        );
    },
  );

  it.each([
    "HASURA_ADMIN_SECRET",
    "SNOWFLAKE_USER",
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY",
    "SNOWFLAKE_ROLE",
    "SNOWFLAKE_WAREHOUSE",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "ROLE_MAPPER_URL",
    "WITBOOST_TOKEN",
    "PUBLIC_URL",
  ])("stays shut when %s alone is set", (name) => {
    expect(faults(() => readSandboxSettings({ [name]: "anything" }))).toHaveProperty(name);
  });

  it("stays shut in production mode and on an address that others can reach", () => {
    expect(faults(() => readSandboxSettings({ NODE_ENV: "production" }))).toHaveProperty(
      "NODE_ENV",
    );
    expect(faults(() => readSandboxSettings({ HOST: "0.0.0.0" }))).toHaveProperty("HOST");
  });

  it("starts the parts that SANDBOX lists beside real ones, and never both for one", () => {
    const real = { DATABASE_URL: "postgresql://db/x", SANDBOX: "hasura,tokens,snowflake" };
    expect(readSandboxSettings(real).parts).toEqual(["hasura", "tokens", "snowflake"]);
    const both = { ...real, SANDBOX: "postgres,hasura,tokens,snowflake" };
    expect(faults(() => readSandboxSettings(both))).toHaveProperty("SANDBOX");
    expect(faults(() => readSandboxSettings({ SANDBOX: "hasura" }))).toMatchObject({
      DATABASE_URL: "is missing",
      JWKS_URL: "is missing",
      SNOWFLAKE_HOST: "is missing",
    });
  });
});
