/** GraphQL over websockets: one identity for a whole connection. */
import { expect } from "vitest";
import {
  addSource,
  type Case,
  closeReason,
  does,
  ends,
  type HookStep,
  metadata,
  opens,
  receives,
  type Step,
  SUCCESS,
  sends,
  sql,
  testCase,
} from "../case.ts";

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

/** The suite's own secret is put in its place when the case runs. */
const SECRET = { "X-Hasura-Admin-Secret": "$ADMIN_SECRET" };
const INIT = { type: "connection_init", payload: { headers: SECRET } };
const ACK = { type: "connection_ack" };
const LEGACY = "graphql-ws";

function asks(id: string, query: string, type = "subscribe"): Record<string, unknown> {
  return { type, id, payload: { query } };
}

function hook(answer: Record<string, string>, status = 200): HookStep {
  const body = JSON.stringify({ "X-Hasura-Role": "user", "X-Hasura-User-Id": "1", ...answer });
  return { kind: "hook", mode: "POST", status, body };
}

/** A connection that the hook decides about. */
function initialised(name: string): Step[] {
  return [
    opens(name, "graphql-transport-ws", { Cookie: "session=1" }),
    sends(name, {
      type: "connection_init",
      payload: { headers: { Authorization: "Bearer t" } },
    }),
    receives(name, ACK),
  ];
}

function lives(name: string): Step[] {
  return [
    sends(name, { type: "ping", payload: { n: name } }),
    receives(name, { type: "pong", payload: { n: name } }),
  ];
}

const ALL: readonly ["hook"] = ["hook"];

export const SOCKETS: readonly Case[] = [
  testCase("graphql-transport-ws: a query is answered and completed, and ping with pong", [
    ...START,
    opens("a"),
    sends("a", INIT),
    receives("a", ACK),
    sends("a", asks("1", "{ users(order_by: {id: asc}) { name } }")),
    receives("a", {
      type: "next",
      id: "1",
      payload: { data: { users: [{ name: "a" }, { name: "b" }] } },
    }),
    receives("a", { type: "complete", id: "1" }),
    ...lives("a"),
  ]),
  testCase("graphql-transport-ws: a refused request is an error, and the connection lives on", [
    ...START,
    opens("a"),
    sends("a", INIT),
    receives("a", ACK),
    sends("a", asks("1", "{ nothing }")),
    receives("a", {
      type: "error",
      id: "1",
      payload: [
        {
          message: "field 'nothing' not found in type: 'query_root'",
          extensions: { path: "$.selectionSet.nothing", code: "validation-failed" },
        },
      ],
    }),
    receives("a", { type: "complete", id: "1" }),
    ...lives("a"),
  ]),
  testCase("a subscription tells its rows, and again when they change, until it is completed", [
    ...START,
    opens("a"),
    sends("a", INIT),
    receives("a", ACK),
    sends("a", asks("s", "subscription { users_by_pk(id: 1) { name } }")),
    receives("a", { type: "next", id: "s", payload: { data: { users_by_pk: { name: "a" } } } }),
    sql("UPDATE users SET name = 'changed' WHERE id = 1"),
    receives("a", {
      type: "next",
      id: "s",
      payload: { data: { users_by_pk: { name: "changed" } } },
    }),
    sends("a", { type: "complete", id: "s" }),
    ...lives("a"),
    sends("a", asks("two", "subscription { users { id } other: users { id } }")),
    receives("a", {
      type: "error",
      id: "two",
      payload: [
        {
          message: "subscriptions must select one top level field",
          extensions: { path: "$", code: "validation-failed" },
        },
      ],
    }),
    receives("a", { type: "complete", id: "two" }),
  ]),
  testCase("a role without subscriptions has none", [
    ...START,
    opens("a"),
    sends("a", {
      type: "connection_init",
      payload: { headers: { ...SECRET, "X-Hasura-Role": "stranger" } },
    }),
    receives("a", ACK),
    sends("a", asks("s", "subscription { users { id } }")),
    receives("a", {
      type: "error",
      id: "s",
      payload: [
        {
          message: "no subscriptions exist",
          extensions: { path: "$", code: "validation-failed" },
        },
      ],
    }),
  ]),
  testCase("subscription_root_fields decide which subscriptions a role has", [
    ...START,
    does("pg_create_select_permission", {
      table: "users",
      role: "keyed",
      permission: {
        columns: "*",
        filter: {},
        query_root_fields: ["select"],
        subscription_root_fields: ["select_by_pk"],
      },
    }),
    opens("a"),
    sends("a", {
      type: "connection_init",
      payload: { headers: { ...SECRET, "X-Hasura-Role": "keyed" } },
    }),
    receives("a", ACK),
    sends("a", asks("1", "subscription { users { id } }")),
    receives("a", expect.objectContaining({ type: "error", id: "1" })),
    receives("a", { type: "complete", id: "1" }),
    sends("a", asks("2", "subscription { users_by_pk(id: 2) { name } }")),
    receives("a", { type: "next", id: "2", payload: { data: { users_by_pk: { name: "b" } } } }),
  ]),
  testCase("a wrong secret ends the connection with 4403", [
    opens("a"),
    sends("a", {
      type: "connection_init",
      payload: { headers: { "X-Hasura-Admin-Secret": "wrong" } },
    }),
    ends("a", 4403, closeReason("4403: Forbidden")),
  ]),
  testCase("headers of the upgrade count where the payload has none", [
    opens("a", "graphql-transport-ws", SECRET),
    sends("a", { type: "connection_init" }),
    receives("a", ACK),
  ]),
  testCase("asking before the connection is initialised ends it", [
    opens("a"),
    sends("a", asks("1", "{ __typename }")),
    receives("a", expect.objectContaining({ type: "error", id: "1" })),
    ends("a", 1000, closeReason("4400: start received before the connection is initialised")),
  ]),
  testCase("an id that is in use ends the connection", [
    ...START,
    opens("a"),
    sends("a", INIT),
    receives("a", ACK),
    sends("a", asks("s", "subscription { users { id } }")),
    receives("a", expect.objectContaining({ type: "next", id: "s" })),
    sends("a", asks("s", "{ __typename }")),
    receives("a", expect.objectContaining({ type: "error", id: "s" })),
    ends("a", 1000, closeReason("4400: an operation already exists with this id: s")),
  ]),
  testCase("a message that cannot be read ends the connection with 4400", [
    opens("a"),
    sends("a", { type: "hello" }),
    ends(
      "a",
      4400,
      expect.stringContaining("4400: Parsing client message failed: parsing ClientMessage failed:"),
    ),
  ]),
  testCase("without connection_init it ends with 4408", [
    opens("a"),
    ends("a", 4408, "Connection initialisation timed out"),
  ]),
  testCase("the older protocol: start, data, complete, stop", [
    ...START,
    opens("a", LEGACY),
    sends("a", INIT),
    receives("a", ACK),
    sends("a", asks("1", "{ users_by_pk(id: 1) { name } }", "start")),
    receives("a", { type: "data", id: "1", payload: { data: { users_by_pk: { name: "a" } } } }),
    receives("a", { type: "complete", id: "1" }),
    sends("a", asks("2", "{ nothing }", "start")),
    receives("a", {
      type: "error",
      id: "2",
      payload: {
        errors: [
          {
            message: "field 'nothing' not found in type: 'query_root'",
            extensions: { path: "$.selectionSet.nothing", code: "validation-failed" },
          },
        ],
      },
    }),
    receives("a", { type: "complete", id: "2" }),
    sends("a", { type: "connection_terminate" }),
    ends("a", 1000, "GQL_CONNECTION_TERMINATE received"),
  ]),
  testCase("the older protocol: a refused connection_init is told, then ends with 4400", [
    opens("a", LEGACY),
    sends("a", asks("1", "{ __typename }", "start")),
    receives("a", {
      type: "error",
      id: "1",
      payload: {
        message: "start received before the connection is initialised",
        extensions: { path: "$", code: "start-failed" },
      },
    }),
    receives("a", { type: "complete", id: "1" }),
    sends("a", {
      type: "connection_init",
      payload: { headers: { "X-Hasura-Admin-Secret": "wrong" } },
    }),
    receives("a", {
      type: "connection_error",
      payload: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
    }),
    ends("a", 4400, expect.stringContaining("4400: Connection initialization failed: ")),
  ]),
  testCase("a change of metadata ends every connection with 1012", [
    opens("a"),
    sends("a", INIT),
    receives("a", ACK),
    metadata({ type: "export_metadata", args: {} }),
    ...lives("a"),
    metadata({ type: "reload_metadata", args: {} }, { is_consistent: true, ...SUCCESS }),
    ends("a", 1012, "Server state changed, restarting the server"),
  ]),
  testCase(
    "the hook is asked once, at connection_init, with the headers of both and no request",
    [
      ...START,
      hook({}),
      ...initialised("a"),
      {
        kind: "hook saw",
        expected: {
          headers: expect.objectContaining({ Authorization: "Bearer t", Cookie: "session=1" }),
          request: null,
        },
      },
      {
        kind: "hook saw",
        expected: {
          headers: expect.not.objectContaining({ "Sec-WebSocket-Key": expect.anything() }),
          request: null,
        },
      },
      sends("a", asks("1", "{ users { id } }")),
      receives("a", { type: "next", id: "1", payload: { data: { users: [{ id: 1 }] } } }),
      receives("a", { type: "complete", id: "1" }),
      { kind: "hook calls", expected: 1 },
    ],
    ALL,
  ),
  testCase(
    "a connection that the hook refuses ends with 4403",
    [
      hook({}, 401),
      opens("a"),
      sends("a", { type: "connection_init" }),
      ends("a", 4403, closeReason("4403: Forbidden")),
    ],
    ALL,
  ),
  testCase(
    "P test_webhook.py TestWebhookSubscriptionExpiry: Expires, Cache-Control, both, and what cannot be read",
    [
      ...START,
      hook({ "Cache-Control": "max-age=600", Expires: "$IN_2S" }),
      ...initialised("both"),
      hook({ "Cache-Control": "nonsense", Expires: "nonsense" }),
      ...initialised("unparsable"),
      hook({ "Cache-Control": "private, max-age=1" }),
      ...initialised("max-age"),
      hook({ Expires: "$IN_2S" }),
      ...initialised("expires"),
      ends("max-age", expect.any(Number), ""),
      ends("expires", expect.any(Number), ""),
      ...lives("both"),
      ...lives("unparsable"),
    ],
    ALL,
  ),
];
