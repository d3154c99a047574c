/** How a Snowflake source logs in, and which database it means. */
import { expect } from "vitest";
import { type Case, does, fails, metadata, sql, testCase } from "../case.ts";

const HOST = "jdbc:snowflake://sandbox.snowflakecomputing.com/";

function configuration(login: string, database: string, more = ""): Record<string, unknown> {
  return {
    value: {},
    template: `{"jdbc_url": "${HOST}?user=reader&${login}&warehouse=W&db=${database}${more}"}`,
    timeout: null,
  };
}

const PASSWORD = "password={{$env['SF_PASSWORD']}}";
const KEY = 'private_key_base64={{getEnvironmentVariable("SF_PRIVATE_KEY")}}';

function refused(login: string, database: string, message: string): ReturnType<typeof fails> {
  return fails(
    "snowflake_add_source",
    { name: "sf", configuration: configuration(login, database) },
    400,
    "invalid-configuration",
    "Inconsistent object: connection error",
    { internal: [expect.objectContaining({ type: "source", message })] },
  );
}

function added(login: string, database: string): ReturnType<typeof does> {
  return does("snowflake_add_source", {
    name: "sf",
    configuration: configuration(login, database),
  });
}

const DROPPED = does("snowflake_drop_source", { name: "sf" });
const THINGS = sql('CREATE TABLE "OTHER"."THINGS" ("ID" int)', "snowflake");
const TABLES = { type: "snowflake_get_source_tables", args: { source: "sf" } };

export const SNOWFLAKE_LOGIN: readonly Case[] = [
  testCase(
    "by key: the account's own, and no other",
    [
      added(KEY, "ANALYTICS"),
      DROPPED,
      refused(
        'private_key_base64={{getEnvironmentVariable("SF_OTHER_KEY")}}',
        "ANALYTICS",
        "JWT token is invalid.",
      ),
      refused("private_key_base64=nonsense", "ANALYTICS", "JWT token is invalid."),
      refused("password=wrong", "ANALYTICS", "Incorrect username or password was specified."),
    ],
    ["snowflake"],
  ),
  testCase(
    "an unquoted database is meant in capitals, a quoted one as it stands",
    [
      THINGS,
      added(PASSWORD, "analytics"),
      metadata(TABLES, [["ANALYTICS", "OTHER", "THINGS"]]),
      DROPPED,
      added(PASSWORD, "%22lower%22"),
      metadata(TABLES, [["lower", "OTHER", "THINGS"]]),
      DROPPED,
      refused(
        PASSWORD,
        "%22analytics%22",
        "Database '\"analytics\"' does not exist or not authorized.",
      ),
      refused(PASSWORD, "%22LOWER%22", "Database '\"LOWER\"' does not exist or not authorized."),
    ],
    ["snowflake"],
  ),
];
