/** Ports as plans take them, for tests. */
import { type DesiredObjects, type DesiredPort, desired } from "../../src/hasura/desired.ts";
import {
  type ObjectRef,
  type OwnedObject,
  type PortChange,
  refsOf,
} from "../../src/hasura/plan.ts";

export function aPort(changes: Partial<DesiredPort> = {}): DesiredPort {
  return {
    environment: "development",
    componentId: "urn:dmb:cmp:healthcare:vaccinations:0:hasura-output-port",
    source: {
      name: "healthcare_vaccinations_0_1a2b3c4d",
      kind: "snowflake",
      configuration: {
        value: {},
        template: '{"jdbc_url":"jdbc:snowflake://host/?db=HEALTHCARE"}',
        timeout: null,
      },
    },
    table: ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"],
    names: {
      customTableName: "healthcare_vaccinations_0_port_table",
      select: "healthcare_vaccinations_0_port_select",
      selectByPk: "healthcare_vaccinations_0_port_by_pk",
      selectAggregate: "healthcare_vaccinations_0_port_aggregate",
      selectStream: null,
    },
    role: "healthcare_vaccinations_0_port_role_5e6f7a8b",
    columns: ["DATE", "LOCATION_KEY"],
    aggregates: false,
    ...changes,
  };
}

export function owning(objects: DesiredObjects, confirmed = true): OwnedObject[] {
  return refsOf(objects).map((ref: ObjectRef) => ({ ...ref, confirmed }));
}

/** The change of a port that has nothing in Hasura yet. */
export function changeTo(port: DesiredPort, owned: readonly OwnedObject[] = []): PortChange {
  return {
    environment: port.environment,
    componentId: port.componentId,
    desired: desired(port),
    owned,
    sharedSources: new Set(),
  };
}

/** The teardown of a port that owns these objects. */
export function removalOf(port: DesiredPort, owned: readonly OwnedObject[]): PortChange {
  return { ...changeTo(port, owned), desired: null };
}
