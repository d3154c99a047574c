/** What is wrong with a query, in Hasura's words, with HTTP 200. */
import { expect } from "vitest";
import {
  addSource,
  as,
  type Case,
  does,
  metadata,
  query,
  queryFails,
  request,
  sql,
  testCase,
} from "../case.ts";

const START = [
  sql("CREATE TABLE author (id int PRIMARY KEY, name text)"),
  addSource(),
  does("pg_track_table", { table: "author" }),
];

function invalid(
  text: string,
  path: string,
  message: unknown,
  options: Parameters<typeof queryFails>[4] = {},
): ReturnType<typeof queryFails> {
  return queryFails(text, "validation-failed", path, message, options);
}

export const VALIDATION: readonly Case[] = [
  testCase("unknown fields, where they stand: names, not aliases", [
    ...START,
    invalid(
      "{ a: nothing }",
      "$.selectionSet.nothing",
      "field 'nothing' not found in type: 'query_root'",
    ),
    invalid(
      "{ author { id } b: author { followers { id } } }",
      "$.selectionSet.author.selectionSet.followers",
      "field 'followers' not found in type: 'author'",
    ),
    invalid(
      "{ author(where: {nope: {_eq: 1}}) { id } }",
      "$.selectionSet.author.args.where.nope",
      "field 'nope' not found in type: 'author_bool_exp'",
    ),
    invalid(
      "{ author(nope: 1) { id } }",
      "$.selectionSet.author",
      "'author' has no argument named 'nope'",
    ),
    invalid(
      "{ author }",
      "$.selectionSet.author.selectionSet",
      "missing selection set for 'author'",
    ),
    invalid(
      "{ author { id { x } } }",
      "$.selectionSet.author.selectionSet.id",
      "unexpected subselection set for non-object field",
    ),
    invalid(
      "{ author_by_pk { id } }",
      "$.selectionSet.author_by_pk.args.id",
      "missing required field 'id'",
    ),
  ]),
  testCase("a role without permissions: any field is unknown to it", [
    ...START,
    invalid(
      "{ author { id } }",
      "$.selectionSet.author",
      "field 'author' not found in type: 'query_root'",
      as("stranger"),
    ),
  ]),
  testCase("Y graphql_validation/variable_type_mismatch.yaml: a variable of another type", [
    ...START,
    invalid(
      "query get_author($limit: String) { author(limit: $limit) { id name } }",
      "$.selectionSet.author.args.limit",
      "variable 'limit' is declared as 'String', but used where 'Int' is expected",
      { variables: { limit: 42 } },
    ),
  ]),
  testCase("values of another type", [
    ...START,
    invalid(
      '{ author(where: {id: {_eq: "1"}}) { id } }',
      "$.selectionSet.author.args.where.id._eq",
      "expected a 32-bit integer for type 'Int', but found a string",
    ),
    invalid(
      "{ author(limit: -1) { id } }",
      "$.selectionSet.author.args.limit",
      "expected a non-negative 32-bit integer for type 'Int', but found an integer",
    ),
    invalid(
      "{ author(order_by: {id: up}) { id } }",
      "$.selectionSet.author.args.order_by.id",
      expect.stringMatching(
        /^expected one of the values \[.*\] for type 'order_by', but found 'up'$/,
      ),
    ),
    invalid(
      "{ author(where: {id: {_eq: null}}) { id } }",
      "$.selectionSet.author.args.where.id._eq",
      "unexpected null value for type 'Int'",
    ),
  ]),
  testCase("variables that are missing, unbound or unexpected", [
    ...START,
    invalid(
      "query q($id: Int!) { author_by_pk(id: $id) { id } }",
      "$",
      'expecting a value for non-nullable variable: "id"',
    ),
    invalid("{ author_by_pk(id: $id) { id } }", "$", 'unbound variable "id"'),
    invalid("{ author { id } }", "$", "unexpected variables in variableValues: x", {
      variables: { x: 1 },
    }),
  ]),
  testCase("which operation", [
    ...START,
    invalid(
      "query a { author { id } } query b { author { id } }",
      "$",
      "exactly one operation has to be present in the document when operationName is not specified",
    ),
    invalid("query a { author { id } }", "$", 'no such operation found in the document: "c"', {
      operationName: "c",
    }),
    invalid("{ author { id }", "$.query", "not a valid graphql query"),
    invalid("{ ...nope }", "$.selectionSet", 'reference to undefined fragment "nope"'),
  ]),
  testCase("mutations and subscriptions of a role that has none", [
    ...START,
    invalid(
      "mutation { insert_author { affected_rows } }",
      "$",
      "no mutations exist",
      as("stranger"),
    ),
  ]),
  testCase(
    "Y graphql_introspection/disable_introspection/disable_introspection.yaml: a role may be kept from its schema",
    [
      metadata({
        type: "replace_metadata",
        args: {
          metadata: {
            version: 3,
            sources: [],
            graphql_schema_introspection: { disabled_for_roles: ["introspection_disabled"] },
          },
        },
      }),
      ...["{ __schema { queryType { name } } }", '{ __type(name: "query_root") { name } }'].map(
        (text) =>
          queryFails(
            text,
            "not-supported",
            "$",
            'introspection is disabled for role: "introspection_disabled"',
            as("introspection_disabled"),
          ),
      ),
      query("{ __typename }", { __typename: "query_root" }, as("introspection_disabled")),
    ],
  ),
  testCase("subscriptions need a websocket, and the older path keeps real statuses", [
    ...START,
    queryFails(
      "subscription { author { id } }",
      "unexpected-payload",
      "$",
      "subscriptions are not supported over HTTP, use websockets instead",
    ),
    invalid("subscription { author { id } }", "$", "no subscriptions exist", as("stranger")),
    request(
      "POST",
      "/v1alpha1/graphql",
      { query: "{ nothing }" },
      {
        errors: [
          {
            message: "field 'nothing' not found in type: 'query_root'",
            extensions: { path: "$.selectionSet.nothing", code: "validation-failed" },
          },
        ],
      },
      { status: 400 },
    ),
  ]),
  testCase("a request without a query is parse-failed, with HTTP 200", [
    request(
      "POST",
      "/v1/graphql",
      {},
      {
        errors: [{ message: expect.any(String), extensions: { path: "$", code: "parse-failed" } }],
      },
    ),
    request("POST", "/v1/graphql", '"text"', {
      errors: [{ message: expect.any(String), extensions: { path: "$", code: "parse-failed" } }],
    }),
    request("POST", "/v1/graphql", "{", {
      errors: [{ message: expect.any(String), extensions: { path: "$", code: "invalid-json" } }],
    }),
  ]),
];
