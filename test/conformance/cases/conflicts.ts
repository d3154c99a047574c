/** One name for two things: refused with 500, over all sources. */
import { expect } from "vitest";
import { addSource, type Case, does, fails, moved, query, sql, testCase } from "../case.ts";

const BOTH = "table article in source default, table author in source default";

export const CONFLICTS: readonly Case[] = [
  testCase(
    "Y v1/set_table_configuration/fail_conflicting_custom_table_name.yaml: a custom name that is another table's",
    [
      sql(`CREATE TABLE author (id serial PRIMARY KEY, name text);
        CREATE TABLE article (id serial PRIMARY KEY, title text);`),
      addSource(),
      does("pg_track_table", { table: "author" }),
      does("pg_track_table", { table: "article" }),
      moved(3),
      fails(
        "pg_set_table_customization",
        { table: "author", configuration: { custom_name: "article" } },
        500,
        "unexpected",
        `Encountered conflicting definitions in the selection set for 'mutation_root' for fields: ['update_article' defined in [${BOTH}], 'delete_article' defined in [${BOTH}], 'update_article_many', 'insert_article_one' defined in [${BOTH}], 'update_article_by_pk' defined in [${BOTH}], 'delete_article_by_pk' defined in [${BOTH}], 'insert_article' defined in [${BOTH}]]. Fields must not be defined more than once across all sources.`,
      ),
      moved(0),
      query("{ author { id } article { id } }", { author: [], article: [] }),
    ],
  ),
  testCase(
    "Y v1/metadata/pg_multisource_table_name_conflict.yaml: customised, both are queried in one request",
    [
      sql(
        "CREATE TABLE my_author_table (id serial PRIMARY KEY, name text UNIQUE); INSERT INTO my_author_table (name) VALUES ('Author 1'), ('Author 2')",
      ),
      sql(
        "CREATE TABLE my_author_table (id serial PRIMARY KEY, name text UNIQUE); INSERT INTO my_author_table (name) VALUES ('Author 3'), ('Author 4')",
        "two",
      ),
      addSource("pg1"),
      does("pg_track_table", { source: "pg1", table: "my_author_table" }),
      addSource("pg2", "$PG_TWO"),
      fails(
        "pg_track_table",
        { source: "pg2", table: "my_author_table" },
        500,
        "unexpected",
        expect.stringMatching(
          /^Encountered conflicting definitions in the selection set for 'mutation_root' for fields: \[.*'insert_my_author_table' defined in \[table my_author_table in source pg1, table my_author_table in source pg2\].*\]\. Fields must not be defined more than once across all sources\.$/,
        ),
      ),
      does("pg_set_table_customization", {
        source: "pg1",
        table: "my_author_table",
        configuration: {
          custom_name: "pg1_my_author_table",
          column_config: {},
          custom_root_fields: {},
        },
      }),
      does("pg_track_table", { source: "pg2", table: "my_author_table" }),
      query("{ pg1_my_author_table { id name } my_author_table { id name } }", {
        pg1_my_author_table: [
          { id: 1, name: "Author 1" },
          { id: 2, name: "Author 2" },
        ],
        my_author_table: [
          { id: 1, name: "Author 3" },
          { id: 2, name: "Author 4" },
        ],
      }),
    ],
  ),
  testCase("types of one name are refused although the root fields differ", [
    sql("CREATE VIEW a AS SELECT 1 AS id; CREATE VIEW b AS SELECT 'x' AS name"),
    addSource(),
    does("pg_track_table", {
      table: "a",
      configuration: {
        custom_name: "X",
        custom_root_fields: { select: "a", select_aggregate: "a_agg", select_stream: "a_str" },
      },
    }),
    fails(
      "pg_track_table",
      {
        table: "b",
        configuration: {
          custom_name: "X",
          custom_root_fields: { select: "b", select_aggregate: "b_agg", select_stream: "b_str" },
        },
      },
      500,
      "unexpected",
      expect.stringMatching(/^Found conflicting definitions for GraphQL type 'X'\./),
    ),
  ]),
];
