import { describe, expect, it } from "vitest";
import type { SourceSettings } from "../../../src/sources/kind.ts";
import { exactSource } from "../../../src/sources/kind.ts";
import { kindOf, startSources } from "../../../src/sources/sources.ts";

const SETTINGS: SourceSettings = {
  snowflake: { host: "acme.snowflakecomputing.com", user: "u", password: "p", role: "R" },
  credentials: "env",
  references: { snowflakeUser: "U", snowflakePassword: "P" },
};

const SOURCE = {
  componentId: "cmp:snowflake",
  kind: "snowflake" as const,
  database: "D",
  schema: "S",
  relation: "V",
};

describe("sourceKey", () => {
  const key = (changes: object = {}, product: object = {}, account: object = {}) =>
    kindOf(SOURCE).sourceKey(
      { ...SOURCE, ...changes },
      { id: "urn:dmb:dp:a:b:0", major: "0", ...product },
      {
        ...SETTINGS,
        snowflake: { host: "acme.snowflakecomputing.com", user: "u", password: "p", ...account },
      },
    );

  it("is shared by ports of one product version, database and account, whatever their schema and view", () => {
    expect(key({ schema: "OTHER", relation: "OTHER", componentId: "x" })).toBe(key());
    expect(key({}, { id: "URN:DMB:DP:A:B:0" })).toBe(key());
    expect(key({}, {}, { password: "rotated", role: "OTHER" })).toBe(key());
    expect(key({}, {}, { host: "https://ACME.snowflakecomputing.com" })).toBe(key());
  });

  it("differs by product, major version, database and account", () => {
    const keys = [
      key(),
      key({ database: "d" }),
      key({}, { id: "urn:dmb:dp:a:c:0" }),
      key({}, { major: "1" }),
      key({}, {}, { host: "other.snowflakecomputing.com" }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("exactSource", () => {
  it("takes the identifiers that inspection found", () => {
    const relation = { path: ["DB", "SC", "VW"], columns: [], warnings: [] };
    expect(exactSource(SOURCE, relation)).toEqual({
      ...SOURCE,
      database: "DB",
      schema: "SC",
      relation: "VW",
    });
    expect(kindOf(SOURCE).tablePath(relation)).toEqual(["DB", "SC", "VW"]);
  });
});

describe("startSources", () => {
  it("opens nothing before it is asked, and stops what was never opened", async () => {
    const sources = startSources({ ...SETTINGS, snowflake: null });
    await expect(sources.inspect(SOURCE)).rejects.toMatchObject({ code: "CONFIGURATION" });
    await sources.stop();
    await sources.stop();
  });
});
