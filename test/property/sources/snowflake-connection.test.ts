import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SourceSettings } from "../../../src/sources/kind.ts";
import { snowflakeConfiguration } from "../../../src/sources/snowflake-connection.ts";
import { readSnowflakePort } from "../../../src/sources/snowflake-descriptor.ts";

/**
 * Reads a URL as Snowflake's JDBC driver does: `java.net.URI` takes it apart, `&` and the first `=` separate, names know
 * no case, values are URL-decoded with `+` for a space; `ssl` and the rest are all in the one list.
 */
function parseJdbc(url: string): { authority: string; parameters: [string, string][] } {
  const [, authority = "", query = ""] =
    /^jdbc:snowflake:\/\/([^/?#]*)\/\?([^#]*)$/.exec(url) ?? [];
  const decode = (text: string) => decodeURIComponent(text.replaceAll("+", " "));
  const parameters = query.split("&").map((pair): [string, string] => {
    const parts = pair.split("=");
    expect(parts).toHaveLength(2);
    return [decode(parts[0] ?? "").toLowerCase(), decode(parts[1] ?? "")];
  });
  return { authority, parameters };
}

/** What Kriti makes of the template with these variables: JSON, in whose strings references stand for their values. */
function renderKriti(template: string, variables: Record<string, string>): unknown {
  return JSON.parse(
    template.replace(
      /\{\{(?:getEnvironmentVariable\("(\w+)"\)|\$vars\['(\w+)'\])\}\}/g,
      (_all, variable?: string, file?: string) => variables[variable ?? file ?? ""] ?? "?",
    ),
  );
}

/** Text that tries: parts of URLs, templates, SQL and JSON among whatever else. */
const hostile = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom("&", "=", "%", "%26", "#", "?", "/", "+", ";", '"', "'", "\\", "\n", "\0"),
        fc.constantFrom("{{", "}}", "{{$env['HOME']}}", "&role=ACCOUNTADMIN", "--", "$", "-", " "),
        fc.string({ unit: fc.constantFrom(..."ABCxyz_019".split("")), maxLength: 4 }),
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join("")),
);

const optional = fc.option(hostile, { nil: undefined });
const mostlySound = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_$ -]{0,20}$/) },
  { weight: 1, arbitrary: hostile },
);

const specifics = fc.record(
  {
    database: mostlySound,
    schema: mostlySound,
    viewName: mostlySound,
    customView: fc.oneof(
      hostile,
      fc
        .tuple(mostlySound, mostlySound, mostlySound)
        .map((parts) => `CREATE VIEW ${parts.map((part) => `"${part}"`).join(".")} AS SELECT 1`),
    ),
  },
  { requiredKeys: ["viewName"] },
);

const products = fc.record({ domain: mostlySound, name: mostlySound, major: fc.nat().map(String) });

const accounts = fc.record({
  host: fc.constantFrom("acme.snowflakecomputing.com", "http://127.0.0.1:8080"),
  user: hostile.filter((text) => text !== ""),
  password: hostile.filter((text) => text !== ""),
  role: optional,
  warehouse: optional,
});

describe("the JDBC URL of any descriptor that is accepted", () => {
  it.each(["env", "file", "inline"] as const)(
    "has exactly our parameters with exactly their values (%s)",
    (credentials) => {
      let accepted = 0;
      fc.assert(
        fc.property(specifics, products, accounts, (specific, product, account) => {
          const reading = readSnowflakePort(
            { id: "c", path: "c", record: { specific }, technology: "snowflake", platform: null },
            product,
          );
          if (!reading.ok) return;
          accepted += 1;
          const { database } = reading.source;
          const settings: SourceSettings = {
            snowflake: account,
            credentials,
            references:
              credentials === "file"
                ? { snowflakeUser: "/run/user", snowflakePassword: "/run/password" }
                : { snowflakeUser: "SF_USER", snowflakePassword: "SF_PASSWORD" },
          };
          const { value, template } = snowflakeConfiguration({ database }, settings);
          // References stand for values that are encoded where Hasura finds them.
          const given = { user: "U%26", password: "P%3D" };
          const configuration =
            template === null
              ? value
              : renderKriti(template, {
                  SF_USER: given.user,
                  SF_PASSWORD: given.password,
                  snowflake_user: given.user,
                  snowflake_password: given.password,
                });
          expect(configuration).toEqual({
            fully_qualify_all_names: true,
            jdbc_url: expect.any(String),
          });
          const { jdbc_url } = configuration as { jdbc_url: string };
          const { authority, parameters } = parseJdbc(jdbc_url);
          const isPlain = account.host.startsWith("http:");
          expect(authority).toBe(account.host.replace("http://", ""));
          const isFolded = /^[A-Z_][A-Z0-9_$]*$/.test(database);
          expect(parameters).toEqual([
            ["user", template === null ? account.user : "U&"],
            ["password", template === null ? account.password : "P="],
            ...(account.warehouse ? [["warehouse", account.warehouse]] : []),
            ...(account.role ? [["role", account.role]] : []),
            ["db", isFolded ? database : `"${database}"`],
            ...(isPlain ? [["ssl", "off"]] : []),
          ]);
        }),
        { numRuns: 500 },
      );
      expect(accepted).toBeGreaterThan(50);
    },
  );
});

describe("readSnowflakePort", () => {
  it("never lets a name through that SQL, a URL or a template would read as more than a name", () => {
    fc.assert(
      fc.property(specifics, products, (specific, product) => {
        const reading = readSnowflakePort(
          { id: "c", path: "c", record: { specific }, technology: "snowflake", platform: null },
          product,
        );
        if (!reading.ok) {
          expect(reading.problems.length).toBeGreaterThan(0);
          return;
        }
        const { database, schema, relation } = reading.source;
        for (const name of [database, schema, relation]) {
          expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_$ -]*$/);
          expect(name.length).toBeLessThanOrEqual(255);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
