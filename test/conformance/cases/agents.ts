/** Data connector agents. */
import { expect } from "vitest";
import { type Case, does, fails, metadata, SUCCESS, sql, testCase } from "../case.ts";

/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:1/api/v1/foo";
const SPEC = "H DataConnector/MetadataApiSpec.hs";

export const AGENTS: readonly Case[] = [
  testCase(`${SPEC}: an agent is added, listed, exported and deleted`, [
    does("dc_add_agent", { name: "foo", url: NOWHERE, display_name: "FOODB", skip_check: true }),
    metadata(
      { type: "list_source_kinds", args: {} },
      {
        sources: expect.arrayContaining([
          { builtin: true, kind: "pg", display_name: "pg", available: true },
          { builtin: false, kind: "foo", display_name: "FOODB", available: false },
        ]),
      },
    ),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [],
        backend_configs: { dataconnector: { foo: { uri: NOWHERE, display_name: "FOODB" } } },
      },
    ),
    fails(
      "dc_add_agent",
      { name: "foo", url: NOWHERE, skip_check: true },
      400,
      "already-exists",
      "SourceKind 'foo' already exists.",
    ),
    does("dc_delete_agent", { name: "foo" }),
    fails("dc_delete_agent", { name: "foo" }, 400, "not-found", "DC Agent 'foo' not found"),
  ]),
  testCase(
    `${SPEC}: relationships of a data connector's tables, untracked and dropped with cascade`,
    [
      sql(
        `CREATE TABLE "SALES"."ARTIST" ("ID" int PRIMARY KEY);
         CREATE TABLE "SALES"."ALBUM" ("ID" int PRIMARY KEY, "ARTIST_ID" int REFERENCES "SALES"."ARTIST" ("ID"));`,
        "snowflake",
      ),
      does("snowflake_add_source", {
        name: "sf",
        configuration: {
          value: {},
          template:
            '{"fully_qualify_all_names": false, "jdbc_url": "{{getEnvironmentVariable("SNOWFLAKE_JDBC_URL")}}"}',
        },
      }),
      does("snowflake_track_table", { source: "sf", table: ["ARTIST"] }),
      does("snowflake_track_table", { source: "sf", table: ["ALBUM"] }),
      does("snowflake_create_object_relationship", {
        source: "sf",
        table: ["ALBUM"],
        name: "artist",
        using: { foreign_key_constraint_on: ["ARTIST_ID"] },
      }),
      does("snowflake_create_array_relationship", {
        source: "sf",
        table: ["ARTIST"],
        name: "albums",
        using: { foreign_key_constraint_on: { table: ["ALBUM"], columns: ["ARTIST_ID"] } },
      }),
      metadata(
        { type: "export_metadata", args: {} },
        {
          version: 3,
          sources: [
            expect.objectContaining({
              tables: [
                {
                  table: ["ALBUM"],
                  object_relationships: [
                    { name: "artist", using: { foreign_key_constraint_on: "ARTIST_ID" } },
                  ],
                },
                {
                  table: ["ARTIST"],
                  array_relationships: [
                    {
                      name: "albums",
                      using: {
                        foreign_key_constraint_on: { column: "ARTIST_ID", table: ["ALBUM"] },
                      },
                    },
                  ],
                },
              ],
            }),
          ],
        },
      ),
      fails(
        "snowflake_untrack_table",
        { source: "sf", table: ["ALBUM"] },
        400,
        "dependency-error",
        'cannot drop due to the following dependent objects: relationship ARTIST.albums in source "sf"',
      ),
      does("snowflake_untrack_table", { source: "sf", table: ["ALBUM"], cascade: true }),
      metadata({ type: "snowflake_drop_source", args: { name: "sf", cascade: true } }, SUCCESS),
    ],
    ["snowflake"],
  ),
  testCase("an agent that does not answer is not added, with HTTP 200", [
    metadata(
      { type: "dc_add_agent", args: { name: "foo", url: NOWHERE } },
      { message: "Agent is not available", details: expect.anything() },
    ),
    metadata({ type: "export_metadata", args: {} }, { version: 3, sources: [] }),
  ]),
  testCase("capabilities of a kind that nobody registered", [
    fails(
      "get_source_kind_capabilities",
      { name: "nope" },
      400,
      "data-connector-error",
      "Source Kind nope was not found",
    ),
  ]),
  testCase(
    "capabilities of a kind, and the schema of its configuration",
    [
      metadata(
        { type: "get_source_kind_capabilities", args: { name: "snowflake" } },
        {
          capabilities: expect.any(Object),
          config_schema_response: {
            config_schema: expect.any(Object),
            other_schemas: expect.any(Object),
          },
          options: { uri: expect.any(String) },
          display_name: "Snowflake",
        },
      ),
    ],
    ["snowflake"],
  ),
];
