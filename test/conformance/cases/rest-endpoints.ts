/** Query collections and REST endpoints. */
import { expect } from "vitest";
import {
  addSource,
  as,
  type Case,
  does,
  fails,
  type HookStep,
  type Method,
  metadata,
  moved,
  request,
  type Step,
  sql,
  testCase,
} from "../case.ts";

const QUERIES = [
  ["simple_query", "query { test_table { first_name last_name } }"],
  [
    "query_with_arg",
    "query ($first_name:String!) { test_table(where: {first_name: { _eq: $first_name } }) { first_name last_name } }",
  ],
  [
    "query_with_uuid_args",
    "query ($ids: [uuid!]!) { test_table(where: {id: { _in: $ids }}) { first_name } }",
  ],
  ["simple_subscription", "subscription { test_table { first_name last_name } }"],
].map(([name, query]) => ({ name, query }));

const START: readonly Step[] = [
  sql(`CREATE TABLE test_table (first_name text, last_name text, id uuid NOT NULL DEFAULT gen_random_uuid());
    INSERT INTO test_table (first_name, last_name) VALUES ('Foo', 'Bar'), ('Baz', 'Qux'), ('X%20Y', 'Test')`),
  addSource(),
  does("pg_track_table", { table: "test_table" }),
  does("create_query_collection", { name: "test_collection", definition: { queries: QUERIES } }),
  does("create_rest_endpoint", endpoint("simple", "simple", "simple_query")),
  does("create_rest_endpoint", endpoint("with_arg", "with_arg", "query_with_arg", "GET", "POST")),
  does(
    "create_rest_endpoint",
    endpoint("with_template", "with_template/:first_name", "query_with_arg"),
  ),
  does(
    "create_rest_endpoint",
    endpoint("with_uuids", "with_uuids", "query_with_uuid_args", "POST"),
  ),
];

function endpoint(
  name: string,
  url: string,
  query: string,
  ...methods: string[]
): Record<string, unknown> {
  return {
    url,
    name,
    methods: methods.length > 0 ? methods : ["GET"],
    definition: { query: { collection_name: "test_collection", query_name: query } },
  };
}

function rest(
  path: string,
  expected: unknown,
  options: Parameters<typeof request>[4] & { method?: Method; body?: unknown } = {},
): ReturnType<typeof request> {
  const { method = "GET", body, ...more } = options;
  return request(method, `/api/rest/${path}`, body, expected, more);
}

function refused(
  path: string,
  status: number,
  code: string,
  error: string,
  options: Parameters<typeof rest>[2] = {},
): ReturnType<typeof request> {
  return rest(path, { path: "$", error, code }, { ...options, status });
}

const FOO = { test_table: [{ first_name: "Foo", last_name: "Bar" }] };
const Y = "Y endpoints";

export const REST_ENDPOINTS: readonly Case[] = [
  testCase(`${Y}/endpoint_simple.yaml: the data alone, and endpoint_dropped.yaml`, [
    ...START,
    rest("simple", {
      test_table: [
        { first_name: "Foo", last_name: "Bar" },
        { first_name: "Baz", last_name: "Qux" },
        { first_name: "X%20Y", last_name: "Test" },
      ],
    }),
    does("drop_rest_endpoint", { name: "simple" }),
    refused("simple", 404, "not-found", "Endpoint not found"),
    fails(
      "drop_rest_endpoint",
      { name: "simple" },
      400,
      "not-exists",
      "endpoint with name: simple does not exist",
    ),
  ]),
  testCase(`${Y}/endpoint_with_template.yaml and others: variables of path, query and body`, [
    ...START,
    rest("with_template/Foo", FOO),
    rest("with_arg?first_name=Foo", FOO),
    rest("with_arg", FOO, { method: "POST", body: { first_name: "Foo" } }),
    rest(
      "with_uuids",
      { test_table: [] },
      {
        method: "POST",
        body: { ids: ["81F1BFEA-C169-44B5-B4C8-37E9A071ABD0"] },
      },
    ),
    refused("with_arg?first_name=Foo&nope=1", 400, "bad-request", "Unexpected variable nope"),
  ]),
  testCase(`${Y}/endpoint_with_query_arg_missing_arg.yaml: errors keep their status`, [
    ...START,
    refused(
      "with_arg",
      400,
      "validation-failed",
      'expecting a value for non-nullable variable: "first_name"',
    ),
    rest(
      "simple",
      {
        path: "$.selectionSet.test_table",
        error: "field 'test_table' not found in type: 'query_root'",
        code: "validation-failed",
      },
      { status: 400, ...as("user") },
    ),
    refused(
      "simple",
      401,
      "access-denied",
      'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
      { admin: false, headers: { "X-Hasura-Admin-Secret": "wrong" } },
    ),
  ]),
  testCase(`${Y}/endpoint_simple_wrong_method.yaml and endpoint_missing.yaml`, [
    ...START,
    refused("simple", 405, "method-not-allowed", "Allowed methods: GET", { method: "DELETE" }),
    refused("with_arg", 405, "method-not-allowed", "Allowed methods: GET, POST", {
      method: "DELETE",
    }),
    refused("void", 404, "not-found", "Endpoint not found"),
  ]),
  testCase(
    `${Y}/endpoint_trailing_slash.yaml and endpoint_duplicate_param.yaml: paths that are refused`,
    [
      ...START,
      fails(
        "create_rest_endpoint",
        endpoint("x", "foo/", "simple_query"),
        400,
        "bad-request",
        "Empty segments or unnamed variables are not allowed: foo/",
      ),
      fails(
        "create_rest_endpoint",
        endpoint("x", "foo/:id/bar/:id", "simple_query"),
        400,
        "bad-request",
        "Duplicate variables found in endpoint paths: foo/:id/bar/:id",
      ),
      fails(
        "create_rest_endpoint",
        endpoint("simple", "other", "simple_query"),
        400,
        "already-exists",
        "Endpoint with name: simple already exists",
      ),
      fails(
        "create_rest_endpoint",
        endpoint("x", "", "simple_query"),
        400,
        "parse-failed",
        "empty string not allowed",
        { path: "$.args.url" },
      ),
    ],
  ),
  testCase(
    `${Y}/endpoint_conflicting.yaml and endpoint_subscription.yaml: what would be inconsistent`,
    [
      ...START,
      moved(7),
      fails(
        "create_rest_endpoint",
        endpoint("conflicting", ":conflicting", "simple_query"),
        400,
        "unexpected",
        "cannot continue due to new inconsistent metadata",
        {
          internal: [
            {
              reason: "Ambiguous URL paths: :conflicting, simple, with_arg",
              conflicts: ["conflicting", "simple", "with_arg"].map((name) =>
                expect.objectContaining({
                  name,
                  comment: null,
                  definition: { query: expect.stringContaining("test_table") },
                }),
              ),
            },
          ],
        },
      ),
      fails(
        "create_rest_endpoint",
        endpoint("foo", "foo/bar/subscribe", "simple_subscription"),
        400,
        "unexpected",
        "cannot continue due to new inconsistent metadata",
        {
          internal: [
            {
              definition: {
                ...endpoint("foo", "foo/bar/subscribe", "simple_subscription"),
                comment: null,
              },
              reason:
                "Inconsistent object: in endpoint foo: query with name simple_subscription is a subscription",
              name: "endpoint foo",
              type: "endpoint",
            },
          ],
        },
      ),
      moved(0),
    ],
  ),
  testCase(
    `${Y}/endpoint_query_validation.yaml: a table that an endpoint reads cannot be untracked`,
    [
      ...START,
      fails(
        "pg_untrack_table",
        { table: "test_table" },
        500,
        "unexpected",
        "cannot continue due to newly found inconsistent metadata",
        {
          internal: expect.arrayContaining([
            {
              definition: { ...endpoint("simple", "simple", "simple_query"), comment: null },
              reason:
                'Inconsistent object: simple ("Couldn\'t find field test_table in root field query_root")',
              name: "rest_endpoint simple",
              type: "rest_endpoint",
            },
          ]),
        },
      ),
    ],
  ),
  testCase("collections: queries come and go, and are exported with the endpoints", [
    does("create_query_collection", { name: "c", definition: { queries: [] }, comment: "mine" }),
    fails(
      "create_query_collection",
      { name: "c", definition: { queries: [] } },
      400,
      "already-exists",
      'query collection with name "c" already exists',
      { path: "$.args.name" },
    ),
    does("add_query_to_collection", {
      collection_name: "c",
      query_name: "q",
      query: "{ __typename }",
    }),
    does("create_rest_endpoint", {
      ...endpoint("e", "e", "q"),
      definition: { query: { collection_name: "c", query_name: "q" } },
    }),
    metadata(
      { type: "export_metadata", args: {} },
      {
        version: 3,
        sources: [],
        query_collections: [
          {
            name: "c",
            comment: "mine",
            definition: { queries: [{ name: "q", query: "{ __typename }" }] },
          },
        ],
        rest_endpoints: [
          {
            name: "e",
            url: "e",
            methods: ["GET"],
            definition: { query: { collection_name: "c", query_name: "q" } },
          },
        ],
      },
    ),
    rest("e", { __typename: "query_root" }),
    does("drop_rest_endpoint", { name: "e" }),
    does("drop_query_from_collection", { collection_name: "c", query_name: "q" }),
    does("drop_query_collection", { collection: "c", cascade: false }),
    metadata({ type: "export_metadata", args: {} }, { version: 3, sources: [] }),
  ]),
  testCase(
    "the hook is asked without a request, and its 401 is a 401",
    [
      ...START,
      hook(200),
      rest("simple?first_name=x", expect.anything(), {
        admin: false,
        headers: { Authorization: "t" },
        status: 400,
      }),
      {
        kind: "hook saw",
        expected: { headers: expect.objectContaining({ Authorization: "t" }), request: null },
      },
      hook(401),
      refused("simple", 401, "access-denied", "Authentication hook unauthorized this request", {
        admin: false,
      }),
    ],
    ["hook"],
  ),
];

function hook(status: number): HookStep {
  return { kind: "hook", mode: "POST", status, body: '{"X-Hasura-Role":"user"}' };
}
