/**
 * Root fields and type names are one namespace over all sources. A name defined twice is no inconsistency:
 * Hasura cannot make its schema and refuses the whole change.
 */
import { HasuraError } from "./errors.ts";
import { tableIn } from "./inconsistency.ts";
import { isNumeric } from "./scalars.ts";
import type { BuiltTable, RootField } from "./schema-cache.ts";

const ROOTS = ["mutation", "subscription", "query"] as const;

/** @throws HasuraError unexpected (500) that names what is defined twice */
export function refuseConflicts(unordered: readonly BuiltTable[]): void {
  if (allDifferent(unordered)) return;
  const tables = unordered.toSorted(byPlace);
  for (const root of ROOTS) refuseConflictingFields(tables, root);
  refuseConflictingTypes(tables);
}

/** Looks whether any name is there twice, as it nearly never is; which one is looked for only then. */
function allDifferent(tables: readonly BuiltTable[]): boolean {
  const seen = new Set<string>();
  let count = 0;
  for (const table of tables)
    for (const name of ownNames(table)) {
      seen.add(name);
      count += 1;
    }
  if (seen.size < count) return false;
  return tables.every(({ graphql }) => graphql?.namespace === undefined);
}

/** A table is built anew when anything of it changes, so its names hold as long as it does. */
const namesOf = new WeakMap<BuiltTable, readonly string[]>();

function ownNames(table: BuiltTable): readonly string[] {
  const known = namesOf.get(table);
  if (known) return known;
  const fields = ROOTS.flatMap((root) =>
    [...(table.graphql?.[root].values() ?? [])].map(({ name }) => `${root} ${name}`),
  );
  const names = [...fields, ...typeNames(table)];
  namesOf.set(table, names);
  return names;
}

function byPlace(a: BuiltTable, b: BuiltTable): number {
  const left = `${a.source.name}\0${a.metadata.name.key}`;
  const right = `${b.source.name}\0${b.metadata.name.key}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

function refuseConflictingFields(
  tables: readonly BuiltTable[],
  root: (typeof ROOTS)[number],
): void {
  const owners = new Map<string, Map<string, string[]>>();
  const namespaces = new Map<string, Set<string>>();
  for (const table of tables) {
    const { graphql } = table;
    if (!graphql || graphql[root].size === 0) continue;
    const { namespace } = graphql;
    const scope = namespace === undefined ? `${root}_root` : `${namespace}_${root}`;
    const origin = tableIn(table.metadata.name, table.source.name);
    const fields = owners.get(scope) ?? new Map<string, string[]>();
    owners.set(scope, fields);
    for (const [operation, field] of graphql[root])
      add(fields, field, operation === "update_many" ? undefined : origin);
    if (namespace !== undefined) {
      const sources = namespaces.get(namespace) ?? new Set();
      namespaces.set(namespace, sources.add(`source ${table.source.name}`));
    }
  }
  const top = owners.get(`${root}_root`) ?? new Map<string, string[]>();
  for (const [namespace, sources] of namespaces)
    top.set(namespace, [...(top.get(namespace) ?? []), ...sources]);
  owners.set(`${root}_root`, top);
  for (const [scope, fields] of owners) refuseScope(scope, fields);
}

/** Hasura does not know where some fields come from: these count, and are listed without a place. */
function add(fields: Map<string, string[]>, field: RootField, origin: string | undefined): void {
  const places = fields.get(field.name);
  if (places) places.push(origin ?? "");
  else fields.set(field.name, [origin ?? ""]);
}

function refuseScope(scope: string, fields: ReadonlyMap<string, readonly string[]>): void {
  const duplicated = [...fields].filter(([, places]) => places.length > 1);
  if (duplicated.length === 0) return;
  const printed = duplicated.map(([name, places]) => {
    const known = [...new Set(places)].filter((place) => place !== "");
    return known.length === 0 ? `'${name}'` : `'${name}' defined in [${known.join(", ")}]`;
  });
  const list = printed.length === 1 ? `field ${printed[0]}` : `fields: [${printed.join(", ")}]`;
  throw new HasuraError(
    "unexpected",
    `Encountered conflicting definitions in the selection set for '${scope}' for ${list}. Fields must not be defined more than once across all sources.`,
    { status: 500 },
  );
}

function refuseConflictingTypes(tables: readonly BuiltTable[]): void {
  const owners = new Map<string, BuiltTable>();
  for (const table of tables) {
    if (!table.graphql) continue;
    for (const name of typeNames(table)) {
      const other = owners.get(name);
      if (other) throw conflictingType(name, table, other);
      owners.set(name, table);
    }
  }
}

const READ_TYPES = [
  "",
  "_bool_exp",
  "_order_by",
  "_select_column",
  "_aggregate",
  "_aggregate_fields",
  "_max_fields",
  "_min_fields",
];
const NUMERIC_TYPES = ["_avg_fields", "_sum_fields"];
const STREAM_TYPES = ["_stream_cursor_input", "_stream_cursor_value_input"];
const WRITE_TYPES = [
  "_insert_input",
  "_set_input",
  "_mutation_response",
  "_on_conflict",
  "_constraint",
  "_update_column",
  "_updates",
];

/** Every type that Hasura derives from the table in the admin's schema. */
function typeNames({ graphql, columns }: BuiltTable): string[] {
  if (!graphql) return [];
  const suffixes = [
    ...READ_TYPES,
    ...(columns.some(({ info }) => isNumeric(info)) ? NUMERIC_TYPES : []),
    ...(graphql.subscription.size > 0 ? STREAM_TYPES : []),
    ...(graphql.mutation.size > 0 ? WRITE_TYPES : []),
  ];
  return suffixes.map((suffix) => graphql.typeName + suffix);
}

// The two spaces before "The definition" are Hasura's.
function conflictingType(name: string, table: BuiltTable, other: BuiltTable): HasuraError {
  return new HasuraError(
    "unexpected",
    `Found conflicting definitions for GraphQL type '${name}'.  The definition at ${selectField(other)} differs from the definitions at [${selectField(table)}].\nFormer has definition:\n${printed(other)}\nLatter has definition:\n${printed(table)}`,
    { status: 500 },
  );
}

function selectField({ graphql }: BuiltTable): string {
  return graphql?.query.get("select")?.name ?? "";
}

function printed({ graphql, columns }: BuiltTable): string {
  const fields = columns.flatMap(({ field, scalar, info }) =>
    field === undefined ? [] : [`  ${field}: ${scalar}${info.nullable ? "" : "!"}`],
  );
  return `type ${graphql?.typeName ?? ""} {\n${fields.join("\n")}\n}`;
}
