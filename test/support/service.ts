/** The service as it runs, all faces on one loopback port: admins' GraphQL, Witboost's REST and the webhook over HTTP. */
import { type App, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { type Db, openDb } from "../../src/inventory/db.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "../unit/access/token-issuer.ts";
import { startTestSandbox, type TestSandbox } from "./sandbox.ts";

export interface GraphqlAnswer {
  readonly data?: Record<string, Record<string, unknown>> | null;
  readonly errors?: {
    message: string;
    extensions: { code: string; problems: { path: string; message: string }[] };
  }[];
}

/** An operation as a mutation answers it. */
export interface Outcome {
  readonly token: string;
  readonly kind: string;
  readonly status: string;
  readonly code: string | null;
  readonly result: string;
  readonly actor: string;
  readonly problems: { path: string; message: string }[];
}

export interface Service {
  /** The settings it runs with: for another process beside it. */
  readonly environment: Record<string, string>;
  readonly app: App;
  readonly sandbox: TestSandbox;
  readonly issuer: TestIssuer;
  /** The service's database, on a connection of the test's own. */
  readonly db: Db;
  /** Everything that was logged. */
  log(): string;
  ask(query: string, variables?: object): Promise<GraphqlAnswer>;
  /** What the mutation's operation came to; throws when there is none. */
  change(field: string, type: string, input: object, wait?: number): Promise<Outcome>;
  /** The code and the problems' paths with which a mutation is refused. */
  refusal(field: string, type: string, input: object): Promise<string>;
  /** What Witboost is answered. */
  rest(path: string, body: unknown): Promise<{ status: string; result: string }>;
  /** What the webhook says to somebody's request: `allowed`, or why not. */
  reads(claims: Record<string, unknown>, query: string): Promise<string>;
  stop(): Promise<void>;
}

const OUTCOME = "{ token kind status code result actor problems { path message } }";

/** @param settings more of the environment */
export async function startService(settings: Record<string, string> = {}): Promise<Service> {
  const [sandbox, issuer] = await Promise.all([startTestSandbox(), startIssuer()]);
  const environment = {
    ...sandboxEnvironment(sandbox),
    PORT: "0",
    OPERATION_WAIT_MS: "10000",
    JWKS_URL: issuer.jwksUrl,
    JWT_AUDIENCE: AUDIENCE,
    JWT_ISSUER: ISSUER,
    ...settings,
  };
  const config = readConfig(environment);
  let logged = "";
  const destination = {
    write: (line: string) => {
      logged += line;
    },
  };
  const log = createLogger({ level: "debug", secrets: config.secrets }, destination);
  const app = await startApp(config, log);
  const db = openDb(sandbox.databaseUrl, { poolSize: 2 });
  const post = (path: string, body: unknown) =>
    fetch(`${app.urls.rest}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const ask: Service["ask"] = async (query, variables = {}) =>
    (await (await post("/graphql", { query, variables })).json()) as GraphqlAnswer;
  const mutate = (field: string, type: string, input: object, wait: number) =>
    ask(
      `mutation ($input: ${type}!, $wait: Int) { done: ${field}(input: $input, wait: $wait) ${OUTCOME} }`,
      { input, wait },
    );
  return {
    environment,
    app,
    sandbox,
    issuer,
    db,
    log: () => logged,
    ask,
    async change(field, type, input, wait = 15_000) {
      const { data, errors } = await mutate(field, type, input, wait);
      if (errors !== undefined) throw new Error(JSON.stringify(errors));
      return data?.done as unknown as Outcome;
    },
    async refusal(field, type, input) {
      const { data, errors = [] } = await mutate(field, type, input, 0);
      if (data != null) throw new Error(`it was accepted: ${JSON.stringify(data)}`);
      const [{ extensions } = { extensions: { code: "", problems: [] } }] = errors;
      return [extensions.code, ...(extensions.problems ?? []).map(({ path }) => path)].join(" ");
    },
    async rest(path, body) {
      const response = await post(path, body);
      const text = await response.text();
      if (response.status === 202) return { status: "RUNNING", result: text };
      return JSON.parse(text) as { status: string; result: string };
    },
    async reads(claims, query) {
      const Authorization = `Bearer ${await issuer.sign({ unique_name: "ann@example.com", ...claims })}`;
      const response = await post("/v1/authenticate", {
        headers: { Authorization },
        request: { query },
      });
      const body = (await response.json()) as Record<string, string>;
      return response.status === 200 ? "allowed" : (body.reason ?? "");
    },
    async stop() {
      await app.stop();
      await db.$disconnect();
      await Promise.all([sandbox.stop(), issuer.stop()]);
    },
  };
}
