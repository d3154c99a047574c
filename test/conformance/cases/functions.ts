/** Functions, where their names meet those of tables. */
import { expect } from "vitest";
import { addSource, type Case, does, fails, metadata, sql, testCase } from "../case.ts";

const START = [
  sql(`CREATE TABLE test1 (id int);
    CREATE FUNCTION test1() RETURNS SETOF test1 LANGUAGE sql STABLE AS 'SELECT * FROM test1';
    CREATE FUNCTION test2() RETURNS SETOF test1 LANGUAGE sql STABLE AS 'SELECT * FROM test1';`),
  addSource(),
];

export const FUNCTIONS: readonly Case[] = [
  testCase("Y v1/track_table/track_table_function_same_name.yaml: a function with a table's name", [
    ...START,
    does("pg_track_table", { table: "test1" }),
    fails(
      "pg_track_function",
      { function: "test1" },
      400,
      "not-supported",
      'table with name "test1" already exists',
    ),
  ]),
  testCase("Y v1/track_table/track_function_table_same_name.yaml: a table with a function's name", [
    ...START,
    sql("CREATE TABLE test2 (id int)"),
    does("pg_track_table", { table: "test1" }),
    does("pg_track_function", { function: "test2" }),
    fails(
      "pg_track_table",
      { table: "test2" },
      400,
      "not-supported",
      'function with name "test2" already exists',
    ),
    fails(
      "pg_track_function",
      { function: { schema: "public", name: "test2" } },
      400,
      "already-tracked",
      'function already tracked: "test2"',
    ),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [
          expect.objectContaining({
            functions: [{ function: { schema: "public", name: "test2" } }],
          }),
        ],
      },
    ),
    does("pg_untrack_function", { function: "test2" }),
    does("pg_track_table", { table: "test2" }),
  ]),
];
