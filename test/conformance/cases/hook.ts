/** The authentication hook in both modes. */
import { expect } from "vitest";
import {
  addSource,
  type Case,
  does,
  type HookStep,
  metadata,
  query,
  request,
  type Step,
  sql,
  testCase,
} from "../case.ts";

const ROLE = { "X-Hasura-Role": "user", "X-Hasura-User-Id": "1" };

const START: readonly Step[] = [
  sql(
    "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, 'b')",
  ),
  addSource(),
  does("pg_track_table", { table: "users" }),
  does("pg_create_select_permission", {
    table: "users",
    role: "user",
    permission: { columns: "*", filter: { id: "X-Hasura-User-Id" } },
  }),
];

function hook(
  answer: unknown = ROLE,
  options: { status?: number; mode?: "GET" | "POST"; sendsRequest?: boolean } = {},
): HookStep {
  const { mode = "POST", status = 200, sendsRequest = true } = options;
  const body = typeof answer === "string" ? answer : JSON.stringify(answer);
  return { kind: "hook", mode, status, body, sendsRequest };
}

const NO_PERSISTED_QUERIES = {
  errors: [
    {
      message: "PersistedQueryNotSupported",
      extensions: { path: "$", code: "not-supported" },
    },
  ],
};

const NO_SECRET = { admin: false, headers: { "Auth-User-Id": "1" } };
const ONE = { users: [{ id: 1 }] };

function refused(code: string, message: string): ReturnType<typeof request> {
  return request(
    "POST",
    "/v1/graphql",
    { query: "{ users { id } }" },
    { errors: [{ message, extensions: { path: "$", code } }] },
    NO_SECRET,
  );
}

function saw(graphql: unknown): Step {
  return {
    kind: "hook saw",
    expected: { headers: expect.objectContaining({ "Auth-User-Id": "1" }), request: graphql },
  };
}

const ALL: readonly ["hook"] = ["hook"];
const MODES: readonly ["hook", "hook modes"] = ["hook", "hook modes"];

export const HOOK: readonly Case[] = [
  testCase(
    "P test_webhook_request_context.py: the hook sees exactly what was sent of the request",
    [
      ...START,
      hook(),
      query("query allUsers { users { id } }", ONE, { ...NO_SECRET, operationName: "allUsers" }),
      saw({ query: "query allUsers { users { id } }", operationName: "allUsers" }),
      query("query q($id: Int!) { users(where: {id: {_eq: $id}}) { id } }", ONE, {
        ...NO_SECRET,
        variables: { id: 1 },
      }),
      saw({
        query: "query q($id: Int!) { users(where: {id: {_eq: $id}}) { id } }",
        variables: { id: 1 },
      }),
    ],
    ALL,
  ),
  testCase(
    "P test_webhook_request_context.py test_query_invalid: a body that is no request still reaches the hook",
    [
      ...START,
      hook(),
      request(
        "POST",
        "/v1/graphql",
        '"invalid-query"',
        {
          errors: [
            { message: expect.any(String), extensions: { path: "$", code: "parse-failed" } },
          ],
        },
        NO_SECRET,
      ),
      saw(null),
    ],
    ALL,
  ),
  testCase(
    "a batch reaches the hook as a list, once",
    [
      ...START,
      hook(),
      request(
        "POST",
        "/v1/graphql",
        [{ query: "{ users { id } }" }, { query: "{ __typename }" }],
        [{ data: ONE }, { data: { __typename: "query_root" } }],
        NO_SECRET,
      ),
      saw([{ query: "{ users { id } }" }, { query: "{ __typename }" }]),
    ],
    ALL,
  ),
  testCase(
    "in GET mode the client's own headers go along, and no request",
    [
      ...START,
      hook(ROLE, { mode: "GET" }),
      query("{ users { id } }", ONE, {
        admin: false,
        headers: { Authorization: "Bearer t", Origin: "http://x", "X-Hasura-Role": "admin" },
      }),
      {
        kind: "hook saw",
        expected: {
          headers: expect.objectContaining({ authorization: "Bearer t", "x-hasura-role": "admin" }),
        },
      },
      {
        kind: "hook saw",
        expected: { headers: expect.not.objectContaining({ origin: expect.anything() }) },
      },
      {
        kind: "hook saw",
        expected: { headers: expect.not.objectContaining({ "content-type": expect.anything() }) },
      },
    ],
    MODES,
  ),
  testCase(
    "what the hook's answers amount to",
    [
      ...START,
      hook("", { status: 401 }),
      refused("access-denied", "Authentication hook unauthorized this request"),
      hook("", { status: 403 }),
      refused("unexpected", "Invalid response from authorization hook"),
      hook("", { status: 500 }),
      refused("unexpected", "Invalid response from authorization hook"),
      hook({ "X-Hasura-User-Id": "1" }),
      refused("invalid-params", '"x-hasura-role" not found in session variables'),
      hook({ "X-Hasura-Role": 1 }),
      request(
        "POST",
        "/v1/graphql",
        { query: "{ users { id } }" },
        {
          errors: [
            {
              message: expect.stringMatching(/^Invalid response from authorization hook: /),
              extensions: { path: "$", code: "unexpected" },
            },
          ],
        },
        NO_SECRET,
      ),
      hook({ "x-hasura-role": "user", "x-HASURA-user-id": "2", other: "dropped" }),
      query("{ users { id } }", { users: [{ id: 2 }] }, NO_SECRET),
    ],
    ALL,
  ),
  testCase(
    "P test_webhook.py: the metadata API with a hook and no secret",
    [
      hook("", { status: 401 }),
      metadata(
        { type: "export_metadata", args: {} },
        {
          path: "$",
          error: "Authentication hook unauthorized this request",
          code: "access-denied",
        },
        { ...NO_SECRET, status: 401 },
      ),
      hook(),
      metadata(
        { type: "export_metadata", args: {} },
        { path: "$.args", error: "restricted access : admin only", code: "access-denied" },
        { ...NO_SECRET, status: 400 },
      ),
      saw(null),
      hook({ "X-Hasura-Role": "admin" }),
      metadata({ type: "export_metadata", args: {} }, { version: 3, sources: [] }, NO_SECRET),
    ],
    ALL,
  ),
  testCase(
    "GET /v1/graphql and persisted queries: no request to show, and not supported",
    [
      hook(),
      request(
        "GET",
        "/v1/graphql?query=%7B__typename%7D",
        undefined,
        NO_PERSISTED_QUERIES,
        NO_SECRET,
      ),
      saw(null),
      request(
        "POST",
        "/v1/graphql",
        { extensions: { persistedQuery: { version: 1, sha256Hash: "0" } } },
        NO_PERSISTED_QUERIES,
        NO_SECRET,
      ),
      saw(null),
      request(
        "POST",
        "/v1/graphql",
        { query: "{ a }", extensions: { persistedQuery: { version: 1, sha256Hash: "0" } } },
        NO_PERSISTED_QUERIES,
        NO_SECRET,
      ),
      saw({ query: "{ a }" }),
    ],
    ALL,
  ),
  testCase(
    "a hook that is not to be told of requests gets the headers alone",
    [
      ...START,
      hook(ROLE, { sendsRequest: false }),
      query("{ users { id } }", ONE, NO_SECRET),
      {
        kind: "hook saw",
        expected: { headers: expect.objectContaining({ "Auth-User-Id": "1" }) },
      },
    ],
    MODES,
  ),
  testCase(
    "the hook is not asked when the secret is sent, right or wrong",
    [
      ...START,
      hook("", { status: 500 }),
      query("{ users(order_by: {id: asc}) { id } }", { users: [{ id: 1 }, { id: 2 }] }),
      request(
        "POST",
        "/v1/graphql",
        { query: "{ users { id } }" },
        {
          errors: [
            {
              message: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
              extensions: { path: "$", code: "access-denied" },
            },
          ],
        },
        { admin: false, headers: { "X-Hasura-Admin-Secret": "wrong" } },
      ),
    ],
    ALL,
  ),
];
