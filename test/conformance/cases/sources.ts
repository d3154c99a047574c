/** add_source, update_source, rename_source, drop_source. */
import { expect } from "vitest";
import {
  addSource,
  type Case,
  does,
  fails,
  metadata,
  moved,
  SUCCESS,
  sql,
  testCase,
} from "../case.ts";

const FROM_ENV = {
  connection_info: {
    database_url: { from_env: "HASURA_GRAPHQL_PG_SOURCE_URL_1" },
    pool_settings: { max_connections: 50, idle_timeout: 180, retries: 1 },
  },
};
const DEAD = "postgresql://nobody:nothing@127.0.0.1:1/nothing";

function inconsistentSource(
  name: string,
  reason: string,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    internal: [{ definition: name, name: `source ${name}`, reason, type: "source", ...more }],
  };
}

const MISSING = 'source with name "pg1" does not exist';

export const SOURCES: readonly Case[] = [
  testCase(
    "Y v1/metadata/pg_add_source.yaml: added, refused a second time, dropped, and then not there",
    [
      does("pg_add_source", { name: "pg1", configuration: FROM_ENV }),
      fails(
        "pg_add_source",
        { name: "pg1", configuration: FROM_ENV },
        400,
        "already-exists",
        'source with name "pg1" already exists',
      ),
      does("pg_drop_source", { name: "pg1" }),
      fails("pg_drop_source", { name: "pg1" }, 400, "not-exists", MISSING),
    ],
    ["environment"],
  ),
  testCase(
    "Y v1/metadata/rename_source.yaml: a source is renamed",
    [
      does("pg_add_source", { name: "pg1", configuration: FROM_ENV }),
      does("rename_source", { name: "pg1", new_name: "pg_renamed_1" }),
      does("pg_drop_source", { name: "pg_renamed_1" }),
    ],
    ["environment"],
  ),
  testCase("renaming needs the source, and a free name", [
    addSource("one"),
    addSource("two", "$PG_TWO"),
    fails(
      "rename_source",
      { name: "three", new_name: "four" },
      400,
      "not-exists",
      'Could not find source with name "three"',
    ),
    fails(
      "rename_source",
      { name: "one", new_name: "two" },
      400,
      "already-exists",
      'Source with name "two" already exists',
    ),
  ]),
  testCase("P test_metadata.py test_pg_update_unknown_source: an unknown source is not updated", [
    fails(
      "pg_update_source",
      { name: "pg-not-previously-added", customization: { root_fields: { prefix: "p_" } } },
      400,
      "not-exists",
      'source with name "pg-not-previously-added" does not exist',
    ),
  ]),
  testCase(
    "a database that cannot be reached makes the source inconsistent, and nothing is stored",
    [
      fails(
        "pg_add_source",
        { name: "pg1", configuration: { connection_info: { database_url: DEAD } } },
        400,
        "invalid-configuration",
        "Inconsistent object: connection error",
        inconsistentSource("pg1", "Inconsistent object: connection error", {
          message: expect.any(String),
        }),
      ),
      moved(0),
      fails("pg_drop_source", { name: "pg1" }, 400, "not-exists", MISSING),
    ],
  ),
  testCase("a variable that is not set is named", [
    fails(
      "pg_add_source",
      {
        name: "pg1",
        configuration: { connection_info: { database_url: { from_env: "NOT_SET" } } },
      },
      400,
      "invalid-configuration",
      "Inconsistent object: environment variable 'NOT_SET' not set",
      inconsistentSource("pg1", "Inconsistent object: environment variable 'NOT_SET' not set"),
    ),
    fails(
      "pg_add_source",
      { name: "pg1", configuration: { connection_info: { database_url: "{{NOT_SET}}" } } },
      400,
      "invalid-configuration",
      "Inconsistent object: Value for environment variables not found: NOT_SET",
      inconsistentSource(
        "pg1",
        "Inconsistent object: Value for environment variables not found: NOT_SET",
      ),
    ),
  ]),
  testCase("replace_configuration changes a source that exists and makes one that does not", [
    does("pg_add_source", {
      name: "pg1",
      configuration: { connection_info: { database_url: "$PG_ONE" } },
      replace_configuration: true,
      customization: { root_fields: { prefix: "a_" } },
    }),
    sql("CREATE TABLE here (id int)"),
    does("pg_track_table", { source: "pg1", table: "here" }),
    does("pg_add_source", {
      name: "pg1",
      configuration: { connection_info: { database_url: "$PG_ONE" } },
      replace_configuration: true,
    }),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [expect.not.objectContaining({ customization: expect.anything() })],
      },
    ),
    metadata(
      { type: "pg_get_table_info", args: { source: "pg1", table: "here" } },
      expect.objectContaining({ type: "table" }),
    ),
    fails(
      "pg_add_source",
      {
        name: "pg1",
        configuration: { connection_info: { database_url: DEAD } },
        replace_configuration: true,
      },
      400,
      "invalid-configuration",
      "Inconsistent object: connection error",
      { internal: expect.any(Array) },
    ),
  ]),
  testCase("update_source keeps what it is not given", [
    does("pg_add_source", {
      name: "pg1",
      configuration: { connection_info: { database_url: "$PG_ONE" } },
      customization: { root_fields: { prefix: "a_" } },
    }),
    does("pg_update_source", {
      name: "pg1",
      configuration: { connection_info: { database_url: "$PG_TWO" } },
    }),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [
          {
            name: "pg1",
            kind: "postgres",
            tables: [],
            customization: { root_fields: { prefix: "a_" } },
            configuration: {
              connection_info: {
                database_url: "$PG_TWO",
                isolation_level: "read-committed",
                use_prepared_statements: false,
              },
            },
          },
        ],
      },
    ),
  ]),
  testCase("an inconsistent source can be dropped, but not with cascade", [
    metadata({
      type: "replace_metadata",
      args: {
        allow_inconsistent_metadata: true,
        metadata: {
          version: 3,
          sources: [
            {
              name: "pg1",
              kind: "postgres",
              tables: [{ table: "t" }],
              configuration: { connection_info: { database_url: DEAD } },
            },
          ],
        },
      },
    }),
    metadata(
      { type: "get_inconsistent_metadata", args: {} },
      { is_consistent: false, inconsistent_objects: [expect.objectContaining({ type: "source" })] },
    ),
    fails("pg_track_table", { source: "pg1", table: "u" }, 400, "not-exists", MISSING),
    fails("pg_update_source", { name: "pg1" }, 400, "not-exists", MISSING),
    fails(
      "pg_drop_source",
      { name: "pg1", cascade: true },
      400,
      "unexpected",
      'source with name "pg1" is inconsistent',
    ),
    metadata({ type: "pg_drop_source", args: { name: "pg1", cascade: false } }, SUCCESS),
  ]),
];
