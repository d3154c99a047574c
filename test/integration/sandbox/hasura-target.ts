/** The Hasura stand-in over real HTTP and real PostgreSQL, as a target of the conformance suite. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client } from "pg";
import { createLogger } from "../../../src/observability/logger.ts";
import {
  type HasuraStandIn,
  type HasuraStandInOptions,
  startHasuraStandIn,
} from "../../../src/sandbox/hasura/stand-in.ts";
import type { Database, HookStep, Target } from "../../conformance/case.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

export const ADMIN_SECRET = "conformance-secret";
const SNOWFLAKE = {
  host: "sandbox.snowflakecomputing.com",
  user: "reader",
  password: "p&ss",
};

export interface SandboxTarget extends Target {
  readonly standIn: HasuraStandIn;
  readonly state: TestDatabase;
  stop(): Promise<void>;
}

export const FEATURES: Target["features"] = new Set(["environment", "snowflake", "hook"]);

/** @param options what differs from the usual stand-in */
export async function startTarget(
  options: Partial<HasuraStandInOptions> = {},
): Promise<SandboxTarget> {
  const [state, one, two, snowflake] = await Promise.all([
    createDatabase(),
    createDatabase(),
    createDatabase(),
    createDatabase(),
  ]);
  const urls: Record<Database, string> = {
    one: one.url,
    two: two.url,
    snowflake: snowflake.url,
  };
  const clients = await connected(urls);
  const hook = await startHook();
  const standIn = await startHasuraStandIn({
    stateUrl: state.url,
    adminSecret: ADMIN_SECRET,
    env: {
      HASURA_GRAPHQL_PG_SOURCE_URL_1: one.url,
      HASURA_GRAPHQL_PG_SOURCE_URL_2: two.url,
      SNOWFLAKE_JDBC_URL: jdbcUrl("SALES"),
      SF_USER: SNOWFLAKE.user,
      SF_PASSWORD: encodeURIComponent(SNOWFLAKE.password),
    },
    snowflake: {
      ...SNOWFLAKE,
      databaseUrl: (name) => (name === "ANALYTICS" ? snowflake.url : undefined),
    },
    log: createLogger({ level: "warn" }),
    ...options,
  });
  const server = await serve(standIn);
  return {
    standIn,
    state,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    adminSecret: ADMIN_SECRET,
    databases: { one: one.url, two: two.url },
    features: FEATURES,
    sql: async (database, text) => {
      await clients[database].query(text);
    },
    setHook: (answer) => {
      hook.answer = answer;
      standIn.setAuthHook({ url: hook.url, mode: answer.mode });
    },
    lastHookCall: () => hook.last,
    stop: async () => {
      await closed(server);
      await closed(hook.server);
      await standIn.stop();
      await Promise.all(Object.values(clients).map((client) => client.end()));
      await Promise.all([state, one, two, snowflake].map((database) => database.drop()));
    },
  };
}

function jdbcUrl(schema: string, password = SNOWFLAKE.password): string {
  return `jdbc:snowflake://${SNOWFLAKE.host}/?user=${SNOWFLAKE.user}&password=${encodeURIComponent(password)}&warehouse=W&db=ANALYTICS&schema=${schema}`;
}

export async function serve(standIn: HasuraStandIn): Promise<Server> {
  const server = createServer((request, response) => {
    void standIn.handle(request, response).then((handled) => {
      if (!handled) response.writeHead(421).end("not one of Hasura's paths");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

export async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}

async function connected(urls: Record<Database, string>): Promise<Record<Database, Client>> {
  const open = async (url: string): Promise<Client> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    return client;
  };
  return {
    one: await open(urls.one),
    two: await open(urls.two),
    snowflake: await open(urls.snowflake),
  };
}

interface Hook {
  readonly server: Server;
  readonly url: string;
  answer: Omit<HookStep, "kind">;
  last: unknown;
}

async function startHook(): Promise<Hook> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      hook.last = text === "" ? { headers: request.headers } : JSON.parse(text);
      response.writeHead(hook.answer.status, {
        "Content-Type": "application/json",
        "Set-Cookie": "hook=1",
      });
      response.end(hook.answer.body);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const hook: Hook = {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    answer: { mode: "POST", status: 401, body: "" },
    last: undefined,
  };
  return hook;
}
