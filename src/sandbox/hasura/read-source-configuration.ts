/** A source's `configuration` as each kind takes it, brought to the form that export_metadata writes. */
import {
  type At,
  isAbsent,
  keyPath,
  member,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "./decode.ts";
import { isObject, type Json, type JsonObject, withoutKeys, withoutNulls } from "./json.ts";
import type { Kind } from "./names.ts";

/** @throws HasuraError parse-failed when it does not have the kind's form */
export function readSourceConfiguration(kind: Kind, where: At): Json {
  if (kind.family === "postgres") return readPostgresConfiguration(where);
  if (kind.family === "data-connector") return readDataConnectorConfiguration(where);
  return objectAt(where, "SourceConfiguration");
}

function readPostgresConfiguration(where: At): JsonObject {
  const object = objectAt(where, "PostgresConnConfiguration");
  const info = required(object, where.path, "connection_info");
  const rest = withoutNulls(withoutKeys(object, new Set(["connection_info"])));
  const { extensions_schema: extensions, ...others } = rest;
  return {
    connection_info: readConnectionInfo(info),
    ...others,
    ...(extensions === undefined || extensions === "public"
      ? {}
      : { extensions_schema: extensions }),
  };
}

function readConnectionInfo(where: At): JsonObject {
  const object = objectAt(where, "PostgresSourceConnInfo");
  const url = required(object, where.path, "database_url");
  checkDatabaseUrl(url);
  const known = new Set([
    "database_url",
    "isolation_level",
    "pool_settings",
    "ssl_configuration",
    "use_prepared_statements",
  ]);
  const settings = object.pool_settings;
  return {
    database_url: url.value,
    isolation_level: optional(
      member(object, where.path, "isolation_level"),
      "read-committed",
      textAt,
    ),
    ...(isObject(settings) ? { pool_settings: withoutNulls(settings) } : {}),
    ...withoutNulls({ ssl_configuration: object.ssl_configuration }),
    use_prepared_statements: object.use_prepared_statements ?? false,
    ...withoutNulls(withoutKeys(object, known)),
  };
}

const URL_FORMS = ["from_env", "connection_parameters", "dynamic_from_file"];

function checkDatabaseUrl(where: At): void {
  if (typeof where.value === "string") return;
  const object = objectAt(where, "UrlConf");
  const given = URL_FORMS.filter((form) => object[form] !== undefined);
  if (given.length > 1)
    throw parseFailed(
      where.path,
      'Only one of "from_env" or "connection_parameters" should be provided',
    );
  const [form] = given;
  if (form === undefined) throw parseFailed(where.path, 'key "from_env" not found');
  if (form === "connection_parameters") {
    const parameters = required(object, where.path, form);
    const names = objectAt(parameters, "PGConnectionParams");
    for (const name of ["username", "host", "database", "port"])
      required(names, parameters.path, name);
  } else textAt(required(object, where.path, form));
}

/** The inline form, where `configuration` itself is the agent's configuration, becomes `value`. */
function readDataConnectorConfiguration(where: At): JsonObject {
  const object = objectAt(where, "ConnSourceConfig");
  const template = member(object, where.path, "template");
  const wrapped = object.value !== undefined || !isAbsent(template);
  if (!wrapped) return { value: object, template: null, timeout: null };
  const value = objectAt(required(object, where.path, "value"), "Config");
  const variables = object.template_variables;
  return {
    value,
    template: optional(template, null, textAt),
    timeout: optional(member(object, where.path, "timeout"), null, readTimeout),
    ...(isObject(variables) && Object.keys(variables).length > 0
      ? { template_variables: variables }
      : {}),
  };
}

function readTimeout(where: At): JsonObject {
  const object = objectAt(where, "SourceTimeout");
  const units = ["seconds", "milliseconds", "microseconds"];
  if (!units.some((unit) => object[unit] !== undefined))
    throw parseFailed(keyPath(where.path, "seconds"), 'key "seconds" not found');
  return object;
}
