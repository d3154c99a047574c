/** Select permissions: what is refused, what they let through. */
import { expect } from "vitest";
import {
  addSource,
  as,
  type Case,
  does,
  fails,
  metadata,
  query,
  queryFails,
  sql,
  testCase,
} from "../case.ts";

const AUTHORS = [
  sql(`CREATE TABLE author (id int PRIMARY KEY, name text);
    INSERT INTO author VALUES (1, 'Author 1'), (2, 'Author 2'), (3, 'Author 3');`),
  addSource(),
  does("pg_track_table", { table: "author" }),
];

function permission(role: string, definition: Record<string, unknown>): Record<string, unknown> {
  return { table: "author", role, permission: { columns: "*", filter: {}, ...definition } };
}

function refused(
  role: string,
  definition: Record<string, unknown>,
  cause: string,
): ReturnType<typeof fails> {
  const reason = `Inconsistent object: in table "author": in permission for role "${role}": ${cause}`;
  return fails(
    "pg_create_select_permission",
    permission(role, definition),
    400,
    "invalid-configuration",
    reason,
    {
      internal: [
        {
          definition: {
            comment: null,
            permission: {
              columns: "*",
              filter: {},
              allow_aggregations: false,
              computed_fields: [],
              ...definition,
            },
            role,
            source: "default",
            table: { schema: "public", name: "author" },
          },
          name: `select_permission ${role} in table author in source default`,
          reason,
          type: "select_permission",
        },
      ],
    },
  );
}

export const PERMISSIONS: readonly Case[] = [
  testCase("Y v1/permissions/create_article_permission_role_admin_error.yaml: admin has them all", [
    ...AUTHORS,
    fails(
      "pg_create_select_permission",
      permission("admin", {}),
      400,
      "already-exists",
      'select permission already defined on table "author" with role "admin"',
    ),
  ]),
  testCase("given twice, dropped twice", [
    ...AUTHORS,
    does("pg_create_select_permission", permission("user", {})),
    fails(
      "pg_create_select_permission",
      permission("user", {}),
      400,
      "already-exists",
      'select permission already defined on table "author" with role "user"',
    ),
    does("pg_drop_select_permission", { table: "author", role: "user" }),
    fails(
      "pg_drop_select_permission",
      { table: "author", role: "user" },
      400,
      "permission-denied",
      'select permission on "author" for role "user" does not exist',
    ),
    fails(
      "pg_create_select_permission",
      { ...permission("user", {}), table: "nope" },
      400,
      "not-exists",
      'table "nope" does not exist in source: default',
    ),
    fails(
      "pg_drop_select_permission",
      { source: "nope", table: "author", role: "user" },
      400,
      "not-exists",
      'source with name "nope" does not exist',
    ),
  ]),
  testCase("a column that does not exist is refused with the whole definition", [
    ...AUTHORS,
    refused("user", { columns: ["id", "x"] }, 'column "x" does not exist'),
    refused("user", { limit: -1 }, "unexpected negative value"),
    refused("user", { computed_fields: ["random"] }, 'computed field "random" does not exist'),
  ]),
  testCase(
    "H Auth/Authorization/DisableRootFields/SelectPermission/EnablePKSpec.hs: select_by_pk needs the key",
    [
      ...AUTHORS,
      refused(
        "no_key",
        { columns: ["name"], query_root_fields: ["select", "select_by_pk"] },
        'The "select_by_pk" field cannot be included in the query_root_fields or subscription_root_fields because the role "no_key" does not have access to the primary key of the table "author" in the source "default"',
      ),
      does(
        "pg_create_select_permission",
        permission("user", {
          filter: { id: "X-Hasura-User-Id" },
          query_root_fields: ["select_by_pk"],
          subscription_root_fields: ["select_by_pk"],
        }),
      ),
      query(
        "{ __schema { queryType { fields { name } } } }",
        {
          __schema: { queryType: { fields: [{ name: "author_by_pk" }] } },
        },
        as("user", { "X-Hasura-User-Id": "1" }),
      ),
      query(
        "{ author_by_pk(id: 1) { name } other: author_by_pk(id: 2) { name } }",
        { author_by_pk: { name: "Author 1" }, other: null },
        as("user", { "X-Hasura-User-Id": "1" }),
      ),
    ],
  ),
  testCase(
    "H Auth/Authorization/DisableRootFields/SelectPermission/EnableAggSpec.hs: select_aggregate needs allow_aggregations",
    [
      ...AUTHORS,
      refused(
        "user",
        { columns: ["name"], query_root_fields: ["select", "select_aggregate"] },
        'The "select_aggregate" root field can only be enabled in the query_root_fields or  the subscription_root_fields when "allow_aggregations" is set to true',
      ),
    ],
  ),
  testCase("columns, filter and limit decide what a role sees", [
    ...AUTHORS,
    does(
      "pg_create_select_permission",
      permission("some", { columns: ["id"], filter: { id: { _gt: 1 } }, limit: 1 }),
    ),
    query("{ author(order_by: {id: desc}) { id } }", { author: [{ id: 3 }] }, as("some")),
    query("{ author(order_by: {id: asc}, limit: 5) { id } }", { author: [{ id: 2 }] }, as("some")),
    queryFails(
      "{ author { name } }",
      "validation-failed",
      "$.selectionSet.author.selectionSet.name",
      "field 'name' not found in type: 'author'",
      as("some"),
    ),
    queryFails(
      "{ author_aggregate { aggregate { count } } }",
      "validation-failed",
      "$.selectionSet.author_aggregate",
      "field 'author_aggregate' not found in type: 'query_root'",
      as("some"),
    ),
  ]),
  testCase("without the key's columns there is no field by primary key", [
    ...AUTHORS,
    does("pg_create_select_permission", permission("names", { columns: ["name"] })),
    query(
      "{ __schema { queryType { fields { name } } } }",
      { __schema: { queryType: { fields: [{ name: "author" }] } } },
      as("names"),
    ),
  ]),
  testCase("a limit caps the rows that are shown, not those that are counted", [
    ...AUTHORS,
    does("pg_create_select_permission", permission("some", { limit: 2, allow_aggregations: true })),
    query(
      "{ author_aggregate(order_by: {id: asc}) { aggregate { count } nodes { id } } }",
      { author_aggregate: { aggregate: { count: 3 }, nodes: [{ id: 1 }, { id: 2 }] } },
      as("some"),
    ),
    query("{ author(order_by: {id: asc}, limit: 1) { id } }", { author: [{ id: 1 }] }, as("some")),
  ]),
  testCase("session variables stand in filters; without one the request fails", [
    ...AUTHORS,
    does(
      "pg_create_select_permission",
      permission("own", {
        filter: { _or: [{ id: { _eq: "X-Hasura-User-Id" } }, { name: { _in: ["Author 3"] } }] },
      }),
    ),
    query(
      "{ author(order_by: {id: asc}) { id } }",
      { author: [{ id: 2 }, { id: 3 }] },
      as("own", { "x-hasura-user-id": "2" }),
    ),
    queryFails(
      "{ author { id } }",
      "not-found",
      "$",
      'missing session variable: "x-hasura-user-id"',
      as("own"),
    ),
  ]),
  testCase("no columns still give the root field, with nothing to select", [
    ...AUTHORS,
    does("pg_create_select_permission", permission("blind", { columns: [] })),
    query(
      "{ author { __typename } }",
      {
        author: [{ __typename: "author" }, { __typename: "author" }, { __typename: "author" }],
      },
      as("blind"),
    ),
    queryFails(
      "{ author { id } }",
      "validation-failed",
      "$.selectionSet.author.selectionSet.id",
      "field 'id' not found in type: 'author'",
      as("blind"),
    ),
  ]),
  testCase("a comment is kept and can be changed; keys that Hasura does not know are dropped", [
    ...AUTHORS,
    does("pg_create_select_permission", { ...permission("user", { set: [] }), comment: "first" }),
    does("pg_set_permission_comment", {
      table: "author",
      role: "user",
      type: "select",
      comment: "second",
    }),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [
          expect.objectContaining({
            tables: [
              {
                table: { schema: "public", name: "author" },
                select_permissions: [
                  { role: "user", permission: { columns: "*", filter: {} }, comment: "second" },
                ],
              },
            ],
          }),
        ],
      },
    ),
  ]),
];
