/** The GraphQL schema that one role sees. */
import {
  type GraphQLField,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
} from "graphql";
import { readableTables } from "../inherited-roles.ts";
import {
  type BuiltTable,
  liveTables,
  type SchemaCache,
  type SelectPermission,
} from "../schema-cache.ts";
import { type SharedTypes, sharedTypes, sorted } from "./scalar-types.ts";
import { type ReadableTable, type TableTypes, tableTypes } from "./table-types.ts";

/** What a field stands for; the executor goes by it. */
export type Meaning =
  | { readonly of: "select"; readonly table: ReadableTable }
  | { readonly of: "by_pk"; readonly table: ReadableTable }
  | { readonly of: "aggregate"; readonly table: ReadableTable }
  | { readonly of: "namespace" }
  | { readonly of: "nothing" };

type Field = GraphQLFieldConfig<unknown, unknown>;

const NO_QUERIES =
  "There are no queries available to the current role. Either there are no sources or remote schemas configured, or the current role doesn't have the required permissions.";

/** Made piece by piece as it is asked for: a query that reads one table does not pay for two thousand. */
export interface RoleSchema {
  /** The fields of query_root by name. */
  field(name: string): RootGraphqlField | undefined;
  /** All of it, as introspection sees it. */
  whole(): GraphQLSchema;
}

export type RootGraphqlField = GraphQLField<unknown, unknown>;

export const QUERY_ROOT = "query_root";

const cached = new WeakMap<SchemaCache, Map<string, RoleSchema>>();

/** Made when a role first asks, kept as long as the schema cache it was made from. */
export function roleSchema(cache: SchemaCache, role: string): RoleSchema {
  const roles = cached.get(cache) ?? new Map<string, RoleSchema>();
  cached.set(cache, roles);
  const known = roles.get(role);
  if (known) return known;
  const makers = rootMakers(cache, role);
  const made = lazySchema(makers);
  // A role's name is the client's to choose with the admin secret: only roles that can see something are kept.
  if (!makers.has(NOTHING)) roles.set(role, made);
  return made;
}

type Makers = ReadonlyMap<string, () => Field>;

function lazySchema(makers: Makers): RoleSchema {
  const fields = new Map<string, RootGraphqlField>();
  let whole: GraphQLSchema | undefined;
  return {
    field: (name) => {
      const known = fields.get(name);
      const make = makers.get(name);
      if (known || !make) return known;
      const made = rootType(new Map([[name, make]])).getFields()[name];
      if (made) fields.set(name, made);
      return made;
    },
    whole: () => {
      // Hasura's schemas may hold what graphql-js refuses, such as a type without a field.
      whole ??= new GraphQLSchema({ query: rootType(makers), assumeValid: true });
      return whole;
    },
  };
}

function rootType(makers: Makers): GraphQLObjectType {
  return new GraphQLObjectType({ name: QUERY_ROOT, fields: made(makers) });
}

function made(makers: Makers): Record<string, Field> {
  return sorted(new Map([...makers].map(([name, make]) => [name, make()])));
}

const NOTHING = "no_queries_available";

function rootMakers(cache: SchemaCache, role: string): Makers {
  const shared = sharedTypes();
  const root = new Map<string, () => Field>();
  const namespaces = new Map<string, Map<string, () => Field>>();
  for (const table of readable(cache, role)) {
    const { graphql } = table.table;
    if (!graphql) continue;
    const { namespace } = graphql;
    const fields = namespace === undefined ? root : (namespaces.get(namespace) ?? new Map());
    if (namespace !== undefined) namespaces.set(namespace, fields);
    for (const [name, make] of tableMakers(table, shared)) fields.set(name, make);
  }
  for (const [namespace, fields] of namespaces)
    root.set(
      namespace,
      once(() => ({
        type: new GraphQLNonNull(
          new GraphQLObjectType({ name: `${namespace}_query`, fields: made(fields) }),
        ),
        extensions: { meaning: { of: "namespace" } satisfies Meaning },
      })),
    );
  if (root.size === 0)
    root.set(NOTHING, () => ({
      type: new GraphQLNonNull(GraphQLString),
      description: NO_QUERIES,
      extensions: { meaning: { of: "nothing" } satisfies Meaning },
    }));
  return root;
}

/** Types must be one object each within a schema, so what makes them is called once. */
function once<T>(make: () => T): () => T {
  let value: { readonly made: T } | undefined;
  return () => {
    value ??= { made: make() };
    return value.made;
  };
}

const ADMIN = "admin";

function readable(cache: SchemaCache, role: string): ReadableTable[] {
  const tables = liveTables(cache);
  if (role === ADMIN) return tables.map((table) => wholeTable(table));
  return [...readableTables(cache, tables, role)].map(([table, permissions]) =>
    permittedTable(table, permissions),
  );
}

function wholeTable(table: BuiltTable): ReadableTable {
  return {
    table,
    permissions: undefined,
    columns: table.columns.map((column) => ({ column, always: true })),
    aggregations: true,
    limit: undefined,
    fields: undefined,
  };
}

/** Rows are those of any permission; a column is there in the rows of a permission that shows it. */
function permittedTable(
  table: BuiltTable,
  permissions: readonly SelectPermission[],
): ReadableTable {
  const limits = permissions.map(({ limit }) => limit);
  const fields = permissions.map(({ queryFields }) => queryFields);
  return {
    table,
    permissions,
    columns: table.columns.flatMap((column) => {
      const showing = permissions.filter(({ columns }) => columns.has(column.info.name));
      return showing.length === 0
        ? []
        : [{ column, always: showing.length === permissions.length }];
    }),
    aggregations: permissions.some(({ aggregations }) => aggregations),
    limit: limits.includes(undefined) ? undefined : Math.max(...limits.map((limit) => limit ?? 0)),
    fields: fields.includes(undefined)
      ? undefined
      : new Set(fields.flatMap((names) => names ?? [])),
  };
}

function tableMakers(table: ReadableTable, shared: SharedTypes): Map<string, () => Field> {
  const types = once(() => tableTypes(table, shared));
  const makers = new Map<string, () => Field>();
  const make: Record<string, (() => Field) | undefined> = {
    select: () => selectField(table, types(), shared),
    select_by_pk: readsKey(table) ? () => byPkField(table, types(), shared) : undefined,
    select_aggregate: table.aggregations ? () => aggregateField(table, types(), shared) : undefined,
  };
  for (const [operation, { name, comment }] of table.table.graphql?.query ?? []) {
    const field = table.fields && !table.fields.has(operation) ? undefined : make[operation];
    if (!field) continue;
    makers.set(
      name,
      once(() => (comment === undefined ? field() : { ...field(), description: comment })),
    );
  }
  return makers;
}

function readsKey({ table, columns }: ReadableTable): boolean {
  const { primaryKey } = table.info;
  const visible = new Set(
    columns.flatMap(({ column, always }) =>
      always && column.field !== undefined ? [column.info.name] : [],
    ),
  );
  return primaryKey.length > 0 && primaryKey.every((name) => visible.has(name));
}

const quoted = ({ table }: ReadableTable): string => JSON.stringify(table.metadata.name.text);

function selectArguments(
  { table }: ReadableTable,
  types: TableTypes,
  shared: SharedTypes,
): GraphQLFieldConfigArgumentMap {
  const distinct: GraphQLFieldConfigArgumentMap =
    table.source.kind.family === "postgres"
      ? {
          distinct_on: {
            type: new GraphQLList(new GraphQLNonNull(types.selectColumn)),
            description: "distinct select on columns",
          },
        }
      : {};
  return {
    ...distinct,
    limit: { type: shared.limit, description: "limit the number of rows returned" },
    offset: {
      type: shared.limit,
      description: "skip the first n rows. Use only with order_by",
    },
    order_by: {
      type: new GraphQLList(new GraphQLNonNull(types.orderBy)),
      description: "sort the rows by one or more columns",
    },
    where: { type: types.boolExp, description: "filter the rows returned" },
  };
}

function selectField(table: ReadableTable, types: TableTypes, shared: SharedTypes): Field {
  return {
    type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(types.object))),
    description: `fetch data from the table: ${quoted(table)}`,
    args: selectArguments(table, types, shared),
    extensions: { meaning: { of: "select", table } satisfies Meaning },
  };
}

function byPkField(table: ReadableTable, types: TableTypes, shared: SharedTypes): Field {
  const { primaryKey } = table.table.info;
  const args = primaryKey.flatMap((name) => {
    const column = table.table.columns.find(({ info }) => info.name === name);
    return column?.field === undefined
      ? []
      : [[column.field, { type: new GraphQLNonNull(shared.scalar(column.scalar)) }] as const];
  });
  return {
    type: types.object,
    description: `fetch data from the table: ${quoted(table)} using primary key columns`,
    args: Object.fromEntries(args),
    extensions: { meaning: { of: "by_pk", table } satisfies Meaning },
  };
}

function aggregateField(table: ReadableTable, types: TableTypes, shared: SharedTypes): Field {
  return {
    type: new GraphQLNonNull(types.aggregate()),
    description: `fetch aggregated fields from the table: ${quoted(table)}`,
    args: selectArguments(table, types, shared),
    extensions: { meaning: { of: "aggregate", table } satisfies Meaning },
  };
}
