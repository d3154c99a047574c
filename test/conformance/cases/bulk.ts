/** bulk, bulk_keep_going and bulks in bulks. */
import { expect } from "vitest";
import { addSource, type Case, metadata, moved, query, SUCCESS, sql, testCase } from "../case.ts";

const TABLE = sql("CREATE TABLE test_table (id int); CREATE TABLE other (id int)");

function track(name: string): Record<string, unknown> {
  return { type: "pg_track_table", args: { table: { name, schema: "public" } } };
}

const RELATED = [
  sql(`CREATE TABLE author (id int PRIMARY KEY);
    CREATE TABLE article (id int, title text, author_id int REFERENCES author (id))`),
  addSource(),
  metadata({ type: "pg_track_table", args: { table: "author" } }, SUCCESS),
  metadata({ type: "pg_track_table", args: { table: "article" } }, SUCCESS),
];

function relationship(name: string, column: string): Record<string, unknown> {
  return {
    type: "pg_create_object_relationship",
    args: { table: "article", name, using: { foreign_key_constraint_on: column } },
  };
}

const UNKNOWN = {
  path: "$.args",
  code: "invalid-configuration",
  error: 'Inconsistent object: no such table/view exists in source: "unknown_table"',
  internal: [expect.objectContaining({ name: "table unknown_table in source default" })],
};
const SPEC = "H API/Metadata/BulkKeepGoingSpec.hs";

export const BULK: readonly Case[] = [
  testCase(`${SPEC}: successes when the last query fails`, [
    TABLE,
    addSource(),
    metadata({ type: "bulk_keep_going", args: [track("test_table"), track("unknown_table")] }, [
      SUCCESS,
      UNKNOWN,
    ]),
  ]),
  testCase(`${SPEC}: successes when the first query fails`, [
    TABLE,
    addSource(),
    metadata({ type: "bulk_keep_going", args: [track("unknown_table"), track("test_table")] }, [
      UNKNOWN,
      SUCCESS,
    ]),
  ]),
  testCase("a bulk sees what its earlier commands did and counts as one write", [
    TABLE,
    metadata(
      {
        type: "bulk",
        args: [
          {
            type: "pg_add_source",
            args: {
              name: "default",
              configuration: { connection_info: { database_url: "$PG_ONE" } },
            },
          },
          track("test_table"),
          {
            type: "pg_create_select_permission",
            args: { table: "test_table", role: "r", permission: { columns: "*", filter: {} } },
          },
        ],
      },
      [SUCCESS, SUCCESS, SUCCESS],
    ),
    moved(1),
    query("{ test_table { id } }", { test_table: [] }),
  ]),
  testCase("a bulk is all or nothing, and says which command failed", [
    TABLE,
    addSource(),
    moved(1),
    metadata(
      { type: "bulk", args: [track("test_table"), track("unknown_table")] },
      { ...UNKNOWN, path: "$.args[1].args" },
      { status: 400 },
    ),
    moved(0),
    metadata(
      { type: "bulk", args: [{ type: "bulk", args: [track("test_table"), track("test_table")] }] },
      {
        path: "$.args[0].args[1].args",
        code: "already-tracked",
        error: 'view/table already tracked: "test_table"',
      },
      { status: 400 },
    ),
  ]),
  testCase("a bulk within bulk_keep_going is taken back as a whole", [
    TABLE,
    addSource(),
    moved(1),
    metadata(
      {
        type: "bulk_keep_going",
        args: [
          { type: "bulk", args: [track("test_table"), track("unknown_table")] },
          { type: "bulk", args: [track("other")] },
        ],
      },
      [{ ...UNKNOWN, path: "$.args[1].args" }, [SUCCESS]],
    ),
    moved(1),
    query("{ __schema { queryType { fields { name } } } }", {
      __schema: { queryType: { fields: [{ name: "other" }, { name: "other_aggregate" }] } },
    }),
  ]),
  testCase("what cannot be read fails the whole call, also with keep_going", [
    TABLE,
    addSource(),
    moved(1),
    metadata(
      {
        type: "bulk_keep_going",
        args: [track("test_table"), { type: "pg_track_table", args: {} }],
      },
      { path: "$.args[1].args", code: "parse-failed", error: expect.any(String) },
      { status: 400 },
    ),
    moved(0),
  ]),
  testCase("H API/Metadata/BulkAtomicSpec.hs: relationships together, with one write", [
    ...RELATED,
    moved(3),
    metadata(
      {
        type: "bulk_atomic",
        args: [
          relationship("author", "author_id"),
          { type: "pg_drop_relationship", args: { table: "article", relationship: "author" } },
          relationship("writer", "author_id"),
        ],
      },
      SUCCESS,
    ),
    moved(1),
    metadata(
      {
        type: "bulk_atomic",
        args: [relationship("other", "author_id"), relationship("no", "title")],
      },
      {
        path: "$.args",
        code: "bad-request",
        error: "Schema inconsistency",
        internal: [
          [
            expect.objectContaining({
              name: "object_relation no in table article in source default",
            }),
          ],
        ],
      },
      { status: 400 },
    ),
    metadata(
      { type: "bulk_atomic", args: [relationship("other", "author_id"), track("other")] },
      {
        path: "$.args",
        code: "unexpected",
        error: "Bulk atomic does not support this command",
      },
      { status: 500 },
    ),
    moved(0),
  ]),
  testCase("a bulk that only reads does not count", [
    metadata({ type: "bulk", args: [{ type: "export_metadata", args: {} }] }, [
      { version: 3, sources: [] },
    ]),
    moved(0),
  ]),
];
