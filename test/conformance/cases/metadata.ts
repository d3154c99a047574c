/** Export, replace, reload, clear and the resource version. */
import { expect } from "vitest";
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

const AUTHORS = sql(`CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE);
  CREATE TABLE article (id serial PRIMARY KEY, title text, author_id int REFERENCES author (id));`);

function source(tables: unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "default",
    kind: "postgres",
    tables,
    configuration: { connection_info: { database_url: "$PG_ONE" } },
    ...more,
  };
}

function replace(
  metadataObject: unknown,
  args: Record<string, unknown> = {},
): { type: string; args: unknown } {
  return { type: "replace_metadata", args: { ...args, metadata: metadataObject } };
}

const CONSISTENT = { is_consistent: true, inconsistent_objects: [] };
const FOOBAR = {
  definition: { schema: "public", name: "foobar" },
  name: "table foobar in source default",
  reason: 'Inconsistent object: no such table/view exists in source: "foobar"',
  type: "table",
};
const EXPORT = { type: "export_metadata", args: {} };

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
  testCase(
    "Y v1/metadata/replace_metadata_allow_inconsistent_inconsistent.yaml: what is inconsistent is listed",
    [
      AUTHORS,
      addSource(),
      metadata(
        {
          ...replace(
            {
              tables: [
                {
                  table: "foobar",
                  array_relationships: [
                    {
                      name: "articles",
                      using: {
                        foreign_key_constraint_on: { column: "author_id", table: "article" },
                      },
                    },
                  ],
                },
                {
                  table: "article",
                  object_relationships: [
                    { name: "author", using: { foreign_key_constraint_on: "author_id" } },
                  ],
                },
              ],
            },
            { allow_inconsistent_metadata: true },
          ),
          version: 2,
        },
        {
          is_consistent: false,
          inconsistent_objects: expect.arrayContaining([
            FOOBAR,
            {
              definition: {
                using: { foreign_key_constraint_on: "author_id" },
                name: "author",
                source: "default",
                comment: null,
                table: { schema: "public", name: "article" },
              },
              name: "object_relation author in table article in source default",
              reason: 'Inconsistent object: table "author" is not tracked',
              type: "object_relation",
            },
          ]),
        },
      ),
    ],
  ),
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
  testCase(
    "P test_metadata.py test_replace_metadata_disallow_inconsistent_metadata: insert permissions that cannot be inherited",
    [
      AUTHORS,
      metadata(
        {
          ...replace({
            version: 3,
            sources: [
              source([
                {
                  table: { schema: "public", name: "author" },
                  insert_permissions: [
                    {
                      role: "user1",
                      permission: { check: {}, columns: ["id", "name"], backend_only: false },
                    },
                    {
                      role: "user2",
                      permission: {
                        check: { id: { _eq: "X-Hasura-User-Id" } },
                        columns: ["id", "name"],
                        backend_only: false,
                      },
                    },
                  ],
                },
              ]),
            ],
            inherited_roles: [{ role_name: "users", role_set: ["user2", "user1"] }],
          }),
          version: 2,
        },
        {
          internal: [
            {
              reason:
                "Could not inherit permission for the role 'users' for the entity: 'insert permission, table: author, source: 'default''",
              name: "users",
              type: "inherited role permission inconsistency",
              entity: { permission_type: "insert", source: "default", table: "author" },
            },
          ],
          path: "$.args",
          error: "cannot continue due to inconsistent metadata",
          code: "unexpected",
        },
        { status: 400 },
      ),
    ],
  ),
  testCase("a new inconsistency elsewhere blocks a command, an old one only a replace", [
    AUTHORS,
    addSource(),
    does("pg_track_table", { table: "author" }),
    sql("DROP TABLE author CASCADE"),
    fails(
      "pg_track_table",
      { table: "article" },
      400,
      "unexpected",
      "cannot continue due to new inconsistent metadata",
      { internal: [expect.objectContaining({ name: "table author in source default" })] },
    ),
    metadata({ type: "reload_metadata", args: {} }),
    does("pg_track_table", { table: "article" }),
    fails(
      "pg_track_table",
      { table: "author" },
      400,
      "invalid-configuration",
      'Inconsistent object: no such table/view exists in source: "author"',
      { internal: [expect.objectContaining({ name: "table author in source default" })] },
    ),
    metadata(
      replace({ version: 3, sources: [source([{ table: "author" }, { table: "article" }])] }),
      {
        path: "$.args",
        error: "cannot continue due to inconsistent metadata",
        code: "unexpected",
        internal: [expect.objectContaining({ name: "table author in source default" })],
      },
      { status: 400 },
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
  testCase(
    "H API/Metadata/InconsistentSpec.hs: a missing table is flagged, and recognised when it comes back",
    [
      metadata(
        replace(
          { version: 3, sources: [source([{ table: "foobar" }])] },
          {
            allow_inconsistent_metadata: true,
          },
        ),
        { is_consistent: false, inconsistent_objects: [FOOBAR] },
      ),
      sql("CREATE TABLE foobar (id int)"),
      metadata(
        { type: "get_inconsistent_metadata", args: {} },
        {
          is_consistent: false,
          inconsistent_objects: [FOOBAR],
        },
      ),
      metadata(
        { type: "reload_metadata", args: { reload_sources: true } },
        { ...SUCCESS, is_consistent: true },
      ),
      sql("DROP TABLE foobar"),
      query("{ __typename }", { __typename: "query_root" }),
      metadata(
        { type: "reload_metadata", args: { reload_sources: ["default"] } },
        { ...SUCCESS, is_consistent: false, inconsistent_objects: [FOOBAR] },
      ),
      does("drop_inconsistent_metadata", {}),
      metadata({ type: "get_inconsistent_metadata", args: {} }, CONSISTENT),
    ],
  ),
  testCase(
    "Y inconsistent_objects/expectation.yaml: a dropped table takes relationships to it along",
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
      sql("DROP TABLE article"),
      metadata({ type: "reload_metadata", args: {} }),
      metadata(
        { type: "get_inconsistent_metadata", args: {} },
        {
          is_consistent: false,
          inconsistent_objects: [
            expect.objectContaining({ name: "table article in source default", type: "table" }),
            expect.objectContaining({
              type: "array_relation",
              reason:
                'Inconsistent object: in table "author": in relationship "articles": table "article" does not exist in source: default',
            }),
          ],
        },
      ),
    ],
  ),
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
