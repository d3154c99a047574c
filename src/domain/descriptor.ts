/**
 * Witboost's COMPONENT_DESCRIPTOR, read tolerantly: strict only about what this port needs. Every other
 * component may be of any shape.
 */
import type { Problem } from "../errors.ts";
import {
  type Component,
  findSource,
  findTarget,
  listComponents,
  type SourceComponent,
} from "./components.ts";
import { readColumns } from "./data-contract.ts";
import {
  asProse,
  asText,
  hasInvisible,
  isRecord,
  member,
  type RawRecord,
  requiredLine,
} from "./fields.ts";
import {
  checkPortNames,
  expectedPrefixes,
  NAME_FIELDS,
  type NameField,
  type NamePrefix,
  prefixOf,
  suggestName,
} from "./names.ts";
import type { ContractColumn, PortNames, PortSpec, SourcePort } from "./output-port.ts";
import { quoted } from "./problem-text.ts";
import { nearest } from "./suggestion.ts";
import { environmentKey } from "./urn.ts";
import { readYaml } from "./yaml.ts";

export type { SourceComponent } from "./components.ts";

const COMPONENT_DESCRIPTOR = "COMPONENT_DESCRIPTOR";
const DESCRIPTOR_KINDS: readonly string[] = [
  COMPONENT_DESCRIPTOR,
  "DATAPRODUCT_DESCRIPTOR",
  "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS",
];

/** Faults told of one descriptor; a contract with 10,000 nameless columns is told of in part. */
const MAX_PROBLEMS = 100;

export interface DataProductHeader {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
  readonly version: string;
  /** First segment of the version. */
  readonly major: string;
  /** ASCII lower case; `default` when the descriptor has none. */
  readonly environment: string;
}

/** The output port that a request is about, with the component that holds its data. */
export interface TargetComponent {
  readonly dataProduct: DataProductHeader;
  readonly id: string;
  /** `dataProduct.components.<id>` */
  readonly path: string;
  readonly record: RawRecord;
  readonly name: string;
  readonly description: string | null;
  readonly names: PortNames;
  /** The prefix that `select` carries; `null` when it carries none of those expected. */
  readonly namePrefix: NamePrefix | null;
  /** `null` when the descriptor carries no contract. */
  readonly columns: ContractColumn[] | null;
  readonly source: SourceComponent;
}

export type ReadDescriptor =
  | { readonly ok: true; readonly target: TargetComponent }
  | {
      readonly ok: false;
      readonly problems: Problem[];
      /** What was asked for, where all of it could be read and only rules are broken (`splitFaults`). */
      readonly target: TargetComponent | null;
      /** Parts that could be read on their own, so that the source's faults can be told with these. */
      readonly dataProduct: DataProductHeader | null;
      readonly source: SourceComponent | null;
    };

type Parts = Omit<Extract<ReadDescriptor, { ok: false }>, "ok" | "problems">;

/**
 * Reads a component descriptor and tells every fault at once. Never throws.
 *
 * @param input.descriptor YAML or JSON text: `dataProduct` and `componentIdToProvision`
 * @param input.descriptorKind as sent; absent means COMPONENT_DESCRIPTOR
 */
export function readDescriptor(input: {
  readonly descriptor: string;
  readonly descriptorKind?: string | undefined;
}): ReadDescriptor {
  const kindFault = descriptorKindFault(input.descriptorKind);
  if (kindFault !== null) return failed([kindFault]);
  const parsed = readYaml(input.descriptor);
  if (!parsed.ok) {
    return failed(
      parsed.problems.map((p) => ({ ...p, path: p.path === "" ? "descriptor" : p.path })),
    );
  }
  const problems: Problem[] = [];
  const parts = readParts(parsed.value, problems);
  if (problems.length === 0 && parts.target !== null) return { ok: true, target: parts.target };
  return failed(problems, parts);
}

const NO_PARTS: Parts = { target: null, dataProduct: null, source: null };

function failed(problems: Problem[], parts: Parts = NO_PARTS): ReadDescriptor {
  if (problems.length <= MAX_PROBLEMS) return { ok: false, problems, ...parts };
  const left = problems.length - MAX_PROBLEMS;
  const more = { path: "descriptor", message: `there are ${left} more faults` };
  return { ok: false, problems: [...problems.slice(0, MAX_PROBLEMS), more], ...parts };
}

function descriptorKindFault(kind: string | undefined): Problem | null {
  if (kind === undefined || kind === COMPONENT_DESCRIPTOR) return null;
  const what = DESCRIPTOR_KINDS.includes(kind)
    ? `${quoted(kind)} describes no single component`
    : `${quoted(kind)} is unknown`;
  return {
    path: "descriptorKind",
    message: `${what}: an output port is provisioned from a ${COMPONENT_DESCRIPTOR}`,
    suggestion: COMPONENT_DESCRIPTOR,
  };
}

function readParts(root: unknown, problems: Problem[]): Parts {
  if (!isRecord(root)) {
    const message = "expected an object with `dataProduct` and `componentIdToProvision`";
    problems.push({ path: "descriptor", message });
    return NO_PARTS;
  }
  const id = requiredLine(
    root,
    "componentIdToProvision",
    { path: "", expectation: "the id of the component to provision" },
    problems,
  );
  const product = member(root, "dataProduct");
  if (!isRecord(product)) {
    const message = "expected an object: the data product with its components";
    const suggestion = nearestKey(root, "dataProduct");
    problems.push({ path: "dataProduct", message, suggestion });
    return NO_PARTS;
  }
  const header = readHeader(product, problems);
  const components = listComponents(product);
  const component = id === null ? null : findTarget(components, id, problems);
  if (component === null) return { ...NO_PARTS, dataProduct: header };
  const port = readPort(component, header, problems);
  const productId = asText(member(product, "id")) ?? "";
  const source = findSource(component, components, productId, problems);
  if (header === null || port === null || source === null) {
    return { target: null, dataProduct: header, source };
  }
  const { id: targetId, path, record } = component;
  const target = { dataProduct: header, id: targetId, path, record, ...port, source };
  return { target, dataProduct: header, source };
}

const DATA_PRODUCT_LINES = {
  id: "the data product's id, e.g. `urn:dmb:dp:<domain>:<name>:<major>`",
  name: "the data product's name",
  domain: "the domain's name",
  version: "a version such as `1.0.0`",
} as const;

function readHeader(product: RawRecord, problems: Problem[]): DataProductHeader | null {
  const line = (key: keyof typeof DATA_PRODUCT_LINES) =>
    requiredLine(
      product,
      key,
      { path: "dataProduct", expectation: DATA_PRODUCT_LINES[key] },
      problems,
    );
  const [id, name, domain, version] = [line("id"), line("name"), line("domain"), line("version")];
  const major = version === null ? null : readMajor(version, problems);
  const environment = readEnvironment(member(product, "environment"), problems);
  if (id === null || name === null || domain === null || version === null) return null;
  if (major === null || environment === null) return null;
  return { id, name, domain, version, major, environment };
}

function readMajor(version: string, problems: Problem[]): string | null {
  const major = version.split(".")[0]?.trim() ?? "";
  if (/^[0-9A-Za-z_-]{1,32}$/.test(major)) return major;
  const message = `${quoted(version)} does not begin with a major version: expected ${DATA_PRODUCT_LINES.version}`;
  problems.push({ path: "dataProduct.version", message });
  return null;
}

/** The environment that a data product says, `default` when it says none; `null`, with a problem, when it is unusable. */
export function readEnvironment(value: unknown, problems: Problem[]): string | null {
  const absent = value === undefined || value === null;
  const text = absent ? "" : asText(value);
  if (text !== null && text.trim().length <= 63 && !hasInvisible(text.trim())) {
    return environmentKey(text);
  }
  const message = "expected the environment's name, at most 63 characters";
  problems.push({ path: "dataProduct.environment", message });
  return null;
}

type PortParts = Pick<TargetComponent, "name" | "description" | "names" | "namePrefix" | "columns">;

function readPort(
  component: Component,
  header: DataProductHeader | null,
  problems: Problem[],
): PortParts | null {
  const { path, record } = component;
  checkIdentity(component, problems);
  const expectation = "the output port's name";
  const name = requiredLine(record, "name", { path, expectation }, problems);
  const prefixes =
    header === null || name === null ? [] : expectedPrefixes(header, { id: component.id, name });
  if (header !== null && name !== null && prefixes.length === 0) {
    const message =
      "no GraphQL prefix can be made of the names of domain, data product and port: each needs a letter of a-z or a digit";
    problems.push({ path: `${path}.name`, message });
  }
  const names = readNames(
    member(record, "specific"),
    { path: `${path}.specific`, prefixes },
    problems,
  );
  const columns = readColumns(record, path, problems);
  if (name === null || names === null || columns === "unreadable") return null;
  const description = asProse(member(record, "description"));
  return { name, description, names, namePrefix: prefixOf(names.select, prefixes), columns };
}

/** Witboost's own grammar for ids: what is kept to it can stand in a URL, a comment and a log line as it is. */
const ID = /^[a-zA-Z0-9:._-]{1,255}$/;

function checkIdentity(
  { id, path, kind, technology, platform }: Component,
  problems: Problem[],
): void {
  if (!ID.test(id)) {
    const message = `${quoted(id)} is no component id: expected at most 255 of letters, digits, \`:\`, \`.\`, \`_\`, \`-\``;
    problems.push({ path: `${path}.id`, message });
  }
  if (kind !== "outputport") {
    const said = kind === null ? "is missing" : `is ${quoted(kind)}`;
    const message = `\`kind\` ${said}: expected an output port`;
    problems.push({ path: `${path}.kind`, message, suggestion: "outputport" });
  }
  for (const [key, value] of [
    ["platform", platform],
    ["technology", technology],
  ] as const) {
    const neither = platform === null && technology === null;
    if (value === null ? !(neither && key === "technology") : value.toLowerCase() === "hasura")
      continue;
    const said = value === null ? "is missing" : `is ${quoted(value)}`;
    const message = `\`${key}\` ${said}: expected Hasura`;
    problems.push({ path: `${path}.${key}`, message, suggestion: "Hasura" });
  }
}

const NAME_EXPECTATIONS: Readonly<Record<NameField, string>> = {
  customTableName: "the GraphQL type's name",
  select: "the root field that lists rows",
  selectByPk: "the root field that finds a row by its key",
  selectAggregate: "the root field that aggregates rows",
  selectStream: "the root field that streams rows",
};

function readNames(
  specific: unknown,
  where: { readonly path: string; readonly prefixes: readonly NamePrefix[] },
  problems: Problem[],
): PortNames | null {
  if (specific !== undefined && specific !== null && !isRecord(specific)) {
    problems.push({
      path: where.path,
      message: "expected an object with the port's GraphQL names",
    });
    return null;
  }
  const record = specific ?? {};
  const names: Partial<Record<NameField, string | null>> = {};
  const missing: NameField[] = [];
  for (const field of NAME_FIELDS) {
    const value = member(record, field);
    const text = asText(value);
    const absent = value === undefined || value === null || text === "";
    if (!absent && text !== null) names[field] = text;
    else if (!absent || field !== "selectStream") missing.push(field);
  }
  for (const field of missing) problems.push(missingName(record, field, names, where));
  problems.push(...checkPortNames(names, where));
  const { customTableName, select, selectByPk, selectAggregate, selectStream = null } = names;
  if (missing.length > 0 || !customTableName || !select || !selectByPk || !selectAggregate)
    return null;
  return { customTableName, select, selectByPk, selectAggregate, selectStream };
}

function missingName(
  specific: RawRecord,
  field: NameField,
  names: Readonly<Partial<Record<NameField, string | null>>>,
  where: { readonly path: string; readonly prefixes: readonly NamePrefix[] },
): Problem {
  const path = `${where.path}.${field}`;
  const value = member(specific, field);
  if (value !== undefined && value !== null && value !== "") {
    return { path, message: `\`${field}\` is not text: expected ${NAME_EXPECTATIONS[field]}` };
  }
  const misspelt = nearestKey(specific, field);
  const taken = new Set(Object.values(names).filter((name) => name !== null));
  const ready = suggestName("", field, { prefixes: where.prefixes, names, taken });
  return {
    path,
    message: `\`${field}\` is missing: expected ${NAME_EXPECTATIONS[field]}`,
    suggestion: misspelt ?? (ready === undefined ? undefined : `${field}: ${ready}`),
  };
}

/** A key that stands there and was probably meant to be this one. */
function nearestKey(record: RawRecord, wanted: string): string | undefined {
  const known: readonly string[] = [...NAME_FIELDS, "dataProduct", "componentIdToProvision"];
  const unknown = Object.keys(record).filter((key) => !known.includes(key));
  const meant = nearest(wanted, unknown);
  return meant === undefined ? undefined : `rename ${quoted(meant)} to \`${wanted}\``;
}

/** The facts of a request, once its source has been read: what a revision keeps. */
export function portSpec(target: TargetComponent, source: SourcePort): PortSpec {
  const { id, name, domain, major, environment } = target.dataProduct;
  return {
    componentId: target.id,
    environment,
    name: target.name,
    description: target.description,
    dataProduct: { id, name, domain, major },
    names: target.names,
    source,
    columns: target.columns,
  };
}
