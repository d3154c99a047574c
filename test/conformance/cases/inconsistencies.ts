/** Objects that do not fit their database, or one another. */
import { expect } from "vitest";
import {
  addSource,
  type Case,
  does,
  fails,
  metadata,
  query,
  SUCCESS,
  sql,
  testCase,
} from "../case.ts";
import { AUTHORS, CONSISTENT, FOOBAR, replace, source } from "./whole-metadata.ts";

export const INCONSISTENCIES: readonly Case[] = [
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
];
