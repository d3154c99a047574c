/** What Hasura should hold for a port: pure, from the port's facts to the objects of its metadata. */
import type { MetadataTableConfig, SelectPermissionDefinition } from "hasura-metadata-types";
import type { PortNames } from "../domain/output-port.ts";

/** A port as it is to be in Hasura, every name decided and every identifier checked against the source. */
export interface DesiredPort {
  readonly environment: string;
  readonly componentId: string;
  readonly source: DesiredSource;
  /** The table as Hasura spells it: `[DB, SCHEMA, VIEW]` where names are fully qualified. */
  readonly table: readonly string[];
  readonly names: PortNames;
  readonly role: string;
  readonly columns: "*" | readonly string[];
  readonly aggregates: boolean;
}

export interface DesiredSource {
  readonly name: string;
  /** Prefix of Hasura's commands for it, e.g. `snowflake`. */
  readonly kind: string;
  readonly configuration: unknown;
}

/** The objects of one port, as the arguments of Hasura's commands take them. */
export interface DesiredObjects {
  readonly source: DesiredSource;
  readonly table: readonly string[];
  readonly configuration: Pick<MetadataTableConfig, "custom_name" | "custom_root_fields">;
  readonly role: string;
  /** The package's type of `columns` leaves out `*`. */
  readonly permission: Pick<SelectPermissionDefinition, "filter" | "allow_aggregations"> & {
    readonly columns: "*" | readonly string[];
  };
  /** Says whose the permission is; see `ownershipMark`. */
  readonly comment: string;
}

/** The comment that marks a permission as ours, so that it is recognised after a lost answer. */
export function ownershipMark(environment: string, componentId: string): string {
  return `portcullis:${environment}:${componentId}`;
}

/** The objects that `port` needs. `selectStream` is never sent: Hasura has no streams for these sources. */
export function desired(port: DesiredPort): DesiredObjects {
  return {
    source: port.source,
    table: port.table,
    configuration: {
      custom_name: port.names.customTableName,
      custom_root_fields: {
        select: port.names.select,
        select_by_pk: port.names.selectByPk,
        select_aggregate: port.names.selectAggregate,
      },
    },
    role: port.role,
    permission: { columns: port.columns, filter: {}, allow_aggregations: port.aggregates },
    comment: ownershipMark(port.environment, port.componentId),
  };
}
