/**
 * Hasura's connection to Snowflake: a JDBC URL whose credentials are references that Hasura resolves. Everything that
 * does not come from this file is percent-encoded, so a descriptor can never add a parameter. Pure.
 *
 * Hasura puts the values of variables and files into the URL as they are: there they must already be percent-encoded
 * where they hold one of `{ } % & # = +` or a space.
 */
import type { SourcePort } from "../domain/output-port.ts";
import { AppError } from "../errors.ts";
import type { SnowflakeSettings, SourceSettings } from "./kind.ts";
import { snowflakeEndpoint } from "./snowflake-endpoint.ts";
import { asParameter, IDENTIFIER_RULE, isIdentifier } from "./snowflake-identifier.ts";

/** The `configuration` of `snowflake_add_source`, in the form that can carry a template. */
export interface SnowflakeConfiguration {
  readonly value: { readonly fully_qualify_all_names?: true; readonly jdbc_url?: string };
  readonly template: string | null;
  readonly timeout: null;
  readonly template_variables?: Readonly<
    Record<string, { readonly type: "dynamic_from_file"; readonly filepath: string }>
  >;
}

/** A part of the URL: text of ours, already encoded, or a reference that Hasura resolves. */
type Parameter = readonly [name: string, encoded: string];

/**
 * @param source its database, spelt exactly; once more checked here, at the last place before the URL
 * @throws AppError CONFIGURATION when the settings name no account or no usable references
 */
export function snowflakeConfiguration(
  source: Pick<SourcePort, "database">,
  settings: SourceSettings,
): SnowflakeConfiguration {
  const account = configuredAccount(settings);
  if (!isIdentifier(source.database))
    throw new AppError("SOURCE_REFUSED", `A Snowflake database's name must be ${IDENTIFIER_RULE}.`);
  if (settings.credentials === "inline") {
    const url = jdbcUrl(source.database, account, inlineCredentials(account));
    return {
      value: { fully_qualify_all_names: true, jdbc_url: url },
      template: null,
      timeout: null,
    };
  }
  const references = credentialReferences(account, settings);
  if (settings.credentials === "env")
    return {
      value: {},
      template: template(source.database, account, references, environmentReference),
      timeout: null,
    };
  return {
    value: {},
    template: template(source.database, account, references, variableReference),
    timeout: null,
    template_variables: Object.fromEntries(
      references.map(({ parameter, at }) => [
        variableName(parameter),
        { type: "dynamic_from_file" as const, filepath: at },
      ]),
    ),
  };
}

/** @throws AppError CONFIGURATION when this platform has no Snowflake account or no credentials for it */
export function configuredAccount(settings: SourceSettings): SnowflakeSettings {
  const account = settings.snowflake;
  if (account === null)
    throw new AppError(
      "CONFIGURATION",
      "This platform has no Snowflake account: set SNOWFLAKE_HOST, SNOWFLAKE_USER and SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY.",
    );
  if (!account.password && !account.privateKey)
    throw new AppError(
      "CONFIGURATION",
      "The Snowflake account has no credentials: set SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY.",
    );
  return account;
}

/** The private key as PEM text, from PEM or from the base64 form of it. */
export function privateKeyPem(key: string): string {
  if (key.includes("-----BEGIN")) return key.trim();
  const decoded = Buffer.from(key, "base64").toString("utf8");
  if (decoded.includes("-----BEGIN")) return decoded.trim();
  throw new AppError(
    "CONFIGURATION",
    "SNOWFLAKE_PRIVATE_KEY is neither a PEM key nor the base64 form of one.",
  );
}

interface CredentialReference {
  readonly parameter: "user" | "password" | "private_key_base64";
  /** Name of Hasura's variable, or path of its file. */
  readonly at: string;
}

function credentialReferences(
  account: SnowflakeSettings,
  settings: SourceSettings,
): readonly CredentialReference[] {
  const { snowflakeUser, snowflakePassword, snowflakePrivateKey } = settings.references;
  const references: readonly CredentialReference[] = [
    { parameter: "user", at: snowflakeUser },
    account.privateKey
      ? { parameter: "private_key_base64", at: snowflakePrivateKey ?? "" }
      : { parameter: "password", at: snowflakePassword },
  ];
  const usable = settings.credentials === "env" ? /^[A-Za-z_]\w*$/ : /^\/[^\0\r\n]+$/;
  const expected = settings.credentials === "env" ? "a variable's name" : "an absolute path";
  const problems = references
    .filter(({ at }) => !usable.test(at))
    .map(({ parameter }) => ({
      path: `sources.references.${parameter}`,
      message: `Where Hasura finds the Snowflake account's ${parameter} is not ${expected}`,
    }));
  if (problems.length > 0)
    throw new AppError(
      "CONFIGURATION",
      `SOURCE_CREDENTIALS=${settings.credentials} needs ${expected} for each of the Snowflake account's credentials; not usable: ${problems.map(({ path }) => path).join(", ")}.`,
      { problems },
    );
  return references;
}

function inlineCredentials(account: SnowflakeSettings): readonly Parameter[] {
  return [
    ["user", encode(account.user)],
    account.privateKey
      ? [
          "private_key_base64",
          encode(Buffer.from(`${privateKeyPem(account.privateKey)}\n`).toString("base64")),
        ]
      : ["password", encode(account.password ?? "")],
  ];
}

/** The configuration object as a Kriti template: JSON whose strings may hold `{{…}}`, in which quotes stand unescaped. */
function template(
  database: string,
  account: SnowflakeSettings,
  references: readonly CredentialReference[],
  refer: (reference: CredentialReference) => string,
): string {
  const url = jdbcUrl(
    database,
    account,
    references.map((reference) => [reference.parameter, refer(reference)]),
  );
  return `{"fully_qualify_all_names": true, "jdbc_url": "${url}"}`;
}

function environmentReference({ at }: CredentialReference): string {
  return `{{getEnvironmentVariable("${at}")}}`;
}

function variableReference({ parameter }: CredentialReference): string {
  return `{{$vars['${variableName(parameter)}']}}`;
}

function variableName(parameter: CredentialReference["parameter"]): string {
  return `snowflake_${parameter}`;
}

/** No `schema`: names are fully qualified, so one connection serves every schema of its database. */
function jdbcUrl(
  database: string,
  account: SnowflakeSettings,
  credentials: readonly Parameter[],
): string {
  const endpoint = snowflakeEndpoint(account.host);
  const parameters: Parameter[] = [...credentials];
  if (account.warehouse) parameters.push(["warehouse", encode(account.warehouse)]);
  if (account.role) parameters.push(["role", encode(account.role)]);
  parameters.push(["db", encode(asParameter(database))]);
  if (endpoint.plain) parameters.push(["ssl", "off"]);
  const query = parameters.map(([name, value]) => `${name}=${value}`).join("&");
  return `jdbc:snowflake://${endpoint.authority}/?${query}`;
}

/** Percent-encodes all but RFC 3986's unreserved characters, so that no URL, JSON or Kriti syntax is left. */
function encode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
