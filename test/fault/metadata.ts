/** Hasura's metadata as a test looks at it: what is ours in it, and all the rest, told apart by names alone. */
import { parse } from "lossless-json";
import { canonical, memberOf } from "../../src/hasura/metadata.ts";
import { prefixOf } from "../support/described-port.ts";
import { databaseUrl } from "../support/postgres.ts";
import { expectedTable, type PortAs } from "./descriptors.ts";

type Entry = Readonly<Record<string, unknown>>;
export type Metadata = Readonly<{ version: unknown; sources: readonly Entry[] } & Entry>;

interface Hasura {
  readonly url: string;
  readonly hasuraAdminSecret: string;
}

/** Sends a metadata command as text, so that 64-bit numbers go out as they are. @throws unless it is taken */
export async function command(hasura: Hasura, body: string): Promise<unknown> {
  const response = await fetch(`${hasura.url}/v1/metadata`, {
    method: "POST",
    headers: { "x-hasura-admin-secret": hasura.hasuraAdminSecret },
    body,
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`Hasura answered ${response.status}: ${text}`);
  return parse(text);
}

/** What Hasura holds now, with every digit. */
export async function exportMetadata(hasura: Hasura): Promise<Metadata> {
  return (await command(hasura, '{"type":"export_metadata","args":{}}')) as Metadata;
}

/** 64-bit numbers that no JavaScript number holds, and one whose last digit is a zero. */
const BIG = "9223372036854775807";
const BIGGER = "9007199254740993";

/**
 * A Hasura that others use: sources of two kinds, tables, permissions, an inherited role, long numbers and members that
 * nobody knows.
 * @param options.inconsistent whether one of their sources does not work
 */
export async function moveInStrangers(
  hasura: Hasura,
  options: { inconsistent: boolean },
): Promise<void> {
  const authority = new URL(hasura.url).host;
  const snowflake = (database: string, host = authority): string =>
    JSON.stringify({
      template: `{"fully_qualify_all_names": true, "jdbc_url": "jdbc:snowflake://${host}/?user={{getEnvironmentVariable("SNOWFLAKE_USER")}}&password={{getEnvironmentVariable("SNOWFLAKE_PASSWORD")}}&db=${database}&ssl=off"}`,
      timeout: null,
      value: {},
    });
  const permission = (role: string, columns: readonly string[]): string =>
    `{"role":"${role}","permission":{"columns":${JSON.stringify(columns)},"filter":{},"limit":25},"comment":"theirs"}`;
  const trips = `{"table":["MOBILITY","TRIPS_1","CITY_TRIPS_VIEW"],"x_rows":${BIG},
    "configuration":{"custom_name":"their_trips","custom_root_fields":{"select":"their_trips"},"column_config":{"TRIP_ID":{"custom_name":"trip"}}},
    "select_permissions":[${permission("city_planner", ["TRIP_ID", "STARTED_AT"])},${permission("trip_reader", ["TRIP_ID", "STARTED_AT"])}]}`;
  const cleaned = `{"table":{"schema":"VACCINATIONS_0","name":"VACCINATIONS_CLEAN"},"x_note":[1.10,${BIGGER}],
    "select_permissions":[${permission("nurse", ["DATE"])}]}`;
  const broken = `,{"name":"theirs_broken","kind":"snowflake","tables":[],"configuration":${snowflake("MOBILITY", "nowhere.example.com")}}`;
  const connection = { connection_info: { database_url: databaseUrl("HEALTHCARE") } };
  await command(
    hasura,
    `{"type":"replace_metadata","version":2,"args":{"allow_inconsistent_metadata":true,"metadata":{"version":3,"sources":[
      {"name":"theirs_mobility","kind":"snowflake","x_owner":{"id":${BIG},"since":null},"tables":[${trips}],"configuration":${snowflake("MOBILITY")}},
      {"name":"theirs_postgres","kind":"postgres","tables":[${cleaned}],"configuration":${JSON.stringify(connection)}}
      ${options.inconsistent ? broken : ""}],
      "inherited_roles":[{"role_name":"theirs_all","role_set":["city_planner","trip_reader","nurse"]}],
      "x_unknown":{"number":${BIG},"price":1.10,"list":[${BIGGER},null]}}}}`,
  );
}

/** Everything that is nobody's of these ports, as one text. A source without their tables counts unless it is empty. */
export function strangersIn(metadata: Metadata, ports: readonly Omit<PortAs, "variant">[]): string {
  const sources = metadata.sources.flatMap((source) => {
    const tables = entries(source.tables).filter((table) => ownerOf(table, ports) === undefined);
    const isTheirs = String(source.name).startsWith("theirs");
    return isTheirs || tables.length > 0 ? [{ ...source, tables }] : [];
  });
  return canonical({ ...metadata, sources });
}

/** The port to whose table the entry belongs, by the names or the mark that it carries. */
function ownerOf(
  table: Entry,
  ports: readonly Omit<PortAs, "variant">[],
): Omit<PortAs, "variant"> | undefined {
  const name = String(memberOf(table.configuration, "custom_name"));
  return ports.find((port) => {
    const { comment } = expectedTable({ ...port, variant: 0 });
    return (
      name.startsWith(`${prefixOf(port)}_`) ||
      entries(table.select_permissions).some((permission) => permission.comment === comment)
    );
  });
}

/** Every table that belongs to the port, each with the connection it is in, as one text; `[]` when there is none. */
export function holdingOf(metadata: Metadata, port: Omit<PortAs, "variant">): string {
  return canonical(
    metadata.sources.flatMap(({ name, kind, configuration, tables }) =>
      entries(tables)
        .filter((table) => ownerOf(table, [port]) !== undefined)
        .map((table) => ({ name, kind, configuration, table })),
    ),
  );
}

export const NOTHING = "[]";

/** How the port stands in Hasura compared with what its descriptor asks for; empty when it is exactly so. */
export function differencesFrom(metadata: Metadata, as: PortAs): string[] {
  const wanted = expectedTable(as);
  const tables = metadata.sources.flatMap(({ tables }) =>
    entries(tables).filter((table) => ownerOf(table, [as]) !== undefined),
  );
  const [table] = tables;
  if (table === undefined || tables.length > 1) return [`${tables.length} tables`];
  const { custom_name, custom_root_fields } = table.configuration as Entry;
  const permissions = entries(table.select_permissions);
  const [permission] = permissions;
  const { columns, filter, ...others } = (permission?.permission ?? {}) as Entry;
  const told: [string, unknown, unknown][] = [
    ["table", table.table, wanted.table],
    ["names", { custom_name, custom_root_fields }, wanted.names],
    ["permissions", permissions.length, 1],
    ["columns", [...((columns ?? []) as string[])].sort(), wanted.columns],
    ["filter", { filter, others }, { filter: {}, others: {} }],
    ["comment", permission?.comment, wanted.comment],
    ["members", Object.keys(table).sort(), ["configuration", "select_permissions", "table"]],
  ];
  return told
    .filter(([, is, should]) => canonical(is) !== canonical(should))
    .map(([what, is]) => `${what}: ${canonical(is)}`);
}

export function entries(value: unknown): readonly Entry[] {
  return Array.isArray(value) ? (value as Entry[]) : [];
}
