/** From a source's configuration to the PostgreSQL database that stands behind it. */
import { readFile, realpath } from "node:fs/promises";
import { resolve, sep } from "node:path";
import { isObject, type Json, type JsonObject, toNumber } from "./json.ts";
import type { SourceMetadata } from "./metadata.ts";
import { type ResolvedSource, SourceFault } from "./resolved-source.ts";
import { resolveSnowflake, type SnowflakeAgent } from "./snowflake-source.ts";
import { renderTemplate, TemplateError } from "./template.ts";

export interface ResolveContext {
  /** The environment of the Hasura process. */
  readonly env: Readonly<Record<string, string>>;
  readonly snowflake: SnowflakeAgent | undefined;
  /** Data connector kinds that are registered, with the agent's URL when dc_add_agent named one. */
  readonly agents: ReadonlyMap<string, string | undefined>;
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
