/** What a conformance case is: requests to a Hasura, each with the answer that the real one gives. */

/** Parts that not every Hasura under test has. */
export type Feature =
  /** Its environment holds HASURA_GRAPHQL_PG_SOURCE_URL_1 and _2. */
  | "environment"
  /** A `snowflake` data connector over the sandbox's database. */
  | "snowflake"
  /** An authentication hook that the suite controls, in POST mode. */
  | "hook"
  /** Whose mode and body the suite changes too. */
  | "hook modes"
  /**
   * A second Hasura over the same metadata database, which looks for the first one's writes only rarely, and
   * has Apollo federation enabled.
   */
  | "replica";

export type Method = "GET" | "POST" | "DELETE";

export interface HttpStep {
  readonly kind: "http";
  /** The second Hasura instead of the first. */
  readonly at?: "replica" | undefined;
  readonly method: Method;
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

/** What the hook answers from now on; in its body, `$IN_2S` stands for the time in two seconds as an HTTP date. */
export interface HookStep {
  readonly kind: "hook";
  readonly mode: "GET" | "POST";
  readonly status: number;
  readonly body: string;
  /** HASURA_GRAPHQL_AUTH_HOOK_SEND_REQUEST_BODY. */
  readonly sendsRequest?: boolean;
}

/** What the hook was last sent. */
export interface HookSawStep {
  readonly kind: "hook saw";
  readonly expected: unknown;
}

/** How often the hook was asked since its answer was last set. */
export interface HookCallsStep {
  readonly kind: "hook calls";
  readonly expected: number;
}

/** The second Hasura looks for what the first one has written. */
export interface ReplicaPollsStep {
  readonly kind: "replica polls";
}

export type SocketAction =
  /** Opens it on the GraphQL path. */
  | {
      readonly does: "open";
      readonly protocol: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly does: "send"; readonly message: unknown }
  /** The next message, keep-alives aside. */
  | { readonly does: "receive"; readonly expected: unknown }
  | { readonly does: "end"; readonly code: unknown; readonly reason: unknown };

/** A websocket of the case, by its name. */
export interface SocketStep {
  readonly kind: "socket";
  readonly name: string;
  readonly action: SocketAction;
}

/** Whether the resource version has moved since the last such step. */
export interface VersionStep {
  readonly kind: "version";
  readonly moved: number;
}

export type Step =
  | HttpStep
  | SqlStep
  | HookStep
  | HookSawStep
  | HookCallsStep
  | ReplicaPollsStep
  | SocketStep
  | VersionStep;

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
  /** How often it was asked since `setHook`. */
  hookCalls(): number;
  /** Given with the feature `replica`. */
  readonly replica?:
    | {
        readonly url: string;
        /** Returns when it has looked for what the other one has written, and followed. */
        polls(): Promise<void>;
      }
    | undefined;
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
  readonly at?: "replica";
}

export function request(
  method: Method,
  path: string,
  body: unknown,
  expected: unknown,
  options: RequestOptions = {},
): HttpStep {
  const { status = 200, headers = {}, admin = true, at } = options;
  return { kind: "http", at, method, path, headers, body, admin, status, expected };
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

/** The step, sent to the second Hasura. */
export function atReplica(step: HttpStep): HttpStep {
  return { ...step, at: "replica" };
}

export const REPLICA_POLLS: ReplicaPollsStep = { kind: "replica polls" };

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

/** Opens a websocket of that name. @param protocol of GraphQL over websockets */
export function opens(
  name: string,
  protocol = "graphql-transport-ws",
  headers: Readonly<Record<string, string>> = {},
): SocketStep {
  return { kind: "socket", name, action: { does: "open", protocol, headers } };
}

export function sends(name: string, message: unknown): SocketStep {
  return { kind: "socket", name, action: { does: "send", message } };
}

/** The next message on it, keep-alives aside, must be this one. */
export function receives(name: string, expected: unknown): SocketStep {
  return { kind: "socket", name, action: { does: "receive", expected } };
}

/** It must be closed by the server, now or soon. */
export function ends(name: string, code: unknown, reason: unknown): SocketStep {
  return { kind: "socket", name, action: { does: "end", code, reason } };
}

/** What Hasura gives as the reason when it closes a websocket for a fault. */
export function closeReason(message: string): string {
  return JSON.stringify({ server_error_msg: message });
}
