/** From a source's configuration to the PostgreSQL database that stands behind it. */
import { readFile, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { isArray, isObject, type Json, type JsonObject, toNumber } from "./json.ts";
import type { SourceMetadata } from "./metadata.ts";
import { renderTemplate, TemplateError } from "./template.ts";

/** What the sandbox offers as Snowflake. */
export interface SnowflakeAgent {
  /** As it stands in a jdbc_url after `jdbc:snowflake://`. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** The PostgreSQL URL of a Snowflake database; `undefined` when there is none of that name. */
  databaseUrl(database: string): string | undefined;
}

export interface ResolveContext {
  /** The environment of the Hasura process. */
  readonly env: Readonly<Record<string, string>>;
  readonly snowflake: SnowflakeAgent | undefined;
  /** Data connector kinds that are registered, with the agent's URL when dc_add_agent named one. */
  readonly agents: ReadonlyMap<string, string | undefined>;
}

export interface ResolvedSource {
  /** Where the rows are. */
  readonly url: string;
  readonly naming: Naming;
}

/** How relations of the database appear as tables of the source. */
export type Naming =
  | { readonly style: "postgres" }
  | { readonly style: "qualified"; readonly database: string }
  | { readonly style: "bare"; readonly schema: string };

/** The source cannot be set up; the message is Hasura's reason. */
export class SourceFault extends Error {
  /** What the database or the agent said, when it was asked. */
  readonly detail: string | undefined;

  constructor(reason: string, detail?: string) {
    super(reason);
    this.detail = detail;
  }
}

/** @throws SourceFault */
export async function resolveSource(
  source: SourceMetadata,
  context: ResolveContext,
): Promise<ResolvedSource> {
  const configuration = isObject(source.configuration) ? source.configuration : {};
  if (source.kind.family === "postgres") {
    const info = isObject(configuration.connection_info) ? configuration.connection_info : {};
    return {
      url: await postgresUrl(info.database_url, context),
      naming: { style: "postgres" },
    };
  }
  if (source.kind.family === "data-connector")
    return await resolveDataConnector(source, configuration, context);
  throw new SourceFault("connection error", `the sandbox has no ${source.kind.name} database`);
}

async function postgresUrl(form: Json | undefined, context: ResolveContext): Promise<string> {
  if (typeof form === "string") return withEnvironment(form, context.env);
  const object = isObject(form) ? form : {};
  if (typeof object.from_env === "string") {
    const value = context.env[object.from_env];
    if (value === undefined)
      throw new SourceFault(`environment variable '${object.from_env}' not set`);
    return value;
  }
  if (typeof object.dynamic_from_file === "string")
    return await secretFile(object.dynamic_from_file, context.env);
  return urlOfParameters(
    isObject(object.connection_parameters) ? object.connection_parameters : {},
  );
}

function urlOfParameters(parameters: JsonObject): string {
  const url = new URL("postgresql://localhost");
  url.hostname = String(parameters.host ?? "");
  url.port = String(toNumber(parameters.port) ?? "");
  url.username = encodeURIComponent(String(parameters.username ?? ""));
  if (typeof parameters.password === "string")
    url.password = encodeURIComponent(parameters.password);
  url.pathname = `/${encodeURIComponent(String(parameters.database ?? ""))}`;
  return url.toString();
}

function withEnvironment(text: string, env: Readonly<Record<string, string>>): string {
  const placeholder = /\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}/g;
  const missing = [...text.matchAll(placeholder)].flatMap(([, name = ""]) =>
    env[name] === undefined ? [name] : [],
  );
  if (missing.length > 0)
    throw new SourceFault(`Value for environment variables not found: ${missing.join(", ")}`);
  return text.replace(placeholder, (_, name: string) => env[name] ?? "");
}

/** Hasura reads secrets only from below the folder that its operator allows. */
async function secretFile(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  const allowed = env.HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX;
  const real = await realpath(path).catch(() => resolve(path));
  const root = allowed === undefined ? undefined : await realpath(allowed).catch(() => allowed);
  if (root === undefined || !(real === root || real.startsWith(root + sep)))
    throw new SourceFault(
      `The supplied dynamic_from_file file path, when canonicalized, does not match the allowed prefix ${allowed ?? ""}`,
    );
  try {
    return (await readFile(real, "utf8")).trimEnd();
  } catch {
    throw new SourceFault(`The dynamic_from_file file could not be read: ${path}`);
  }
}

async function resolveDataConnector(
  source: SourceMetadata,
  configuration: JsonObject,
  context: ResolveContext,
): Promise<ResolvedSource> {
  const kind = source.kind.name;
  if (!context.agents.has(kind))
    throw new SourceFault(
      `Data connector named "${kind}" was not found in the data connector backend info`,
    );
  const config = await transformed(configuration, context);
  const { snowflake } = context;
  if (kind !== "snowflake" || !snowflake)
    throw new SourceFault(
      `Error communicating with data connector agent: ${context.agents.get(kind) ?? kind}`,
    );
  return resolveSnowflake(source.name, config, snowflake);
}

async function transformed(configuration: JsonObject, context: ResolveContext): Promise<Json> {
  const config = isObject(configuration.value) ? configuration.value : {};
  const { template } = configuration;
  if (typeof template !== "string") return config;
  const variables = isObject(configuration.template_variables)
    ? configuration.template_variables
    : {};
  try {
    return await renderTemplate(template, {
      env: (name) => context.env[name],
      variable: async (name) => {
        const variable = variables[name];
        if (!isObject(variable) || typeof variable.filepath !== "string") return undefined;
        return await secretFile(variable.filepath, context.env);
      },
      config,
    });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new SourceFault(`transformConfig: Kriti template transform failed - ${error.message}`);
  }
}

const JDBC = /^jdbc:snowflake:\/\/([^/?]+)\/?\?(.*)$/;

function resolveSnowflake(name: string, config: Json, agent: SnowflakeAgent): ResolvedSource {
  const { url, qualified } = snowflakeConfig(name, config);
  const [, host = "", query = ""] = JDBC.exec(url) ?? [];
  if (host === "")
    throw new SourceFault(
      "connection error",
      "Connection string is invalid. Unable to parse: it must have the form jdbc:snowflake://<host>/?<parameters>",
    );
  const parameters = jdbcParameters(query);
  if (host.toLowerCase() !== agent.host.toLowerCase())
    throw new SourceFault(
      "connection error",
      `JDBC driver encountered communication error. Message: unknown host ${host}`,
    );
  if (parameters.get("user") !== agent.user || parameters.get("password") !== agent.password)
    throw new SourceFault("connection error", "Incorrect username or password was specified.");
  const database = existingDatabase(parameters.get("db"), agent);
  if (qualified)
    return { url: database.url, naming: { style: "qualified", database: database.name } };
  return {
    url: database.url,
    naming: { style: "bare", schema: parameters.get("schema") ?? "PUBLIC" },
  };
}

function snowflakeConfig(name: string, config: Json): { url: string; qualified: boolean } {
  const faults: string[] = [];
  const object = isObject(config) ? config : {};
  const { jdbc_url: url, fully_qualify_all_names: qualify } = object;
  if (!isObject(config)) faults.push("the configuration is not an object");
  else if (url === undefined) faults.push("The object requires the property 'jdbc_url'");
  else if (typeof url !== "string") faults.push("The value of 'jdbc_url' must be a string");
  if (qualify !== undefined && qualify !== null && typeof qualify !== "boolean")
    faults.push("The value of 'fully_qualify_all_names' must be a boolean");
  if (object.tables !== undefined && !isArray(object.tables) && object.tables !== null)
    faults.push("The value of 'tables' must be an array");
  if (faults.length > 0)
    throw new SourceFault(
      `Configuration for source "${name}" is not valid based on the configuration schema declared by the "snowflake" data connector agent. Errors:\n${faults
        .map((fault) => `- ${fault}`)
        .join("\n")}`,
    );
  return { url: String(url), qualified: qualify !== false };
}

/** JDBC parameters are percent-encoded; their names know no case. */
function jdbcParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split("&").filter((item) => item !== "")) {
    const [key = "", ...value] = part.split("=");
    parameters.set(decoded(key).toLowerCase(), decoded(value.join("=")));
  }
  return parameters;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Snowflake reads an unquoted name in capitals; the exact name comes first. */
function existingDatabase(
  asked: string | undefined,
  agent: SnowflakeAgent,
): { name: string; url: string } {
  for (const name of asked === undefined ? [] : [asked, asked.toUpperCase()]) {
    const url = agent.databaseUrl(name);
    if (url !== undefined) return { name, url };
  }
  throw new SourceFault(
    "connection error",
    `Database '${asked ?? ""}' does not exist or not authorized.`,
  );
}
