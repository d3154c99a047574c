/** Two instances over one metadata database: between its polls the second lags behind the first. */
import { expect } from "vitest";
import {
  addSource,
  atReplica,
  type Case,
  does,
  fails,
  metadata,
  query,
  queryFails,
  REPLICA_POLLS,
  type Step,
  SUCCESS,
  sql,
  testCase,
} from "../case.ts";

const TABLES = sql(
  "CREATE TABLE author (id int PRIMARY KEY); INSERT INTO author VALUES (1); CREATE TABLE article (id int)",
);
const AUTHORS = query("{ author { id } }", { author: [{ id: 1 }] });
const UNKNOWN = queryFails(
  "{ author { id } }",
  "validation-failed",
  "$.selectionSet.author",
  "field 'author' not found in type: 'query_root'",
);
const NOT_EXISTS = 'source with name "default" does not exist';

/** What the first instance does, and the second has not yet seen. */
const UNSEEN: readonly Step[] = [TABLES, addSource(), does("pg_track_table", { table: "author" })];

const ALL: readonly ["replica"] = ["replica"];

export const REPLICAS: readonly Case[] = [
  testCase(
    "until it polls, the second instance serves the schema of before",
    [
      ...UNSEEN,
      AUTHORS,
      atReplica(UNKNOWN),
      REPLICA_POLLS,
      atReplica(AUTHORS),
      does("pg_untrack_table", { table: "author" }),
      UNKNOWN,
      atReplica(AUTHORS),
      REPLICA_POLLS,
      atReplica(UNKNOWN),
    ],
    ALL,
  ),
  testCase(
    "until it polls, it says of a source that was just added that it does not exist",
    [
      ...UNSEEN,
      atReplica(fails("pg_track_table", { table: "article" }, 400, "not-exists", NOT_EXISTS)),
      atReplica(fails("pg_get_source_tables", {}, 400, "not-exists", NOT_EXISTS)),
      atReplica(
        fails(
          "pg_untrack_table",
          { table: "author" },
          400,
          "already-untracked",
          'view/table already untracked: "author"',
        ),
      ),
      REPLICA_POLLS,
      atReplica(does("pg_track_table", { table: "article" })),
    ],
    ALL,
  ),
  testCase(
    "exporting reads what is stored, from any instance",
    [
      ...UNSEEN,
      atReplica(
        metadata(
          { type: "export_metadata", version: 2, args: {} },
          { resource_version: "$VERSION", metadata: "$METADATA" },
        ),
      ),
      atReplica(
        fails(
          "pg_add_source",
          { name: "default", configuration: { connection_info: { database_url: "$PG_ONE" } } },
          400,
          "already-exists",
          'source with name "default" already exists',
        ),
      ),
    ],
    ALL,
  ),
  testCase(
    "a write that names an older version is refused by any instance",
    [
      ...UNSEEN,
      atReplica(
        metadata(
          { type: "reload_metadata", resource_version: "$STALE_VERSION", args: {} },
          { path: "$", error: expect.any(String), code: "conflict" },
          { status: 409 },
        ),
      ),
      atReplica(UNKNOWN),
    ],
    ALL,
  ),
  testCase(
    "a write brings the instance that makes it up to date",
    [
      ...UNSEEN,
      atReplica(
        metadata({ type: "reload_metadata", args: {} }, { is_consistent: true, ...SUCCESS }),
      ),
      atReplica(AUTHORS),
    ],
    ALL,
  ),
  testCase(
    "a reload on one instance makes the others read their databases again",
    [
      ...UNSEEN,
      REPLICA_POLLS,
      sql("ALTER TABLE author ADD COLUMN name text"),
      metadata({ type: "reload_metadata", args: {} }),
      REPLICA_POLLS,
      atReplica(query("{ author { id name } }", { author: [{ id: 1, name: null }] })),
    ],
    ALL,
  ),
];
