/** Commands that only look: tables of a source, their columns, kinds of sources. */
import { introspect, listTables, type TableInfo } from "../catalog.ts";
import { type At, nonEmptyTextAt, objectAt, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { isObject } from "../json.ts";
import { type Kind, tableNameAt } from "../names.ts";
import { registeredAgents } from "../rebuild.ts";
import { scalarOf } from "../scalars.ts";
import { liveSource } from "../schema-cache.ts";
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
  return reading(({ session, snowflake }) => {
    const configs = session.metadata.others.backend_configs;
    const connectors =
      isObject(configs) && isObject(configs.dataconnector) ? configs.dataconnector : {};
    const agents = [...registeredAgents(session.metadata, snowflake).keys()];
    return {
      sources: [
        ...BUILT_IN_KINDS.map((kind) => ({
          builtin: true,
          kind,
          display_name: kind,
          available: true,
        })),
        ...agents.map((kind) => {
          const agent = connectors[kind];
          const named = isObject(agent) ? agent.display_name : undefined;
          const standard = kind === "snowflake" ? "Snowflake" : kind;
          return { builtin: false, kind, display_name: named ?? standard, available: true };
        }),
      ],
    };
  });
}
