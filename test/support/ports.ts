/** Ports as plans take them, for tests. */
import { type DesiredObjects, type DesiredPort, desired } from "../../src/hasura/desired.ts";
import type { InconsistentObject } from "../../src/hasura/inconsistencies.ts";
import type { Metadata } from "../../src/hasura/metadata.ts";
import { indexMetadata } from "../../src/hasura/metadata-index.ts";
import { refsOf, type Step } from "../../src/hasura/objects.ts";
import { type BatchPlan, planBatch } from "../../src/hasura/plan.ts";
import type { Observed, OwnedObject, PortChange } from "../../src/hasura/plan-port.ts";
import { commandOf } from "../../src/hasura/write.ts";
import { applied } from "./hasura-model.ts";

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
  return refsOf(objects).map((ref) => ({ ...ref, confirmed }));
}

/** The change of a port that has nothing in Hasura yet. */
export function changeTo(port: DesiredPort, owned: readonly OwnedObject[] = []): PortChange {
  return {
    id: port.role,
    environment: port.environment,
    componentId: port.componentId,
    role: port.role,
    desired: desired(port),
    owned,
    sharedSources: new Set(),
  };
}

/** The teardown of a port that owns these objects. */
export function removalOf(port: DesiredPort, owned: readonly OwnedObject[]): PortChange {
  return { ...changeTo(port, owned), desired: null };
}

export function observing(
  metadata: Metadata,
  inconsistent: readonly InconsistentObject[] = [],
  ownRoles: readonly string[] = [],
): Observed {
  return { index: indexMetadata(metadata), inconsistent, ownRoles: new Set(ownRoles) };
}

/** The plan of one port by itself. */
export function planOf(
  metadata: Metadata,
  change: PortChange,
): { steps: readonly Step[]; refusals: NonNullable<ReturnType<BatchPlan["refused"]["get"]>> } {
  const { steps, refused } = planBatch(observing(metadata), [change]);
  return { steps: steps.get(change.id) ?? [], refusals: refused.get(change.id) ?? [] };
}

/** The metadata after the changes were carried out together, in as many writes as that takes. */
export function carriedOut(metadata: Metadata, ...changes: readonly PortChange[]): Metadata {
  let now = metadata;
  for (let writes = 0; ; writes += 1) {
    if (writes > 10) throw new Error("the plans do not come to an end");
    const observed = observing(now);
    const { items } = planBatch(observed, changes);
    if (items.length === 0) return now;
    now = applied(now, commandOf("bulk", observed.index, items));
  }
}
