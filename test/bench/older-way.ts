/**
 * How the service that came before provisions a port: three calls of Hasura's metadata API, one after the other, each
 * of them a write of its own; a source that is there already is refused and taken for done.
 */
import { DATABASE, productOf, SCHEMA, type Stage, sourceConfiguration, viewOf } from "./stage.ts";

export async function provisionTheOlderWay(stage: Stage, port: number): Promise<void> {
  const source = productOf(port);
  const table = [DATABASE, SCHEMA, viewOf(port)];
  const prefix = `${source}_port${port}`;
  const configuration = sourceConfiguration(stage, DATABASE);
  await stage.hasura(
    { type: "snowflake_add_source", args: { name: source, configuration } },
    [200, 400],
  );
  await stage.hasura({
    type: "snowflake_track_table",
    args: {
      source,
      table,
      configuration: {
        custom_name: `${prefix}_table`,
        custom_root_fields: {
          select: `${prefix}_select`,
          select_by_pk: `${prefix}_by_pk`,
          select_aggregate: `${prefix}_aggregate`,
        },
      },
    },
  });
  await stage.hasura({
    type: "snowflake_create_select_permission",
    args: { source, table, role: `${prefix}_role`, permission: { columns: "*", filter: {} } },
  });
}
