import { describe, expect, it } from "vitest";
import { readSnowflakePort } from "../../../src/sources/snowflake-descriptor.ts";

const PRODUCT = { domain: "healthcare", name: "Vaccinations", major: "0" };
const ID = "urn:dmb:cmp:healthcare:vaccinations:0:snowflake-output-port";
const PATH = `dataProduct.components.${ID}`;

function read(specific: unknown, product = PRODUCT) {
  const record = { id: ID, kind: "outputport", ...(specific === undefined ? {} : { specific }) };
  return readSnowflakePort(
    { id: ID, path: PATH, record, technology: "Snowflake", platform: "Snowflake" },
    product,
  );
}

function place(specific: unknown, product = PRODUCT) {
  const reading = read(specific, product);
  if (!reading.ok) return reading.problems.map(({ path }) => path.slice(PATH.length + 1));
  const { database, schema, relation } = reading.source;
  return [database, schema, relation];
}

describe("readSnowflakePort", () => {
  it("reads what the component says, exactly as it is spelt", () => {
    expect(
      read({
        viewName: "vaccinations_clean_view",
        tableName: "vaccinations_clean",
        database: "HEALTHCARE",
        schema: "VACCINATIONS_0",
      }),
    ).toEqual({
      ok: true,
      source: {
        componentId: ID,
        kind: "snowflake",
        database: "HEALTHCARE",
        schema: "VACCINATIONS_0",
        relation: "vaccinations_clean_view",
      },
    });
  });

  it.each([
    ["database from the domain", { viewName: "V", schema: "S" }, ["HEALTHCARE", "S", "V"]],
    [
      "schema from name and version",
      { viewName: "V", database: "D" },
      ["D", "VACCINATIONS_0", "V"],
    ],
    [
      "both, for null and blank",
      { viewName: "V", database: null, schema: " " },
      ["HEALTHCARE", "VACCINATIONS_0", "V"],
    ],
  ])("defaults the %s", (_what, specific, expected) => {
    expect(place(specific)).toEqual(expected);
  });

  it("drops spaces and keeps hyphens in the default schema, and keeps both in the default database", () => {
    const product = { domain: "public health", name: "Vacc Data-EU", major: "12" };
    expect(place({ viewName: "V" }, product)).toEqual(["PUBLIC HEALTH", "VACCDATA-EU_12", "V"]);
  });

  it("refuses a default that is no identifier, and asks for the value", () => {
    const product = { domain: "Santé", name: "Vaccinations (EU)", major: "0" };
    expect(place({ viewName: "V" }, product)).toEqual(["specific.database", "specific.schema"]);
  });

  it.each([
    [
      "a plain name in upper case, as Snowflake folds it",
      "CREATE VIEW db.s.v AS SELECT 1",
      ["DB", "S", "V"],
    ],
    [
      "quoted parts as they stand",
      'create or replace view if not exists "db"."My Schema".v as select 1',
      ["db", "My Schema", "V"],
    ],
    [
      "other words of CREATE VIEW",
      "CREATE OR REPLACE SECURE RECURSIVE VIEW A.B.C (X, Y) AS SELECT 1",
      ["A", "B", "C"],
    ],
    [
      "a materialized view",
      "CREATE MATERIALIZED VIEW IF NOT EXISTS A.B.C AS SELECT 1",
      ["A", "B", "C"],
    ],
    [
      "line breaks, comments and spaces around dots",
      "-- by the team\n/* v2 */ CREATE VIEW\n A . B . C\nAS SELECT 1",
      ["A", "B", "C"],
    ],
  ])("takes all three names from customView: %s", (_what, customView, expected) => {
    expect(place({ viewName: "OTHER", database: "D", schema: "S", customView })).toEqual(expected);
    expect(place({ customView })).toEqual(expected);
  });

  it.each([
    ["of one part", "CREATE VIEW v AS SELECT 1"],
    ["of two parts", "CREATE VIEW s.v AS SELECT 1"],
    ["of four parts", "CREATE VIEW a.b.c.d AS SELECT 1"],
    ["that never ends", 'CREATE VIEW a."b.c AS SELECT 1'],
    ["of something that is no view", "CREATE TABLE a.b.c AS SELECT 1"],
    ["that is blank", "  "],
  ])("leaves the other fields in force beside a customView %s", (_what, customView) => {
    expect(place({ viewName: "V", database: "D", schema: "S", customView })).toEqual([
      "D",
      "S",
      "V",
    ]);
  });

  it.each([
    ["another parameter", "X&role=ACCOUNTADMIN"],
    ["its encoded form", "X%26role=ACCOUNTADMIN"],
    ["a double quote", 'X"'],
    ["a single quote", "X'"],
    ["a semicolon", "X;Y"],
    ["a template", "{{getEnvironmentVariable(X)}}"],
    ["a backslash", "X\\Y"],
    ["a line break", "X\nY"],
    ["a line break at the end", "X\n"],
    ["a zero byte", "X\u0000"],
    ["a dot", "A.B"],
    ["a fragment", "X#Y"],
    ["a letter beyond ASCII", "SANTÉ"],
    ["a leading digit", "1X"],
    ["a leading hyphen", "-X"],
    ["a space at the end", "X "],
    ["too many characters", "X".repeat(256)],
  ])("refuses %s in each of database, schema and viewName", (_what, value) => {
    expect(place({ database: value, schema: value, viewName: value })).toEqual([
      "specific.database",
      "specific.schema",
      "specific.viewName",
    ]);
  });

  it.each(["X", "_", "x$1", "A-B", "A B", "A_b 9-$", "X".repeat(255)])("accepts %j", (value) => {
    expect(place({ database: value, schema: value, viewName: value })).toEqual([
      value,
      value,
      value,
    ]);
  });

  it.each([true, 17])("reads the scalar %j as the text it was written as", (value) => {
    const names = place({ database: "D", schema: "S", viewName: value });
    expect(names).toEqual(value === true ? ["D", "S", "true"] : ["specific.viewName"]);
  });

  it.each([[["V"]], [{ name: "V" }]])("refuses %j, which is no text", (viewName) => {
    expect(place({ viewName })).toEqual(["specific.viewName"]);
  });

  it("offers the name without the spaces around it", () => {
    const reading = read({ viewName: " V " });
    expect(reading.ok ? [] : reading.problems).toMatchObject([{ suggestion: "V" }]);
  });

  it("checks what customView overrides, and what it names", () => {
    const customView = 'CREATE VIEW "D&role=ACCOUNTADMIN".S.V AS SELECT 1';
    expect(place({ database: "X;", viewName: "V", customView })).toEqual([
      "specific.customView",
      "specific.database",
    ]);
    expect(place({ viewName: "V", customView: 7 })).toEqual(["specific.customView"]);
  });

  it("says that viewName is missing", () => {
    const reading = read({});
    expect(reading.ok ? [] : reading.problems).toMatchObject([
      { path: `${PATH}.specific.viewName`, message: expect.stringContaining("missing") },
    ]);
  });

  it.each([[undefined], [null], ["text"], [["list"]]])(
    "refuses %j in place of specific",
    (specific) => {
      expect(place(specific)).toEqual(["specific"]);
    },
  );

  it("does not take an inherited member for a field", () => {
    expect(place(Object.create({ viewName: "V" }))).toEqual(["specific.viewName"]);
  });

  it("cuts and escapes what it quotes of a wrong value", () => {
    const reading = read({ viewName: `\u0007${"x".repeat(5_000)}` });
    const message = reading.ok ? "" : (reading.problems[0]?.message ?? "");
    expect(message.length).toBeLessThan(200);
    expect(message).not.toContain("\u0007");
  });
});
