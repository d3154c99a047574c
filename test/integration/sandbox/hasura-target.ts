/** The Hasura stand-in over real HTTP and real PostgreSQL, as a target of the conformance suite. */
import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client } from "pg";
import { createLogger } from "../../../src/observability/logger.ts";
import {
  type HasuraStandIn,
  type HasuraStandInOptions,
  startHasuraStandIn,
} from "../../../src/sandbox/hasura/stand-in.ts";
import type { Database, Target } from "../../conformance/case.ts";
import { startHookServer } from "../../conformance/hook-server.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

export const ADMIN_SECRET = "conformance-secret";
const KEYS = keyPair();
const SNOWFLAKE = {
  host: "sandbox.snowflakecomputing.com",
  user: "reader",
  password: "p&ss",
  publicKey: KEYS.publicKey,
};

function keyPair(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
}

export interface SandboxTarget extends Target {
  readonly standIn: HasuraStandIn;
  readonly state: TestDatabase;
  stop(): Promise<void>;
}

export const FEATURES: Target["features"] = new Set([
  "environment",
  "snowflake",
  "hook",
  "hook modes",
  "replica",
]);

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
  const hook = await startHookServer();
  const usual: HasuraStandInOptions = {
    stateUrl: state.url,
    adminSecret: ADMIN_SECRET,
    env: {
      HASURA_GRAPHQL_PG_SOURCE_URL_1: one.url,
      HASURA_GRAPHQL_PG_SOURCE_URL_2: two.url,
      HASURA_GRAPHQL_LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL: "50",
      HASURA_GRAPHQL_WEBSOCKET_CONNECTION_INIT_TIMEOUT: "1",
      SNOWFLAKE_JDBC_URL: jdbcUrl("SALES"),
      SF_USER: SNOWFLAKE.user,
      SF_PASSWORD: encodeURIComponent(SNOWFLAKE.password),
      SF_PRIVATE_KEY: encodedKey(KEYS.privateKey),
      SF_OTHER_KEY: encodedKey(keyPair().privateKey),
    },
    snowflake: {
      ...SNOWFLAKE,
      databaseUrl: (name) => (name === "ANALYTICS" || name === "lower" ? snowflake.url : undefined),
    },
    log: createLogger({ level: "warn" }),
    ...options,
  };
  const standIn = await startHasuraStandIn(usual);
  const server = await serve(standIn);
  const replica = await startReplica(usual);
  return {
    standIn,
    state,
    url: urlOf(server),
    adminSecret: ADMIN_SECRET,
    databases: { one: one.url, two: two.url },
    features: FEATURES,
    replica,
    sql: async (database, text) => {
      await clients[database].query(text);
    },
    setHook: ({ mode, status, body, sendsRequest }) => {
      hook.set({ status, body });
      standIn.setAuthHook({ url: hook.url, mode, sendsRequest });
    },
    lastHookCall: hook.last,
    hookCalls: hook.calls,
    stop: async () => {
      await replica.stop();
      await standIn.stop();
      await closed(server);
      await hook.stop();
      await Promise.all(Object.values(clients).map((client) => client.end()));
      await Promise.all([state, one, two, snowflake].map((database) => database.drop()));
    },
  };
}

/** A second one over the same store that polls only when it is told to, with what only a start can enable. */
async function startReplica(
  options: HasuraStandInOptions,
): Promise<{ url: string; polls(): Promise<void>; stop(): Promise<void> }> {
  const replica = await startHasuraStandIn({
    ...options,
    env: { ...options.env, HASURA_GRAPHQL_ENABLE_APOLLO_FEDERATION: "true" },
    pollIntervalMs: 0,
  });
  const server = await serve(replica);
  return {
    url: urlOf(server),
    polls: () => replica.poll(),
    stop: async () => {
      await replica.stop();
      await closed(server);
    },
  };
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function encodedKey(pem: string): string {
  return encodeURIComponent(Buffer.from(pem).toString("base64"));
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
  server.on("upgrade", (request, socket, head) => {
    if (!standIn.upgrade(request, socket, head)) socket.destroy();
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
