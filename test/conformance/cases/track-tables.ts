/** track_tables and untrack_tables. Hasura's own cases use tables of its schema `hasura`. */
import {
  addSource,
  type Case,
  does,
  fails,
  metadata,
  moved,
  query,
  SUCCESS,
  sql,
  testCase,
} from "../case.ts";

const TABLES = sql(`CREATE TABLE hasura.articles (id int PRIMARY KEY);
  CREATE TABLE hasura.publishers (id int PRIMARY KEY); CREATE TABLE hasura.authors (id int PRIMARY KEY);`);
const START = [TABLES, addSource("s"), does("pg_track_table", entry("articles"))];

function entry(name: string): Record<string, unknown> {
  return { source: "s", table: { schema: "hasura", name } };
}

function many(...names: string[]): Record<string, unknown> {
  return { tables: names.map(entry) };
}

function warning(name: string, message: string, verb = "track"): Record<string, unknown> {
  return {
    code: `${verb}-table-failed`,
    message,
    name: `table hasura.${name} in source s`,
    type: "table",
  };
}

const TRACKED = warning("articles", 'view/table already tracked: "hasura.articles"');

function missing(name: string): Record<string, unknown> {
  return warning(
    name,
    `Inconsistent object: no such table/view exists in source: "hasura.${name}"`,
  );
}

function rootFields(...names: string[]): ReturnType<typeof query> {
  const fields = names.flatMap((name) =>
    ["", "_aggregate", "_by_pk"].map((suffix) => ({ name: `hasura_${name}${suffix}` })),
  );
  return query("query { __schema { queryType { fields { name } } } }", {
    __schema: { queryType: { fields } },
  });
}

const SPEC = "H API/Metadata/TrackTablesSpec.hs";

export const TRACK_TABLES: readonly Case[] = [
  testCase(`${SPEC}: success with no warnings if all succeed`, [
    ...START,
    does("pg_track_tables", many("authors", "publishers")),
    moved(3),
    rootFields("articles", "authors", "publishers"),
  ]),
  testCase(`${SPEC}: success with warnings if some tables fail to track`, [
    ...START,
    metadata(
      { type: "pg_track_tables", args: many("articles", "authors", "publishers") },
      { ...SUCCESS, warnings: [TRACKED] },
    ),
    rootFields("articles", "authors", "publishers"),
  ]),
  testCase(`${SPEC}: success with warnings if some tables are inconsistent`, [
    ...START,
    metadata(
      { type: "pg_track_tables", args: many("nope", "authors") },
      { ...SUCCESS, warnings: [missing("nope")] },
    ),
    rootFields("articles", "authors"),
  ]),
  testCase(`${SPEC}: fails if some tables fail to track and warnings are disallowed`, [
    ...START,
    moved(2),
    fails(
      "pg_track_tables",
      { ...many("articles", "authors"), allow_warnings: false },
      400,
      "metadata-warnings",
      "failed due to metadata warnings",
      { internal: [TRACKED] },
    ),
    moved(0),
    rootFields("articles"),
  ]),
  testCase(`${SPEC}: fails if all tables fail to track`, [
    ...START,
    fails(
      "pg_track_tables",
      many("nah", "nope"),
      400,
      "invalid-configuration",
      "all tables failed to track",
      { internal: [missing("nah"), missing("nope")] },
    ),
  ]),
  testCase("a table given twice is refused by name", [
    ...START,
    fails(
      "pg_track_tables",
      many("authors", "authors"),
      400,
      "bad-request",
      "The following tables occur more than once in the request: s.hasura.authors",
      { path: "$.args.tables" },
    ),
  ]),
  testCase("untrack_tables warns of what is not tracked and fails when nothing is", [
    ...START,
    does("pg_track_tables", many("authors")),
    metadata(
      { type: "pg_untrack_tables", args: many("authors", "publishers") },
      {
        ...SUCCESS,
        warnings: [
          warning("publishers", 'view/table already untracked: "hasura.publishers"', "untrack"),
        ],
      },
    ),
    rootFields("articles"),
    fails(
      "pg_untrack_tables",
      many("authors"),
      400,
      "invalid-configuration",
      "all tables failed to untrack",
      {
        internal: [warning("authors", 'view/table already untracked: "hasura.authors"', "untrack")],
      },
    ),
  ]),
];
