/** From what was sent to the facts of a port: the descriptor and its source, every fault at once. */

import { portSpec, readDescriptor } from "../domain/descriptor.ts";
import { asText, isRecord, member } from "../domain/fields.ts";
import { derivedNames } from "../domain/names.ts";
import type { PortSpec } from "../domain/output-port.ts";
import { environmentKey } from "../domain/urn.ts";
import { splitFaults } from "../domain/warnings.ts";
import { readYaml } from "../domain/yaml.ts";
import { AppError, type Problem } from "../errors.ts";
import type { DbOrTx } from "../inventory/db.ts";
import { type NameClaim, type TakenName, takenNames } from "../inventory/names.ts";
import { findPort } from "../inventory/ports.ts";
import { readRevision } from "../inventory/revisions.ts";
import { kindOf } from "../sources/sources.ts";

export interface DescriptorInput {
  /** YAML or JSON text of a COMPONENT_DESCRIPTOR. */
  readonly descriptor: string;
  readonly descriptorKind?: string | undefined;
}

export interface PortReading {
  /** What was asked for; null when too little of it could be read. */
  readonly spec: PortSpec | null;
  readonly problems: readonly Problem[];
  /** Faults that the live port has already and that this request leaves as they are. */
  readonly warnings: readonly Problem[];
}

/**
 * Reads a port's facts and holds them against the live port and the names others own. Records nothing.
 * With no problems, `spec` is there.
 */
export async function readPort(
  db: DbOrTx,
  hasuraId: string,
  input: DescriptorInput,
): Promise<PortReading> {
  const read = readDescriptor(input);
  const problems: Problem[] = read.ok ? [] : [...read.problems];
  const { dataProduct, source: component } = read.ok ? read.target : read;
  const source =
    component === null || dataProduct === null
      ? null
      : kindOf({ kind: component.sourceKind }).read(component, dataProduct);
  if (source !== null && !source.ok) problems.push(...source.problems);
  if (read.target === null || source === null || !source.ok)
    return { spec: null, problems, warnings: [] };

  const spec = portSpec(read.target, source.source);
  const port = await findPort(db, {
    hasuraId,
    componentId: spec.componentId,
    environment: spec.environment,
  });
  const live = port === null ? null : await readRevision(db, port.id, port.appliedRevision);
  const taken = await takenNames(db, hasuraId, { portId: port?.id ?? "" }, portClaims(spec));
  const faults = splitFaults(problems, live?.spec ?? null, spec);
  return {
    spec,
    problems: [...faults.problems, ...taken.map((name) => takenProblem(spec, name))],
    warnings: faults.warnings,
  };
}

/**
 * @throws AppError INVALID_DESCRIPTOR with every problem, or NAME_TAKEN when that is all that is wrong
 */
export function requireSpec(reading: PortReading): PortSpec {
  const { spec, problems } = reading;
  if (spec !== null && problems.length === 0) return spec;
  throw new AppError(
    "INVALID_DESCRIPTOR",
    problems.length === 1
      ? "The descriptor has a fault."
      : `The descriptor has ${problems.length} faults.`,
    { problems },
  );
}

/** Every GraphQL name the port needs for itself. */
export function portClaims(spec: PortSpec): NameClaim[] {
  return derivedNames(spec.names);
}

export function takenProblem(spec: PortSpec, taken: TakenName): Problem {
  const field = taken.purpose === "derived" ? "customTableName" : taken.purpose;
  const what = taken.namespace === "TYPE" ? "type" : "root field";
  const made = taken.purpose === "derived" ? ", which Hasura makes of it," : "";
  return {
    path: `dataProduct.components.${spec.componentId}.specific.${field}`,
    message: `the GraphQL ${what} ${taken.name}${made} belongs to ${taken.owner}`,
    suggestion: `choose another name for ${field}`,
  };
}

export interface PortName {
  readonly componentId: string;
  readonly environment: string;
}

/**
 * Which port a descriptor is about, whatever else is wrong with it: a teardown or an access list must not fail over a
 * rule for names.
 * @throws AppError INVALID_DESCRIPTOR
 */
export function readPortName(descriptor: string, path: string): PortName {
  const parsed = readYaml(descriptor);
  if (!parsed.ok)
    throw new AppError("INVALID_DESCRIPTOR", "The descriptor cannot be read.", {
      problems: parsed.problems.map((problem) => ({ ...problem, path: problem.path || path })),
    });
  const root = isRecord(parsed.value) ? parsed.value : {};
  const componentId = asText(member(root, "componentIdToProvision"))?.trim() ?? "";
  const product = member(root, "dataProduct");
  if (componentId === "")
    throw new AppError("INVALID_DESCRIPTOR", "The descriptor names no component.", {
      problems: [
        {
          path: "componentIdToProvision",
          message: "is missing: expected the URN of the output port",
        },
      ],
    });
  const environment = isRecord(product) ? asText(member(product, "environment")) : null;
  return { componentId, environment: environmentKey(environment) };
}
