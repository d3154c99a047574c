/**
 * The GraphQL names of an output port: which are allowed, which prefix they carry, what Hasura makes of
 * them. One place for the validator, its messages and docs/naming.md.
 */
import { createHash } from "node:crypto";
import type { Problem } from "../errors.ts";
import type { PortNames } from "./output-port.ts";
import { quoted } from "./problem-text.ts";
import { componentKey, environmentKey, parseComponentUrn, parseDataProductUrn } from "./urn.ts";

/** A name as the GraphQL grammar has it. */
export const GRAPHQL_NAME = /^[_A-Za-z][_0-9A-Za-z]*$/;
export const MAX_NAME_LENGTH = 128;

/** Names that GraphQL, Hasura, Apollo Federation or Relay keep for themselves; so is all that begins with `__`. */
export const RESERVED_NAMES: readonly string[] = [
  "_service",
  "_entities",
  "node",
  "no_queries_available",
];

/** The descriptor's own fields, in the order in which faults are told. */
export const NAME_FIELDS = [
  "customTableName",
  "select",
  "selectByPk",
  "selectAggregate",
  "selectStream",
] as const satisfies readonly (keyof PortNames)[];
export type NameField = (typeof NAME_FIELDS)[number];

/** What the template puts after the prefix when the form is left empty. */
export const DEFAULT_SUFFIXES: Readonly<Record<NameField, string>> = {
  customTableName: "table",
  select: "select",
  selectByPk: "select_by_pk",
  selectAggregate: "aggregate",
  selectStream: "stream",
};

export interface NamePrefix {
  readonly prefix: string;
  /** Made from the data product's display name, or from its id. */
  readonly from: "name" | "id";
}

/** The text without what is no ASCII letter, digit or `_`, in lower case. May be empty. */
export function normalizeName(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/g, "").toLowerCase();
}

/**
 * The prefixes a port's names may carry: `domain_product_major_port`, each part normalised, from the
 * display names and from the ids, the likelier first, without repeats. Empty when no part of the names
 * can be used. A leading digit gets a `_` before it; several leading `_` become one.
 */
export function expectedPrefixes(
  dataProduct: {
    readonly id: string;
    readonly name: string;
    readonly domain: string;
    readonly major: string;
  },
  port: { readonly id: string; readonly name: string },
): NamePrefix[] {
  const domain = dataProduct.domain.replace(/^(?:urn:dmb:dmn:|domain:)/i, "");
  const prefixes: NamePrefix[] = [];
  const add = (from: NamePrefix["from"], ...parts: string[]) => {
    const prefix = assemblePrefix(parts);
    if (prefix !== null && prefixes.every((other) => other.prefix !== prefix)) {
      prefixes.push({ prefix, from });
    }
  };
  add("name", domain, dataProduct.name, dataProduct.major, port.name);
  const product = parseDataProductUrn(dataProduct.id);
  const component = parseComponentUrn(port.id);
  if (product !== null) add("id", product.domain, product.name, product.major, port.name);
  if (component !== null) {
    const segment = [component.component, ...component.subcomponents].join("");
    add("id", component.domain, component.name, component.major, segment);
  }
  return prefixes;
}

function assemblePrefix(parts: readonly string[]): string | null {
  const normal = parts.map(normalizeName);
  if (normal.includes("")) return null;
  const joined = normal.join("_").replace(/^_{2,}/, "_");
  return /^[0-9]/.test(joined) ? `_${joined}` : joined;
}

/** The prefix that the name carries, or `null`. The name has more than the prefix: `_` and something after it. */
export function prefixOf(name: string, prefixes: readonly NamePrefix[]): NamePrefix | null {
  return (
    prefixes.find(
      ({ prefix }) => name.startsWith(`${prefix}_`) && name.length > prefix.length + 1,
    ) ?? null
  );
}

/** What is wrong with a name by GraphQL's grammar, Hasura's reserved names and our length; empty when nothing is. */
export function grammarFaults(name: string): string[] {
  const faults: string[] = [];
  if (!GRAPHQL_NAME.test(name)) {
    faults.push(
      /^[0-9]/.test(name) && GRAPHQL_NAME.test(`_${name}`)
        ? "must not begin with a digit"
        : "may hold only letters a-z and A-Z, digits and `_`, and must not begin with a digit",
    );
  }
  if (name.startsWith("__") || RESERVED_NAMES.includes(name)) faults.push("is a reserved name");
  if (name.length > MAX_NAME_LENGTH) faults.push(`is longer than ${MAX_NAME_LENGTH} characters`);
  return faults;
}

/**
 * Every fault in the names of one port, one problem a name, each with a name that would do.
 *
 * @param names the texts as they were sent; `null` or absent ones are not judged here
 * @param where.path of the object that holds them, e.g. `dataProduct.components.<id>.specific`
 * @param where.prefixes from `expectedPrefixes`
 */
export function checkPortNames(
  names: Readonly<Partial<Record<NameField, string | null>>>,
  where: { readonly path: string; readonly prefixes: readonly NamePrefix[] },
): Problem[] {
  const problems: Problem[] = [];
  const taken = new Set(rootFields(names).map(([, name]) => name));
  for (const field of NAME_FIELDS) {
    const name = names[field];
    if (name === null || name === undefined) continue;
    const faults = [...grammarFaults(name), ...prefixFaults(name, where.prefixes)];
    const twins = field === "customTableName" ? [] : twinsOf(field, name, names);
    if (twins.length > 0) faults.push(`is the same as ${twins.map((t) => `\`${t}\``).join(", ")}`);
    if (faults.length === 0) continue;
    const suggestion = suggestName(name, field, { prefixes: where.prefixes, names, taken });
    if (suggestion !== undefined && field !== "customTableName") taken.add(suggestion);
    problems.push({
      path: `${where.path}.${field}`,
      message: `${quoted(name)} ${faults.join("; it ")}`,
      suggestion,
    });
  }
  return problems;
}

function rootFields(
  names: Readonly<Partial<Record<NameField, string | null>>>,
): [NameField, string][] {
  return NAME_FIELDS.flatMap((field): [NameField, string][] => {
    const name = names[field];
    return field === "customTableName" || name === null || name === undefined
      ? []
      : [[field, name]];
  });
}

function twinsOf(
  field: NameField,
  name: string,
  names: Readonly<Partial<Record<NameField, string | null>>>,
): NameField[] {
  return rootFields(names).flatMap(([other, its]) =>
    other !== field && its === name ? [other] : [],
  );
}

function prefixFaults(name: string, prefixes: readonly NamePrefix[]): string[] {
  if (prefixes.length === 0 || prefixOf(name, prefixes) !== null) return [];
  const bare = prefixes.find(({ prefix }) => name === prefix || name === `${prefix}_`);
  if (bare !== undefined) return ["is only the prefix: put `_` and a word of its own after it"];
  const wanted = prefixes.map(({ prefix, from }) => `\`${prefix}_\` (by the ${from})`).join(" or ");
  return [`must begin with ${wanted}, in lower case`];
}

/**
 * A name close to the one sent that passes every rule, or `undefined` when the prefix alone is too long
 * for any name.
 *
 * @param port.names the port's names as sent, to follow the prefix its other names carry
 * @param port.taken root fields it must not be the same as
 */
export function suggestName(
  name: string,
  field: NameField,
  port: {
    readonly prefixes: readonly NamePrefix[];
    readonly names: Readonly<Partial<Record<NameField, string | null>>>;
    readonly taken: ReadonlySet<string>;
  },
): string | undefined {
  const spellings = [name.replace(/[^A-Za-z0-9_]+/g, "_").toLowerCase(), normalizeName(name)];
  const inUse = NAME_FIELDS.flatMap(
    (other) => prefixOf(port.names[other] ?? "", port.prefixes) ?? [],
  );
  const meant = port.prefixes.find(({ prefix }) => spellings.some((s) => s.startsWith(prefix)));
  const prefix = (meant ?? inUse[0] ?? port.prefixes[0])?.prefix;
  if (prefix === undefined) return undefined;
  const suffix = wordAfter(prefix, spellings, DEFAULT_SUFFIXES[field]);
  const words = [
    suffix,
    DEFAULT_SUFFIXES[field],
    `${suffix}_${DEFAULT_SUFFIXES[field]}`,
    "2",
    "3",
    "4",
    "5",
  ];
  return words
    .map((word) => `${prefix}_${word.slice(0, Math.max(0, MAX_NAME_LENGTH - prefix.length - 1))}`)
    .find(
      (candidate) =>
        grammarFaults(candidate).length === 0 &&
        prefixOf(candidate, port.prefixes) !== null &&
        (field === "customTableName" || !port.taken.has(candidate)),
    );
}

/** What the name says beyond its prefix; the usual word when it says no more, or ends with that anyway. */
function wordAfter(prefix: string, spellings: readonly string[], usual: string): string {
  const prefixed = spellings.find((spelling) => spelling.startsWith(prefix));
  if (prefixed !== undefined) {
    return prefixed.slice(prefix.length).replace(/^_+|_+$/g, "") || usual;
  }
  const whole = (spellings[0] ?? "").replace(/^_+|_+$/g, "");
  return whole === "" || whole.endsWith(`_${usual}`) ? usual : whole;
}

export interface DerivedName {
  readonly namespace: "ROOT_FIELD" | "TYPE";
  readonly name: string;
  /** The descriptor's field that asks for it, or `derived` for what Hasura makes of those by itself. */
  readonly purpose: NameField | "derived";
}

/** What Hasura calls a table's fields where no custom name is in force. */
const ROOT_FIELD_ENDINGS = ["", "_by_pk", "_aggregate", "_stream"] as const;

const AGGREGATES = [
  "avg",
  "max",
  "min",
  "stddev",
  "stddev_pop",
  "stddev_samp",
  "sum",
  "var_pop",
  "var_samp",
  "variance",
] as const;

/** What Hasura calls the types it makes for reading a table, after the table's own name. */
const TYPE_ENDINGS: readonly string[] = [
  "_bool_exp",
  "_order_by",
  "_select_column",
  "_aggregate",
  "_aggregate_fields",
  "_aggregate_bool_exp",
  "_aggregate_bool_exp_count",
  "_aggregate_order_by",
  "_stream_cursor_input",
  "_stream_cursor_value_input",
  ...AGGREGATES.flatMap((aggregate) => [`_${aggregate}_fields`, `_${aggregate}_order_by`]),
];

/**
 * Every root field and type that Hasura makes of a port's names, each once: the names asked for, and the
 * defaults of `customTableName`, to which Hasura falls back when a custom field is dropped or invalid.
 */
export function derivedNames(names: PortNames): DerivedName[] {
  const table = names.customTableName;
  const all: DerivedName[] = [
    ...rootFields(names).map(([purpose, name]) => ({
      namespace: "ROOT_FIELD" as const,
      name,
      purpose,
    })),
    ...ROOT_FIELD_ENDINGS.map((ending) => derived("ROOT_FIELD", `${table}${ending}`)),
    { namespace: "TYPE", name: table, purpose: "customTableName" },
    ...TYPE_ENDINGS.map((ending) => derived("TYPE", `${table}${ending}`)),
  ];
  const byKey = new Map<string, DerivedName>();
  for (const name of all) {
    const key = `${name.namespace} ${name.name}`;
    if (!byKey.has(key)) byKey.set(key, name);
  }
  return [...byKey.values()];
}

function derived(namespace: DerivedName["namespace"], name: string): DerivedName {
  return { namespace, name, purpose: "derived" };
}

const MAX_ROLE_PREFIX = 100;

/**
 * The role that stands for a port in Hasura: readable, a GraphQL name, never `admin`. It is decided once
 * and recorded: it holds display names, so a renamed port would get another.
 *
 * @param attempt 1, 2, … when the name before is taken by somebody else's role
 */
export function roleName(
  port: {
    readonly environment: string;
    readonly componentId: string;
    readonly name: string;
    readonly dataProduct: {
      readonly id: string;
      readonly name: string;
      readonly domain: string;
      readonly major: string;
    };
  },
  attempt = 0,
): string {
  const [first] = expectedPrefixes(port.dataProduct, { id: port.componentId, name: port.name });
  const readable = (first?.prefix ?? "port").slice(0, MAX_ROLE_PREFIX);
  const identity = JSON.stringify([
    environmentKey(port.environment),
    componentKey(port.componentId),
  ]);
  const hash = createHash("sha256").update(attempt === 0 ? identity : `${identity}#${attempt}`);
  return `${readable}_role_${hash.digest("hex").slice(0, 8)}`;
}
