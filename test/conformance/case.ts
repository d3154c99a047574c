/** What a conformance case is: requests to a Hasura, each with the answer that the real one gives. */

/** Parts that not every Hasura under test has. */
export type Feature =
  /** Its environment holds HASURA_GRAPHQL_PG_SOURCE_URL_1 and _2. */
  | "environment"
  /** A `snowflake` data connector over the sandbox's database. */
  | "snowflake"
  /** An authentication hook that the suite controls. */
  | "hook";

export interface HttpStep {
  readonly kind: "http";
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body: unknown;
  readonly admin: boolean;
  readonly status: number;
  /** Compared with `toEqual`; may hold vitest's asymmetric matchers. Absent: not looked at. */
  readonly expected: unknown;
}

/** SQL run on a database of the case, outside Hasura. */
export interface SqlStep {
  readonly kind: "sql";
  readonly database: Database;
  readonly text: string;
}

/** What the hook answers from now on. */
export interface HookStep {
  readonly kind: "hook";
  readonly mode: "GET" | "POST";
  readonly status: number;
  readonly body: string;
}

/** What the hook was last sent. */
export interface HookSawStep {
  readonly kind: "hook saw";
  readonly expected: unknown;
}

/** Whether the resource version has moved since the last such step. */
export interface VersionStep {
  readonly kind: "version";
  readonly moved: number;
}

export type Step = HttpStep | SqlStep | HookStep | HookSawStep | VersionStep;

export type Database = "one" | "two" | "snowflake";

export interface Case {
  /**
   * Where the expectation comes from and what it says. Cases adapted from Hasura's own tests
   * (Apache-2.0) begin with the path of their source: `Y` is server/tests-py/queries, `P` server/tests-py,
   * `H` server/lib/api-tests/src/Test.
   */
  readonly name: string;
  readonly needs: readonly Feature[];
  readonly steps: readonly Step[];
}

/** The Hasura under test, emptied before each case. */
export interface Target {
  readonly url: string;
  readonly adminSecret: string;
  /** Connection strings as Hasura uses them. */
  readonly databases: Readonly<Record<"one" | "two", string>>;
  readonly features: ReadonlySet<Feature>;
  sql(database: Database, text: string): Promise<void>;
  setHook(answer: Omit<HookStep, "kind">): void;
  /** What the hook was last sent, parsed. */
  lastHookCall(): unknown;
}

export function testCase(
  name: string,
  steps: readonly Step[],
  needs: readonly Feature[] = [],
): Case {
  return { name, steps, needs };
}

interface RequestOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the admin secret is sent; yes unless said otherwise. */
  readonly admin?: boolean;
}

export function request(
  method: "GET" | "POST",
  path: string,
  body: unknown,
  expected: unknown,
  options: RequestOptions = {},
): HttpStep {
  const { status = 200, headers = {}, admin = true } = options;
  return { kind: "http", method, path, headers, body, admin, status, expected };
}

/**
 * POST /v1/metadata. In bodies and expectations, `$PG_ONE` and `$PG_TWO` stand for the databases'
 * connection strings; `$VERSION`, `$STALE_VERSION` and `$METADATA` for what export_metadata tells just before.
 */
export function metadata(
  body: unknown,
  expected?: unknown,
  options: RequestOptions = {},
): HttpStep {
  return request("POST", "/v1/metadata", body, expected, options);
}

export const SUCCESS = { message: "success" };

/** A command that must succeed. */
export function does(type: string, args: unknown): HttpStep {
  return metadata({ type, args }, SUCCESS);
}

/** A command that must fail with exactly this envelope; `more` overrides path and adds internal. */
export function fails(
  type: string,
  args: unknown,
  status: number,
  code: string,
  error: unknown,
  more: Readonly<Record<string, unknown>> = {},
): HttpStep {
  return metadata({ type, args }, { path: "$.args", error, code, ...more }, { status });
}

/** POST /v1/graphql that must answer with these data. */
export function query(
  text: string,
  data: unknown,
  options: RequestOptions & { readonly variables?: unknown; readonly operationName?: string } = {},
): HttpStep {
  const { variables, operationName, ...rest } = options;
  const body = {
    query: text,
    ...(variables === undefined ? {} : { variables }),
    ...(operationName === undefined ? {} : { operationName }),
  };
  return request("POST", "/v1/graphql", body, { data }, rest);
}

/** POST /v1/graphql that must answer with this one error. */
export function queryFails(
  text: string,
  code: string,
  path: string,
  message: unknown,
  options: RequestOptions & { readonly variables?: unknown; readonly operationName?: string } = {},
): HttpStep {
  const step = query(text, undefined, options);
  return { ...step, expected: { errors: [{ message, extensions: { path, code } }] } };
}

export function sql(text: string, database: Database = "one"): SqlStep {
  return { kind: "sql", database, text };
}

/** Headers of a request that is made with the secret in another role. */
export function as(
  role: string,
  more: Readonly<Record<string, string>> = {},
): { headers: Record<string, string> } {
  return { headers: { "X-Hasura-Role": role, ...more } };
}

/** A PostgreSQL source of this name on database one. */
export function addSource(name = "default", url: unknown = "$PG_ONE"): HttpStep {
  return does("pg_add_source", {
    name,
    configuration: { connection_info: { database_url: url } },
  });
}

/** The resource version moved by exactly this much since the last such step. */
export function moved(by: number): VersionStep {
  return { kind: "version", moved: by };
}
