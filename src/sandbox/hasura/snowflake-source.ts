/** The JVM agent for Snowflake as a source sees it: its configuration, its login, and the database that is meant. */
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { isArray, isObject, type Json } from "./json.ts";
import { type ResolvedSource, SourceFault } from "./resolved-source.ts";

/** What the sandbox offers as Snowflake. */
export interface SnowflakeAgent {
  /** As it stands in a jdbc_url after `jdbc:snowflake://`. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /** In PEM form, when the user may log in with a key. */
  readonly publicKey?: string | undefined;
  /** The PostgreSQL URL of a Snowflake database; `undefined` when there is none of that name. */
  databaseUrl(database: string): string | undefined;
}

const JDBC = /^jdbc:snowflake:\/\/([^/?]+)\/?\?(.*)$/;

/** @throws SourceFault */
export function resolveSnowflake(
  name: string,
  config: Json,
  agent: SnowflakeAgent,
): ResolvedSource {
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
  refuseLogin(parameters, agent);
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

type Parameters = ReadonlyMap<string, string>;

/** By password or, where the account has one, by key. */
function refuseLogin(parameters: Parameters, agent: SnowflakeAgent): void {
  const key = parameters.get("private_key_base64");
  if (parameters.get("user") !== agent.user)
    throw new SourceFault("connection error", "Incorrect username or password was specified.");
  if (key === undefined) {
    if (parameters.get("password") !== agent.password)
      throw new SourceFault("connection error", "Incorrect username or password was specified.");
    return;
  }
  const passphrase = parameters.get("private_key_pwd");
  if (agent.publicKey === undefined || publicKeyOf(key, passphrase) !== spki(agent.publicKey))
    throw new SourceFault("connection error", "JWT token is invalid.");
}

function publicKeyOf(base64: string, passphrase: string | undefined): string | undefined {
  const text = Buffer.from(base64, "base64");
  const isPem = text.toString("latin1").includes("-----BEGIN");
  try {
    const secret = isPem
      ? createPrivateKey({ key: text, passphrase })
      : createPrivateKey({ key: text, passphrase, format: "der", type: "pkcs8" });
    return spki(createPublicKey(secret));
  } catch {
    return undefined;
  }
}

function spki(key: string | KeyObject): string {
  const object = typeof key === "string" ? createPublicKey(key) : key;
  return object.export({ format: "der", type: "spki" }).toString("base64");
}

/** Snowflake reads an unquoted name in capitals, though the exact name comes first; a quoted name is meant as it stands. */
function existingDatabase(
  asked: string | undefined,
  agent: SnowflakeAgent,
): { name: string; url: string } {
  for (const name of spellings(asked)) {
    const url = agent.databaseUrl(name);
    if (url !== undefined) return { name, url };
  }
  throw new SourceFault(
    "connection error",
    `Database '${asked ?? ""}' does not exist or not authorized.`,
  );
}

function spellings(asked: string | undefined): readonly string[] {
  if (asked === undefined) return [];
  const [, quoted] = /^"((?:[^"]|"")*)"$/.exec(asked) ?? [];
  return quoted === undefined ? [asked, asked.toUpperCase()] : [quoted.replaceAll('""', '"')];
}
