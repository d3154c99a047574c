/** A data product with a Snowflake output port and a Hasura output port over it, to change one thing at a time. */
import { stringify } from "yaml";
import { readDescriptor, type TargetComponent } from "../../../src/domain/descriptor.ts";

export const PRODUCT_ID = "urn:dmb:dp:logistics:shipments:1";
export const TARGET_ID = "urn:dmb:cmp:logistics:shipments:1:parcel-api";
export const SOURCE_ID = "urn:dmb:cmp:logistics:shipments:1:parcel-view";
export const STORAGE_ID = "urn:dmb:cmp:logistics:shipments:1:parcel-store";
export const WORKLOAD_ID = "urn:dmb:cmp:logistics:shipments:1:parcel-load";
export const TARGET_PATH = `dataProduct.components.${TARGET_ID}`;
export const PREFIX = "logistics_shipments_1_parcelapi";

type Loose = Record<string, unknown>;

export interface Fixture {
  root: Loose;
  product: Loose;
  components: unknown[];
  target: Loose;
  specific: Loose;
  source: Loose;
  storage: Loose;
  workload: Loose;
}

export function fixture(): Fixture {
  const storage: Loose = {
    id: STORAGE_ID,
    kind: "storage",
    name: "Parcel Store",
    technology: "Snowflake",
  };
  const workload: Loose = { id: WORKLOAD_ID, kind: "workload", name: "Parcel Load", specific: {} };
  const source: Loose = {
    id: SOURCE_ID,
    kind: "outputport",
    name: "Parcel View",
    platform: "Snowflake",
    technology: "Snowflake",
    dependsOn: [STORAGE_ID],
    specific: {
      database: "LOGISTICS",
      schema: "SHIPMENTS_1",
      viewName: "PARCELS",
      tableName: "PARCELS_T",
    },
  };
  const specific: Loose = {
    customTableName: `${PREFIX}_parcels`,
    select: `${PREFIX}_parcels_select`,
    selectByPk: `${PREFIX}_parcels_by_pk`,
    selectAggregate: `${PREFIX}_parcels_agg`,
    selectStream: `${PREFIX}_parcels_stream`,
  };
  const target: Loose = {
    id: TARGET_ID,
    kind: "outputport",
    name: "Parcel API",
    description: "Parcels by day",
    platform: "Hasura",
    technology: "Hasura",
    outputPortType: "GraphQL",
    dependsOn: [SOURCE_ID],
    dataContract: {
      schema: [
        { name: "parcel_id", dataType: "TEXT", constraint: "PRIMARY_KEY" },
        { name: "day", dataType: "DATE" },
      ],
    },
    specific,
  };
  const components: unknown[] = [storage, workload, source, target];
  const product: Loose = {
    id: PRODUCT_ID,
    name: "Shipments",
    domain: "logistics",
    version: "1.2.0",
    environment: "Development",
    components,
  };
  return {
    root: { dataProduct: product, componentIdToProvision: TARGET_ID },
    product,
    components,
    target,
    specific,
    source,
    storage,
    workload,
  };
}

/** The fixture as YAML text, after `change` has had its way with it. */
export function descriptorText(change: (parts: Fixture) => void = () => {}): string {
  const parts = fixture();
  change(parts);
  return stringify(parts.root, { aliasDuplicateObjects: false });
}

/** The descriptor read, after `change`. */
export function read(change?: (parts: Fixture) => void, descriptorKind = "COMPONENT_DESCRIPTOR") {
  return readDescriptor({ descriptor: descriptorText(change), descriptorKind });
}

/** The target of a descriptor that has no fault. */
export function accepted(change?: (parts: Fixture) => void): TargetComponent {
  const result = read(change);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.target;
}

/** Its faults; none when it is accepted. */
export function faults(change?: (parts: Fixture) => void, descriptorKind?: string) {
  const result = read(change, descriptorKind);
  return result.ok ? [] : result.problems;
}
