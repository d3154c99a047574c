/** Commands that only look: tables of a source, their columns, kinds of sources. */
import { introspect, listTables, type TableInfo } from "../catalog.ts";
import { type At, nonEmptyTextAt, objectAt, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { isObject, parseJson } from "../json.ts";
import { type Kind, tableNameAt } from "../names.ts";
import { registeredAgents } from "../rebuild.ts";
import { scalarOf } from "../scalars.ts";
import { liveSource } from "../schema-cache.ts";
import { agentFault, askCapabilities } from "./agents.ts";
import { askSource, type Command, reading, sourceNameAt } from "./command.ts";

export function readGetSourceTables(args: At, kind: Kind): Command {
  const object = objectAt(args, "GetSourceTables");
  const name = sourceNameAt(object, args.path);
  return reading(async ({ session }) => {
    const { pool, resolved } = askSource(session, name, kind);
    const tables = await listTables(pool, kind, resolved).catch(databaseFault(kind));
    return tables.map(({ json, parts }): Json => {
      if (kind.family === "data-connector") return json;
      const [schema = "", table = ""] = parts;
      return { name: table, schema };
    });
  });
}

export function readGetTableInfo(args: At, kind: Kind): Command {
  const object = objectAt(args, "GetTableInfo");
  const table = tableNameAt(kind, required(object, args.path, "table"));
  const name = sourceNameAt(object, args.path);
  return reading(async ({ session }) => {
    const source = askSource(session, name, kind);
    // A data connector's answer comes from what has been read of tracked tables.
    if (kind.family === "data-connector") {
      const known = source.tables.get(table.key);
      return known ? tableInfoJson(known.info, kind) : null;
    }
    const catalog = await introspect(source.pool, kind, source.resolved, [table]).catch(
      databaseFault(kind),
    );
    const info = catalog.get(table.key);
    return info ? tableInfoJson(info, kind) : null;
  });
}

/** The older command without a kind, for data connectors only. */
export function readGetTableInfoOfAgent(args: At): Command {
  const object = objectAt(args, "GetTableInfo");
  const name = nonEmptyTextAt(required(object, args.path, "source"));
  const tableAt = required(object, args.path, "table");
  return reading(({ session }) => {
    const source = liveSource(session.cache, name);
    if (!source) throw new HasuraError("data-connector-error", `Source '${name}' not found`);
    const { kind } = source.metadata;
    if (kind.family !== "data-connector")
      throw new HasuraError("unexpected", `Schema fetching is not supported for '${kind.name}'`, {
        status: 500,
      });
    const known = source.tables.get(tableNameAt(kind, tableAt).key);
    return known ? tableInfoJson(known.info, kind) : null;
  });
}

function tableInfoJson(info: TableInfo, kind: Kind): JsonObject {
  const writable = kind.family === "postgres" && info.type === "table";
  const keys = info.foreignKeys.map((key): [string, Json] => [
    key.name,
    {
      foreign_table: key.foreignTable.json,
      column_mapping: Object.fromEntries(
        key.columns.map((column, i) => [column, key.foreignColumns[i] ?? ""]),
      ),
    },
  ]);
  return {
    name: info.name.json,
    type: info.type,
    columns: info.columns.map((column) => ({
      name: column.name,
      type: scalarOf(kind, column),
      nullable: column.nullable,
      insertable: writable,
      updatable: writable,
      ...(column.description === null ? {} : { description: column.description }),
    })),
    ...(info.primaryKey.length > 0 ? { primary_key: info.primaryKey } : {}),
    ...(keys.length > 0 ? { foreign_keys: Object.fromEntries(keys) } : {}),
    ...(info.description === null ? {} : { description: info.description }),
    insertable: writable,
    updatable: writable,
    deletable: writable,
  };
}

function databaseFault(kind: Kind): (error: unknown) => never {
  return (error) => {
    const message = error instanceof Error ? error.message : String(error);
    const code = kind.family === "postgres" ? "postgres-error" : "data-connector-error";
    throw new HasuraError(code, message, { status: 500 });
  };
}

const BUILT_IN_KINDS = ["pg", "citus", "cockroach", "mssql", "bigquery"];

export function readListSourceKinds(): Command {
  return reading(async ({ session, snowflake }) => {
    const configs = session.metadata.others.backend_configs;
    const connectors =
      isObject(configs) && isObject(configs.dataconnector) ? configs.dataconnector : {};
    const agents = [...registeredAgents(session.metadata, snowflake)];
    const builtIn = BUILT_IN_KINDS.map((kind) => ({
      builtin: true,
      kind,
      display_name: kind,
      available: true,
    }));
    const connected = agents.map(async ([kind, uri]) => {
      const agent = connectors[kind];
      const named = isObject(agent) ? agent.display_name : undefined;
      const standard = kind === "snowflake" ? "Snowflake" : kind;
      // The sandbox's own agent has no address.
      const available = uri === undefined || (await agentFault(uri)) === undefined;
      return { builtin: false, kind, display_name: named ?? standard, available };
    });
    return { sources: [...builtIn, ...(await Promise.all(connected))] };
  });
}

/** What the sandbox's own Snowflake can do, and how its sources are configured. */
const SNOWFLAKE_CAPABILITIES: JsonObject = {
  capabilities: {
    data_schema: {
      supports_primary_keys: true,
      supports_foreign_keys: true,
      column_nullability: "nullable_and_non_nullable",
      supports_schemaless_tables: false,
    },
    queries: {},
    relationships: {},
    post_schema: {},
  },
  config_schema_response: {
    config_schema: {
      type: "object",
      nullable: false,
      required: ["jdbc_url"],
      properties: {
        jdbc_url: { type: "string", title: "JDBC URL" },
        fully_qualify_all_names: { type: "boolean", nullable: true, default: true },
      },
    },
    other_schemas: {},
  },
  display_name: "Snowflake",
};

export function readGetSourceKindCapabilities(args: At): Command {
  const object = objectAt(args, "GetSourceKindCapabilities");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  return reading(async ({ session, snowflake }) => {
    const agents = registeredAgents(session.metadata, snowflake);
    if (!agents.has(name))
      throw new HasuraError("data-connector-error", `Source Kind ${name} was not found`);
    const uri = agents.get(name);
    if (uri === undefined) return { ...SNOWFLAKE_CAPABILITIES, options: { uri: "sandbox" } };
    const { config_schemas, ...told } = await capabilitiesOf(uri);
    return { ...told, config_schema_response: config_schemas ?? {}, options: { uri } };
  });
}

async function capabilitiesOf(uri: string): Promise<JsonObject> {
  try {
    const told = parseJson(await (await askCapabilities(uri)).text());
    return isObject(told) ? told : {};
  } catch {
    throw new HasuraError(
      "connection-not-established",
      `Error communicating with data connector agent: ${uri}`,
      { status: 500 },
    );
  }
}
