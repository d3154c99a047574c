/** From what was sent to the facts of a port: the descriptor and its source, every fault at once. */

import { portSpec, readDescriptor, readEnvironment } from "../domain/descriptor.ts";
import { hasInvisible, isRecord, member, requiredLine } from "../domain/fields.ts";
import { derivedNames, NAME_FIELDS, type NameField } from "../domain/names.ts";
import type { PortSpec } from "../domain/output-port.ts";
import { splitFaults } from "../domain/warnings.ts";
import { readYaml } from "../domain/yaml.ts";
import { AppError, type Problem } from "../errors.ts";
import type { DbOrTx } from "../inventory/db.ts";
import { livePortAndTakenNames, type NameClaim, type TakenName } from "../inventory/names.ts";
import { kindOf } from "../sources/sources.ts";

export interface DescriptorInput {
  /** YAML or JSON text of a COMPONENT_DESCRIPTOR. */
  readonly descriptor: string;
  readonly descriptorKind?: string | undefined;
}

export interface PortReading {
  /** What was asked for; null when too little of it could be read. */
  readonly spec: PortSpec | null;
  /** Whether it was never asked for before; false when that was not looked up. */
  readonly isNew: boolean;
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
    return { spec: null, isNew: false, problems, warnings: [] };

  const spec = portSpec(read.target, source.source);
  const { componentId, environment } = spec;
  const identity = { hasuraId, componentId, environment };
  // Only faults are held against what is live; without any it decides nothing.
  const faulty = problems.length > 0;
  const { isNew, live, taken } = await livePortAndTakenNames(
    db,
    identity,
    portClaims(spec),
    faulty,
  );
  const faults = splitFaults(problems, live, spec);
  return {
    spec,
    isNew,
    problems: [...faults.problems, ...takenProblems(spec, taken)],
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

/** Every GraphQL name the port needs for itself. What the database cannot even compare is nobody's name. */
export function portClaims(spec: PortSpec): NameClaim[] {
  return derivedNames(spec.names).filter(({ name }) => !hasInvisible(name));
}

/** One problem for each of the descriptor's fields: with a type, some forty names are taken that Hasura makes of it. */
export function takenProblems(spec: PortSpec, taken: readonly TakenName[]): Problem[] {
  const byName = [...taken].sort((a, b) => (a.name < b.name ? -1 : 1));
  return NAME_FIELDS.flatMap((field) => {
    const asked = byName.find(({ purpose }) => purpose === field);
    const made = byName.find(({ purpose }) => purpose === "derived");
    const told = asked ?? (field === "customTableName" ? made : undefined);
    return told === undefined ? [] : takenProblem(spec, told, field);
  });
}

function takenProblem(spec: PortSpec, taken: TakenName, field: NameField): Problem {
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
  const product = member(root, "dataProduct");
  const problems: Problem[] = [];
  const componentId = requiredLine(
    root,
    "componentIdToProvision",
    { path: "", expectation: "the URN of the output port" },
    problems,
  );
  // Without it the environment is not known, and that of another port must not be taken for it.
  if (!isRecord(product))
    problems.push({ path: "dataProduct", message: "is missing: expected the data product" });
  const environment = isRecord(product)
    ? readEnvironment(member(product, "environment"), problems)
    : null;
  if (componentId === null || environment === null)
    throw new AppError("INVALID_DESCRIPTOR", "The descriptor does not say which port is meant.", {
      problems,
    });
  return { componentId, environment };
}
