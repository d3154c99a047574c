import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { renderTemplate } from "../../../src/sandbox/hasura/template.ts";
import type { SourceSettings } from "../../../src/sources/kind.ts";
import {
  privateKeyPem,
  snowflakeConfiguration,
} from "../../../src/sources/snowflake-connection.ts";

const PEM = "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----";

function settings(
  account: Partial<NonNullable<SourceSettings["snowflake"]>> = {},
  rest: Partial<SourceSettings> = {},
): SourceSettings {
  return {
    snowflake: {
      host: "acme.snowflakecomputing.com",
      user: "HASURA_SVC",
      password: "p&ss {w} #1%+",
      role: "READER",
      warehouse: "WH",
      ...account,
    },
    credentials: "env",
    references: {
      snowflakeUser: "SNOWFLAKE_USER",
      snowflakePassword: "SNOWFLAKE_PASSWORD",
      snowflakePrivateKey: "SNOWFLAKE_PRIVATE_KEY",
    },
    ...rest,
  };
}

const FILES = {
  snowflakeUser: "/secrets/snowflake-user",
  snowflakePassword: "/secrets/snowflake-password",
  snowflakePrivateKey: "/secrets/snowflake-key",
};

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return "nothing was thrown";
}

describe("snowflakeConfiguration", () => {
  it("refers to Hasura's variables with env, and holds no credential", () => {
    expect(snowflakeConfiguration({ database: "HEALTHCARE" }, settings())).toEqual({
      value: {},
      template:
        '{"fully_qualify_all_names": true, "jdbc_url": "jdbc:snowflake://acme.snowflakecomputing.com/' +
        '?user={{getEnvironmentVariable("SNOWFLAKE_USER")}}' +
        '&password={{getEnvironmentVariable("SNOWFLAKE_PASSWORD")}}' +
        '&warehouse=WH&role=READER&db=HEALTHCARE"}',
      timeout: null,
    });
  });

  it("refers to Hasura's files with file", () => {
    expect(
      snowflakeConfiguration(
        { database: "HEALTHCARE" },
        settings({}, { credentials: "file", references: FILES }),
      ),
    ).toEqual({
      value: {},
      template:
        '{"fully_qualify_all_names": true, "jdbc_url": "jdbc:snowflake://acme.snowflakecomputing.com/' +
        "?user={{$vars['snowflake_user']}}&password={{$vars['snowflake_password']}}" +
        '&warehouse=WH&role=READER&db=HEALTHCARE"}',
      timeout: null,
      template_variables: {
        snowflake_user: { type: "dynamic_from_file", filepath: "/secrets/snowflake-user" },
        snowflake_password: { type: "dynamic_from_file", filepath: "/secrets/snowflake-password" },
      },
    });
  });

  it.each(["env", "file"] as const)(
    "is a template that renders to JSON, with %s",
    async (credentials) => {
      const references = credentials === "file" ? FILES : settings().references;
      const { template } = snowflakeConfiguration(
        { database: "D" },
        settings({ role: undefined, warehouse: undefined }, { credentials, references }),
      );
      const rendered = await renderTemplate(template ?? "", {
        env: (name) => `env-${name}`,
        variable: async (name) => `file-${name}`,
        config: {},
      });
      const at =
        credentials === "env"
          ? ["env-SNOWFLAKE_USER", "env-SNOWFLAKE_PASSWORD"]
          : ["file-snowflake_user", "file-snowflake_password"];
      expect(rendered).toEqual({
        fully_qualify_all_names: true,
        jdbc_url: `jdbc:snowflake://acme.snowflakecomputing.com/?user=${at[0]}&password=${at[1]}&db=D`,
      });
    },
  );

  it("writes an encoded URL with inline", () => {
    expect(
      snowflakeConfiguration({ database: "My Db" }, settings({}, { credentials: "inline" })),
    ).toEqual({
      value: {
        fully_qualify_all_names: true,
        jdbc_url:
          "jdbc:snowflake://acme.snowflakecomputing.com/?user=HASURA_SVC" +
          "&password=p%26ss%20%7Bw%7D%20%231%25%2B&warehouse=WH&role=READER&db=%22My%20Db%22",
      },
      template: null,
      timeout: null,
    });
  });

  it.each(["env", "file", "inline"] as const)("prefers a key pair, with %s", (credentials) => {
    const references = credentials === "file" ? FILES : settings().references;
    const text = JSON.stringify(
      snowflakeConfiguration(
        { database: "D" },
        settings({ privateKey: PEM }, { credentials, references }),
      ),
    );
    expect(text).toContain("private_key_base64=");
    expect(text).not.toContain("password");
  });

  it("encodes the whole PEM as base64 for inline", () => {
    const { value } = snowflakeConfiguration(
      { database: "D" },
      settings({ privateKey: PEM }, { credentials: "inline" }),
    );
    const encoded = /private_key_base64=([^&]*)/.exec(value.jdbc_url ?? "")?.[1] ?? "";
    expect(encoded).not.toMatch(/[+/=]/);
    expect(Buffer.from(decodeURIComponent(encoded), "base64").toString()).toBe(`${PEM}\n`);
  });

  it("leaves out what is not configured, and speaks plainly only to loopback", () => {
    const account = { host: "http://127.0.0.1:4321", role: undefined, warehouse: undefined };
    const { value } = snowflakeConfiguration(
      { database: "D" },
      settings({ ...account, password: "p" }, { credentials: "inline" }),
    );
    expect(value.jdbc_url).toBe(
      "jdbc:snowflake://127.0.0.1:4321/?user=HASURA_SVC&password=p&db=D&ssl=off",
    );
  });

  it.each([
    "http://acme.snowflakecomputing.com",
    "http://127.0.0.1.evil.example",
    "ftp://127.0.0.1",
    "acme.snowflakecomputing.com/path",
    "acme.snowflakecomputing.com?x=y",
    "me@acme.snowflakecomputing.com",
    "acme com",
    "",
  ])("refuses SNOWFLAKE_HOST %j", (host) => {
    expect(codeOf(() => snowflakeConfiguration({ database: "D" }, settings({ host })))).toBe(
      "CONFIGURATION",
    );
  });

  it("says which reference cannot be used", () => {
    const references = { ...FILES, snowflakePassword: 'X")}}' };
    for (const credentials of ["env", "file"] as const)
      expect(() =>
        snowflakeConfiguration({ database: "D" }, settings({}, { credentials, references })),
      ).toThrow(/sources\.references\.password/);
  });

  it("wants a reference to the private key when one is configured", () => {
    const references = { snowflakeUser: "U", snowflakePassword: "P" };
    expect(() =>
      snowflakeConfiguration({ database: "D" }, settings({ privateKey: PEM }, { references })),
    ).toThrow(/private_key_base64/);
  });

  it("wants an account with credentials", () => {
    expect(
      codeOf(() => snowflakeConfiguration({ database: "D" }, settings({}, { snowflake: null }))),
    ).toBe("CONFIGURATION");
    expect(
      codeOf(() => snowflakeConfiguration({ database: "D" }, settings({ password: undefined }))),
    ).toBe("CONFIGURATION");
  });

  it("refuses a database's name that no reading would have let through", () => {
    expect(
      codeOf(() => snowflakeConfiguration({ database: "X&role=ACCOUNTADMIN" }, settings())),
    ).toBe("SOURCE_REFUSED");
  });
});

describe("privateKeyPem", () => {
  it("takes PEM and the base64 form of it, and nothing else", () => {
    expect(privateKeyPem(`${PEM}\n`)).toBe(PEM);
    expect(privateKeyPem(Buffer.from(PEM).toString("base64"))).toBe(PEM);
    expect(codeOf(() => privateKeyPem("not a key"))).toBe("CONFIGURATION");
  });
});
