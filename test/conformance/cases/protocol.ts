/** Endpoints, authentication by secret, and requests that cannot be read. */
import { expect } from "vitest";
import { addSource, as, type Case, metadata, request, SUCCESS, sql, testCase } from "../case.ts";

const DOCUMENTATION =
  "See our documentation at https://hasura.io/docs/latest/graphql/core/api-reference/metadata-api/index.html#metadata-apis.";

function parseFailed(path: string, error: string): Record<string, unknown> {
  return { path, error, code: "parse-failed" };
}

export const PROTOCOL: readonly Case[] = [
  testCase("Y v1/metadata/metadata_as_user_err.yaml: another role than admin is refused with 400", [
    metadata(
      { type: "clear_metadata", args: {} },
      { path: "$.args", error: "restricted access : admin only", code: "access-denied" },
      { status: 400, ...as("user") },
    ),
  ]),
  testCase("a wrong secret is refused with 401, under either header", [
    metadata(
      { type: "export_metadata", args: {} },
      {
        path: "$",
        error: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"',
        code: "access-denied",
      },
      { status: 401, admin: false, headers: { "X-Hasura-Access-Key": "wrong" } },
    ),
    request(
      "POST",
      "/v1/graphql",
      { query: "{ __typename }" },
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
  ]),
  testCase("a body that is not JSON is invalid-json at $", [
    metadata("{", { path: "$", error: expect.any(String), code: "invalid-json" }, { status: 400 }),
  ]),
  testCase("a command that does not exist is named, with its backend", [
    metadata(
      { type: "pg_trak_table", args: {} },
      parseFailed("$", 'unknown metadata command "trak_table" for backend postgres'),
      { status: 400 },
    ),
    metadata(
      { type: "concurrent_bulk", args: [] },
      parseFailed("$", 'unknown metadata command "bulk" for backend concurrent'),
      { status: 400 },
    ),
    metadata(
      { type: "x-y_foo", args: {} },
      parseFailed(
        "$",
        'unknown metadata command "x-y_foo"; "x-y" was not recognized as a valid backend name',
      ),
      { status: 400 },
    ),
  ]),
  testCase("args are required", [
    metadata({ type: "clear_metadata" }, parseFailed("$", 'key "args" not found'), { status: 400 }),
  ]),
  testCase("a command's arguments are named in the long form, at their path", [
    metadata(
      { type: "pg_track_table", args: { source: "s", table: { schema: "public" } } },
      parseFailed(
        "$.args.table",
        `Error when parsing command track_table.\n${DOCUMENTATION}\nInternal error message: key "name" not found`,
      ),
      { status: 400 },
    ),
    metadata(
      {
        type: "pg_create_select_permission",
        args: { table: "t", role: "", permission: { columns: "*", filter: {} } },
      },
      parseFailed(
        "$.args.role",
        `Error when parsing command create_select_permission.\n${DOCUMENTATION}\nInternal error message: empty string not allowed`,
      ),
      { status: 400 },
    ),
  ]),
  testCase("only versions 1 and 2 exist", [
    metadata(
      { type: "export_metadata", version: 3, args: {} },
      parseFailed("$.version", "expected 1 or 2, encountered 3"),
      { status: 400 },
    ),
    metadata(
      { type: "clear_metadata", version: 2, args: {} },
      { path: expect.any(String), error: expect.any(String), code: "parse-failed" },
      { status: 400 },
    ),
  ]),
  testCase("a path that is not served is 404 in the envelope", [
    request(
      "POST",
      "/v1/nothing",
      {},
      { path: "$", error: "resource does not exist", code: "not-found" },
      { status: 404 },
    ),
    request(
      "GET",
      "/v2/nothing",
      undefined,
      { path: "$", error: "resource does not exist", code: "not-found" },
      { status: 404 },
    ),
  ]),
  testCase("the version is told without the secret", [
    request(
      "GET",
      "/v1/version",
      undefined,
      { version: expect.stringMatching(/^v2\./), server_type: expect.stringMatching(/^(ce|ee)$/) },
      { admin: false },
    ),
  ]),
  testCase("healthz warns of inconsistencies, and fails of them only when asked to be strict", [
    request("GET", "/healthz", undefined, "OK", { admin: false }),
    sql("CREATE TABLE goes (id int)"),
    addSource(),
    metadata({ type: "pg_track_table", args: { table: "goes" } }, SUCCESS),
    sql("DROP TABLE goes"),
    request("GET", "/healthz?strict=true", undefined, "OK", { admin: false }),
    metadata({ type: "reload_metadata", args: {} }),
    request("GET", "/healthz", undefined, "WARN: inconsistent objects in schema", { admin: false }),
    request(
      "GET",
      "/hasura/healthz?strict=False",
      undefined,
      "WARN: inconsistent objects in schema",
      { admin: false },
    ),
    request("GET", "/healthz?strict=true", undefined, "ERROR: inconsistent objects in schema", {
      admin: false,
      status: 500,
    }),
  ]),
];
