/**
 * A stand-in for Snowflake to which the real `snowflake-sdk` logs in: it answers SELECTs from PostgreSQL
 * databases of the same names. Everything a client can do with it is to read.
 */
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { DatabaseError, Pool } from "pg";
import { z } from "zod";
import type { Logger } from "../observability/logger.ts";
import { type Handler, readJson, requestUrl, sendJson } from "./http.ts";
import { INFORMATION_SCHEMA } from "./sample/information-schema.ts";
import { toSnowflakeResult } from "./snowflake-result.ts";
import { type Session, type SnowflakeError, type Translation, translate } from "./snowflake-sql.ts";

export interface SnowflakeStandInOptions {
  readonly user: string;
  readonly password: string;
  readonly role: string;
  readonly warehouse: string;
  /** The connection string of the PostgreSQL database of that name, whether or not there is one. */
  readonly databaseUrl: (database: string) => string;
  readonly log: Logger;
}

export interface SnowflakeStandIn {
  readonly handle: Handler;
  stop(): Promise<void>;
}

interface StandIn extends SnowflakeStandInOptions {
  /** Sessions by their token. */
  readonly sessions: Map<string, Session>;
  readonly pools: Map<string, Pool>;
}

const STATEMENT_TIMEOUT_MS = 15_000;
const MAX_SESSIONS = 10_000;
const SESSION_S = 3600;
const MASTER_S = 4 * SESSION_S;

const loginSchema = z.object({
  data: z.object({
    LOGIN_NAME: z.string().default(""),
    PASSWORD: z.string().default(""),
    AUTHENTICATOR: z.string().default("SNOWFLAKE"),
  }),
});

const querySchema = z.object({
  sqlText: z.string(),
  bindings: z
    .record(z.string(), z.object({ value: z.union([z.string(), z.null(), z.array(z.unknown())]) }))
    .nullish(),
});

const PARAMETERS = [
  { name: "TIMEZONE", value: "UTC" },
  { name: "DATE_OUTPUT_FORMAT", value: "YYYY-MM-DD" },
  { name: "TIME_OUTPUT_FORMAT", value: "HH24:MI:SS" },
  { name: "TIMESTAMP_OUTPUT_FORMAT", value: "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM" },
  { name: "TIMESTAMP_NTZ_OUTPUT_FORMAT", value: "YYYY-MM-DD HH24:MI:SS.FF3" },
  { name: "TIMESTAMP_TZ_OUTPUT_FORMAT", value: "" },
  { name: "TIMESTAMP_LTZ_OUTPUT_FORMAT", value: "" },
  { name: "BINARY_OUTPUT_FORMAT", value: "HEX" },
  { name: "CLIENT_SESSION_KEEP_ALIVE", value: false },
];

const NO_SESSION: SnowflakeError = {
  code: "390104",
  sqlState: "08001",
  message: "Session no longer exists. New login required to access the service.",
};

export function startSnowflakeStandIn(options: SnowflakeStandInOptions): SnowflakeStandIn {
  const standIn: StandIn = { ...options, sessions: new Map(), pools: new Map() };
  return {
    handle: (request, response) => handle(standIn, request, response),
    stop: async () => {
      standIn.sessions.clear();
      await Promise.all([...standIn.pools.values()].map((pool) => pool.end()));
      standIn.pools.clear();
    },
  };
}

async function handle(
  standIn: StandIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const url = requestUrl(request);
  switch (url.pathname) {
    case "/session/v1/login-request":
      await logIn(standIn, url, request, response);
      return true;
    case "/session/token-request":
      renew(standIn, request, response);
      return true;
    case "/session":
      if (url.searchParams.get("delete") === "true") standIn.sessions.delete(tokenOf(request));
      succeed(response, null);
      return true;
    case "/session/heartbeat":
      if (standIn.sessions.has(tokenOf(request))) succeed(response, null);
      else fail(response, NO_SESSION);
      return true;
    case "/queries/v1/query-request":
      await query(standIn, request, response);
      return true;
    case "/queries/v1/abort-request":
    case "/telemetry/send":
    case "/telemetry/send/sessionless":
      succeed(response, null);
      return true;
    default:
      return false;
  }
}

function succeed(response: ServerResponse, data: unknown): void {
  sendJson(response, 200, { success: true, data, code: null, message: null });
}

/** Snowflake answers errors with status 200. */
function fail(response: ServerResponse, error: SnowflakeError): void {
  const data = { errorCode: error.code, sqlState: error.sqlState, queryId: randomUUID() };
  sendJson(response, 200, { success: false, code: error.code, message: error.message, data });
}

function tokenOf(request: IncomingMessage): string {
  return /^Snowflake Token="([^"]*)"$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
}

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function logIn(
  standIn: StandIn,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { data } = loginSchema.parse(await readJson(request));
  const refusal = refuseLogin(standIn, data, url);
  if (refusal) {
    fail(response, refusal);
    return;
  }
  const asked = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const session: Session = {
    user: standIn.user.toUpperCase(),
    role: standIn.role,
    warehouse: asked("warehouse") ?? standIn.warehouse,
    database: asked("databaseName"),
    schema: asked("schemaName"),
  };
  succeed(response, {
    ...open(standIn, session),
    parameters: PARAMETERS,
    sessionInfo: {
      databaseName: session.database ?? null,
      schemaName: session.schema ?? null,
      warehouseName: session.warehouse,
      roleName: session.role,
    },
    serverVersion: "9.0.0-sandbox",
  });
}

function refuseLogin(
  standIn: StandIn,
  login: z.infer<typeof loginSchema>["data"],
  url: URL,
): SnowflakeError | undefined {
  if (login.AUTHENTICATOR.toUpperCase() === "SNOWFLAKE_JWT")
    return {
      code: "390144",
      sqlState: "08001",
      message: "JWT token is invalid. The sandbox takes a user and a password.",
    };
  const isUser = equal(login.LOGIN_NAME.toUpperCase(), standIn.user.toUpperCase());
  if (!isUser || !equal(login.PASSWORD, standIn.password))
    return {
      code: "390100",
      sqlState: "08001",
      message: "Incorrect username or password was specified.",
    };
  const role = url.searchParams.get("roleName");
  if (role !== null && role.toUpperCase() !== standIn.role.toUpperCase())
    return {
      code: "390189",
      sqlState: "08001",
      message: `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role.`,
    };
  return undefined;
}

function open(standIn: StandIn, session: Session): Record<string, unknown> {
  const [oldest] = standIn.sessions.keys();
  if (standIn.sessions.size >= MAX_SESSIONS && oldest !== undefined)
    standIn.sessions.delete(oldest);
  const token = randomBytes(32).toString("base64url");
  standIn.sessions.set(token, session);
  return {
    token,
    sessionToken: token,
    masterToken: token,
    validityInSeconds: SESSION_S,
    validityInSecondsST: SESSION_S,
    masterValidityInSeconds: MASTER_S,
    validityInSecondsMT: MASTER_S,
    sessionId: standIn.sessions.size,
  };
}

/** A client whose token is about to end asks for another, by its master token: here, the same token. */
function renew(standIn: StandIn, request: IncomingMessage, response: ServerResponse): void {
  const session = standIn.sessions.get(tokenOf(request));
  if (session) succeed(response, open(standIn, session));
  else fail(response, { ...NO_SESSION, code: "390114" });
}

async function query(
  standIn: StandIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { sqlText, bindings } = querySchema.parse(await readJson(request));
  const session = standIn.sessions.get(tokenOf(request));
  if (!session) {
    fail(response, NO_SESSION);
    return;
  }
  const translation = translate(sqlText, session);
  if ("code" in translation) {
    fail(response, translation);
    return;
  }
  const values = Array.from(
    { length: translation.binds },
    (_, at) => bindings?.[String(at + 1)]?.value,
  );
  const bound = values.flatMap((value) =>
    typeof value === "string" || value === null ? [value] : [],
  );
  if (bound.length < values.length) {
    const message =
      "SQL compilation error: error line 1\nBind variable is not set, or is an array.";
    fail(response, { code: "002049", sqlState: "42601", message });
    return;
  }
  const outcome = await execute(standIn, session, translation, bound);
  if ("code" in outcome) {
    standIn.log.debug({ code: outcome.code }, "The Snowflake stand-in refused a statement");
    fail(response, outcome);
    return;
  }
  succeed(response, {
    queryId: randomUUID(),
    sqlState: "00000",
    queryResultFormat: "json",
    ...outcome,
    total: outcome.rowset.length,
    returned: outcome.rowset.length,
    parameters: PARAMETERS,
    statementTypeId: 4096,
    version: 1,
    finalDatabaseName: session.database ?? null,
    finalSchemaName: session.schema ?? null,
    finalWarehouseName: session.warehouse,
    finalRoleName: session.role,
  });
}

/** Runs it in a read-only transaction, under a PostgreSQL role that can do nothing but read. */
async function execute(
  standIn: StandIn,
  session: Session,
  translation: Translation,
  values: readonly (string | null)[],
): Promise<ReturnType<typeof toSnowflakeResult> | SnowflakeError> {
  const { database } = translation;
  const pool = poolOf(standIn, database ?? "postgres");
  try {
    const client = await pool.connect();
    try {
      if (database !== undefined && !(await isServed(client))) return noDatabase(database);
      const path =
        session.schema === undefined ? "pg_catalog" : client.escapeIdentifier(session.schema);
      await client.query(
        `BEGIN READ ONLY; SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS}; SET LOCAL ROLE pg_read_all_data; SET LOCAL search_path = ${path}`,
      );
      const { fields, rows } = await client.query<(string | null)[]>({
        text: translation.sql,
        values: [...values],
        rowMode: "array",
        types: { getTypeParser: () => (value: unknown) => value },
      });
      return toSnowflakeResult(fields, rows, translation.quoted);
    } finally {
      await client.query("ROLLBACK").catch(() => undefined);
      client.release();
    }
  } catch (error) {
    return asSnowflakeError(error, database ?? "");
  }
}

function poolOf(standIn: StandIn, database: string): Pool {
  const known = standIn.pools.get(database);
  if (known) return known;
  const pool = new Pool({
    connectionString: standIn.databaseUrl(database),
    max: 4,
    idleTimeoutMillis: 5000,
    allowExitOnIdle: true,
  });
  // A connection that is cut while idle is replaced at the next query.
  pool.on("error", () => undefined);
  standIn.pools.set(database, pool);
  return pool;
}

/** The server also holds databases that are not Snowflake's, such as the inventory. */
async function isServed(client: {
  query(text: string, values: string[]): Promise<{ rowCount: number | null }>;
}): Promise<boolean> {
  const found = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [
    INFORMATION_SCHEMA,
  ]);
  return (found.rowCount ?? 0) > 0;
}

function missing(what: string, sqlState: string): SnowflakeError {
  const message = `SQL compilation error:\n${what} does not exist or not authorized.`;
  return { code: "002003", sqlState, message };
}

function noDatabase(name: string): SnowflakeError {
  return missing(`Database '${name}'`, "02000");
}

function asSnowflakeError(error: unknown, database: string): SnowflakeError {
  const text = error instanceof Error ? error.message : "";
  const name = /"([^"]*)"|column (\S+) does/.exec(text);
  switch (error instanceof DatabaseError ? error.code : undefined) {
    case "3D000":
      return noDatabase(database);
    case "3F000":
      return missing(`Schema '${database}.${name?.[1] ?? ""}'`, "02000");
    case "42P01":
      return missing(`Object '${[database, name?.[1]].join(".")}'`, "42S02");
    case "42703": {
      const message = `SQL compilation error: error line 1\ninvalid identifier '${name?.[1] ?? name?.[2] ?? ""}'`;
      return { code: "000904", sqlState: "42000", message };
    }
    case "42883":
      return {
        code: "002140",
        sqlState: "42601",
        message: `SQL compilation error:\nUnknown function: ${text}`,
      };
    case "57014":
      return {
        code: "000630",
        sqlState: "57014",
        message: "Statement reached its statement timeout and was canceled.",
      };
    case undefined:
      return {
        code: "390001",
        sqlState: "08001",
        message: "The sandbox's PostgreSQL cannot be reached.",
      };
    default:
      return { code: "001003", sqlState: "42000", message: `SQL compilation error:\n${text}` };
  }
}
