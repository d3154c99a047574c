/** track_table, untrack_table, set_table_customization and looking at tables. */
import { expect } from "vitest";
import {
  addSource,
  type Case,
  does,
  fails,
  metadata,
  moved,
  query,
  sql,
  testCase,
} from "../case.ts";

const AUTHORS = sql(`CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE);
  CREATE TABLE article (id serial PRIMARY KEY, title text, author_id int REFERENCES author (id));`);

const NO_SUCH_TABLE = 'Inconsistent object: no such table/view exists in source: "nope"';

export const TABLES: readonly Case[] = [
  testCase("Y v1/track_table/track_untrack_table.yaml: twice tracked, twice untracked", [
    AUTHORS,
    addSource(),
    does("pg_track_table", { table: "author" }),
    fails(
      "pg_track_table",
      { table: { schema: "public", name: "author" }, configuration: { custom_name: "other" } },
      400,
      "already-tracked",
      'view/table already tracked: "author"',
    ),
    does("pg_untrack_table", { table: "author" }),
    fails(
      "pg_untrack_table",
      { table: "author" },
      400,
      "already-untracked",
      'view/table already untracked: "author"',
    ),
  ]),
  testCase(
    "Y v1/track_table/track_non_graphql_compliant_table.yaml: tracked, without root fields",
    [
      sql('CREATE TABLE "Something Else" (id int PRIMARY KEY)'),
      addSource(),
      does("pg_track_table", { table: "Something Else" }),
      query("{ __schema { queryType { fields { name } } } }", {
        __schema: { queryType: { fields: [{ name: "no_queries_available" }] } },
      }),
    ],
  ),
  testCase("a table that the database does not hold is refused with its record", [
    addSource(),
    fails("pg_track_table", { table: "nope" }, 400, "invalid-configuration", NO_SUCH_TABLE, {
      internal: [
        {
          definition: { schema: "public", name: "nope" },
          name: "table nope in source default",
          reason: NO_SUCH_TABLE,
          type: "table",
        },
      ],
    }),
    moved(1),
  ]),
  testCase("a missing source, and a command of another kind than the source's", [
    AUTHORS,
    addSource("s1"),
    fails(
      "pg_track_table",
      { table: "author" },
      400,
      "not-exists",
      'source with name "default" does not exist',
    ),
    fails(
      "mssql_track_table",
      { source: "s1", table: "author" },
      400,
      "unexpected",
      'source with name "s1" is inconsistent',
    ),
    fails(
      "pg_untrack_table",
      { source: "s2", table: "author" },
      400,
      "already-untracked",
      'view/table already untracked: "author"',
    ),
  ]),
  testCase("custom root names given twice, and columns that do not exist", [
    AUTHORS,
    addSource(),
    metadata(
      {
        type: "pg_track_table",
        args: {
          table: "author",
          configuration: { custom_root_fields: { select: "a", select_aggregate: "a" } },
        },
      },
      {
        path: "$.args.configuration.custom_root_fields",
        code: "parse-failed",
        error: expect.stringContaining(
          'the following custom root field names are duplicated: "a" and "a"',
        ),
      },
      { status: 400 },
    ),
    fails(
      "pg_track_table",
      { table: "author", configuration: { column_config: { x: { custom_name: "y" } } } },
      400,
      "invalid-configuration",
      'Inconsistent object: configuration was given for the column "x", but no such column exists',
      { internal: expect.any(Array) },
    ),
    fails(
      "pg_track_table",
      { table: "author", configuration: { column_config: { id: { custom_name: "name" } } } },
      400,
      "already-exists",
      'the definitions of columns "id" and "name" are in conflict: they are mapped to the same field name, "name"',
      { internal: expect.any(Array) },
    ),
  ]),
  testCase("a root field's name that GraphQL does not allow is ignored; a custom name is refused", [
    AUTHORS,
    addSource(),
    does("pg_track_table", {
      table: "author",
      configuration: { custom_root_fields: { select: "not-a-name" } },
    }),
    query("{ author { id } }", { author: [] }),
    metadata(
      {
        type: "pg_set_table_customization",
        args: { table: "author", configuration: { custom_name: "not-a-name" } },
      },
      {
        path: "$.args.configuration.custom_name",
        code: "parse-failed",
        error: expect.stringContaining("not-a-name is not valid GraphQL name"),
      },
      { status: 400 },
    ),
  ]),
  testCase("Y v1/metadata/set_table_customization.yaml: names of fields and columns change", [
    sql("CREATE TABLE table_to_customize (column_to_customize text)"),
    addSource(),
    does("pg_track_table", { table: "table_to_customize" }),
    customised({ column_config: { column_to_customize: { custom_name: "customized_column" } } }),
    query("{ gather { customized_column } }", { gather: [] }),
    customised({ custom_column_names: { column_to_customize: "by_custom_column_names" } }),
    query("{ gather { by_custom_column_names } }", { gather: [] }),
    customised({
      custom_column_names: { column_to_customize: "ignored_column_name" },
      column_config: { column_to_customize: { custom_name: "name_that_takes_precedence" } },
    }),
    query("{ gather { name_that_takes_precedence } }", { gather: [] }),
  ]),
  testCase(
    "Y v1/set_table_configuration/set_invalid_table.yaml: an untracked table is not customised",
    [
      addSource(),
      fails(
        "pg_set_table_customization",
        { table: "author1", configuration: {} },
        400,
        "not-exists",
        'table "author1" does not exist in source: default',
      ),
    ],
  ),
  testCase("a relationship that leads to the table keeps it, unless cascade takes it along", [
    AUTHORS,
    addSource(),
    does("pg_track_table", { table: "author" }),
    does("pg_track_table", { table: "article" }),
    does("pg_create_object_relationship", {
      table: "article",
      name: "author",
      using: { foreign_key_constraint_on: "author_id" },
    }),
    fails(
      "pg_untrack_table",
      { table: "author" },
      400,
      "dependency-error",
      'cannot drop due to the following dependent objects: relationship article.author in source "default"',
    ),
    does("pg_untrack_table", { table: "author", cascade: true }),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [
          expect.objectContaining({ tables: [{ table: { schema: "public", name: "article" } }] }),
        ],
      },
    ),
  ]),
  testCase(
    "Y v1/relationships/object_relationship_col_not_foreign_key_error.yaml: without a foreign key",
    [
      AUTHORS,
      addSource(),
      does("pg_track_table", { table: "article" }),
      fails(
        "pg_create_object_relationship",
        { table: "article", name: "author", using: { foreign_key_constraint_on: "title" } },
        400,
        "invalid-configuration",
        'Inconsistent object: in table "article": in relationship "author": no foreign constraint exists on the given column(s)',
        {
          internal: [
            expect.objectContaining({
              type: "object_relation",
              name: "object_relation author in table article in source default",
            }),
          ],
        },
      ),
    ],
  ),
  testCase(
    "Y v1/set_table_configuration/conflict_with_relationship.yaml: a column named as a relationship is",
    [
      AUTHORS,
      addSource(),
      does("pg_track_table", { table: "author" }),
      does("pg_track_table", { table: "article" }),
      does("pg_create_array_relationship", {
        table: "author",
        name: "articles",
        using: { foreign_key_constraint_on: { table: "article", column: "author_id" } },
      }),
      fails(
        "pg_set_table_customization",
        {
          table: "author",
          configuration: { column_config: { name: { custom_name: "articles" } } },
        },
        400,
        "unexpected",
        "cannot continue due to new inconsistent metadata",
        {
          internal: [
            expect.objectContaining({
              type: "array_relation",
              reason:
                'Inconsistent object: field definition conflicts with custom field name for postgres column "name"',
            }),
          ],
        },
      ),
    ],
  ),
  testCase("get_source_tables lists what is there, get_table_info describes it", [
    AUTHORS,
    addSource(),
    metadata({ type: "pg_get_source_tables", args: {} }, [
      { name: "article", schema: "public" },
      { name: "author", schema: "public" },
    ]),
    metadata(
      { type: "pg_get_table_info", args: { table: "author" } },
      {
        name: { schema: "public", name: "author" },
        type: "table",
        columns: [
          { name: "id", type: "Int", nullable: false, insertable: true, updatable: true },
          { name: "name", type: "String", nullable: true, insertable: true, updatable: true },
        ],
        primary_key: ["id"],
        insertable: true,
        updatable: true,
        deletable: true,
      },
    ),
    metadata({ type: "pg_get_table_info", args: { table: "nope" } }, null),
    fails(
      "pg_get_source_tables",
      { source: "nope" },
      400,
      "not-exists",
      'source with name "nope" does not exist',
    ),
    moved(1),
  ]),
  testCase("Apollo federation is accepted for a table", [
    AUTHORS,
    addSource(),
    does("pg_track_table", { table: "author", apollo_federation_config: { enable: "v1" } }),
    does("pg_set_apollo_federation_config", { table: "author", apollo_federation_config: null }),
  ]),
];

function customised(configuration: Record<string, unknown>): ReturnType<typeof does> {
  return does("pg_set_table_customization", {
    source: "default",
    table: "table_to_customize",
    configuration: {
      custom_name: "customized_table",
      custom_root_fields: { select: "gather" },
      ...configuration,
    },
  });
}
