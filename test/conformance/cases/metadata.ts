/** Export, replace, reload, clear and the resource version. */
import { expect } from "vitest";
import { addSource, type Case, does, fails, metadata, moved, SUCCESS, testCase } from "../case.ts";
import { AUTHORS, CONSISTENT, EXPORT, FOOBAR, replace, source } from "./whole-metadata.ts";

export const METADATA: readonly Case[] = [
  testCase("Y v1/metadata/clear_metadata.yaml: clearing keeps the default source, without tables", [
    AUTHORS,
    addSource(),
    addSource("other", "$PG_TWO"),
    does("pg_track_table", { table: "author" }),
    does("clear_metadata", {}),
    metadata(EXPORT, {
      version: 3,
      sources: [expect.objectContaining({ name: "default", tables: [] })],
    }),
  ]),
  testCase("Y v1/metadata/reload_metadata.yaml: reloading tells whether all is consistent", [
    metadata({ type: "reload_metadata", args: {} }, { is_consistent: true, ...SUCCESS }),
    fails(
      "reload_metadata",
      { reload_sources: ["nope"] },
      400,
      "not-exists",
      'Source with name "nope" not found in metadata',
    ),
  ]),
  testCase("Y v1/metadata/replace_metadata_allow_inconsistent.yaml: nothing inconsistent", [
    AUTHORS,
    metadata(
      replace(
        {
          version: 3,
          sources: [
            source([
              {
                table: "author",
                array_relationships: [
                  {
                    name: "articles",
                    using: { foreign_key_constraint_on: { column: "author_id", table: "article" } },
                  },
                ],
              },
              { table: "article" },
            ]),
          ],
        },
        { allow_inconsistent_metadata: true },
      ),
      CONSISTENT,
    ),
  ]),
  testCase("replacing without the wrapper answers as other commands do", [
    metadata({ type: "replace_metadata", args: { version: 3, sources: [source([])] } }, SUCCESS),
    metadata(
      { type: "replace_metadata", args: { version: 3, sources: [source([{ table: "foobar" }])] } },
      {
        path: "$.args",
        error: "cannot continue due to inconsistent metadata",
        code: "unexpected",
        internal: [FOOBAR],
      },
      { status: 400 },
    ),
  ]),
  testCase("metadata without its version is taken for the older form", [
    metadata(
      replace({ sources: [] }),
      { path: "$.args.metadata", error: 'key "tables" not found', code: "parse-failed" },
      { status: 400 },
    ),
    metadata(
      replace({ tables: [] }),
      {
        path: "$.args",
        error: "cannot import metadata without sources since no default source is defined",
        code: "not-supported",
      },
      { status: 400 },
    ),
  ]),
  testCase("P test_metadata.py test_export_replace_v2: what was exported replaces itself", [
    AUTHORS,
    addSource(),
    does("pg_track_table", { table: "author" }),
    moved(2),
    metadata(
      {
        type: "replace_metadata",
        version: 2,
        resource_version: "$VERSION",
        args: { metadata: "$METADATA" },
      },
      CONSISTENT,
    ),
    moved(1),
    metadata(EXPORT, "$METADATA"),
  ]),
  testCase("P test_metadata.py test_export_replace_v2_conflict: a stale version is refused", [
    addSource(),
    moved(1),
    metadata(
      {
        type: "replace_metadata",
        version: 2,
        resource_version: "$STALE_VERSION",
        args: { metadata: { version: 3, sources: [] } },
      },
      conflict(),
      { status: 409 },
    ),
    moved(0),
    metadata(EXPORT, {
      version: 3,
      sources: [expect.objectContaining({ name: "default" })],
    }),
  ]),
  testCase("P test_metadata.py test_reload_metadata and _conflict", [
    metadata(
      { type: "reload_metadata", resource_version: "$VERSION", args: {} },
      { is_consistent: true, ...SUCCESS },
    ),
    moved(1),
    metadata(
      { type: "reload_metadata", resource_version: "$STALE_VERSION", args: {} },
      conflict(),
      { status: 409 },
    ),
    moved(0),
  ]),
  testCase("each modifying call counts once, also when nothing changes; reading does not", [
    addSource(),
    moved(1),
    metadata({ type: "reload_metadata", args: {} }),
    moved(1),
    metadata(EXPORT),
    metadata({ type: "get_inconsistent_metadata", args: {} }, CONSISTENT),
    metadata({ type: "list_source_kinds", args: {} }),
    moved(0),
    fails(
      "pg_untrack_table",
      { table: "nope" },
      400,
      "already-untracked",
      'view/table already untracked: "nope"',
    ),
    moved(0),
  ]),
  testCase("export normalises: defaults written out or left out, lists in order", [
    AUTHORS,
    metadata(
      replace({
        version: 3,
        sources: [
          source([
            {
              table: "author",
              configuration: { custom_name: "writer" },
              array_relationships: [
                {
                  name: "articles",
                  using: {
                    foreign_key_constraint_on: { table: "article", columns: ["author_id"] },
                  },
                },
              ],
              select_permissions: [
                {
                  role: "b",
                  permission: { columns: ["id"], filter: {}, allow_aggregations: false },
                  comment: null,
                },
                {
                  role: "a",
                  permission: { columns: "*", filter: {}, allow_aggregations: true, limit: 5 },
                },
              ],
            },
            { table: "article", configuration: { custom_root_fields: {} } },
          ]),
        ],
        remote_schemas: [],
      }),
      CONSISTENT,
    ),
    metadata(EXPORT, {
      version: 3,
      sources: [
        {
          name: "default",
          kind: "postgres",
          tables: [
            { table: { schema: "public", name: "article" } },
            {
              table: { schema: "public", name: "author" },
              configuration: {
                column_config: {},
                custom_column_names: {},
                custom_name: "writer",
                custom_root_fields: {},
              },
              array_relationships: [
                {
                  name: "articles",
                  using: {
                    foreign_key_constraint_on: {
                      column: "author_id",
                      table: "article",
                    },
                  },
                },
              ],
              select_permissions: [
                {
                  role: "a",
                  permission: { columns: "*", filter: {}, limit: 5, allow_aggregations: true },
                },
                { role: "b", permission: { columns: ["id"], filter: {} } },
              ],
            },
          ],
          configuration: {
            connection_info: {
              database_url: "$PG_ONE",
              isolation_level: "read-committed",
              use_prepared_statements: false,
            },
          },
        },
      ],
    }),
  ]),
];

function conflict(): Record<string, unknown> {
  return {
    path: "$",
    error: expect.stringMatching(
      /^metadata resource version referenced \(\d+\) did not match current version$/,
    ),
    code: "conflict",
  };
}
