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
import { type Entity, federationMakers } from "./federation.ts";
import { type SharedTypes, sharedTypes, sorted } from "./scalar-types.ts";
import { type Meaning, type ReadableTable, type TableTypes, tableTypes } from "./table-types.ts";

type Field = GraphQLFieldConfig<unknown, unknown>;

const NO_QUERIES =
  "There are no queries available to the current role. Either there are no sources or remote schemas configured, or the current role doesn't have the required permissions.";

export const ROOTS = { query: "query_root", subscription: "subscription_root" } as const;
export type Root = keyof typeof ROOTS;

/** Made piece by piece as it is asked for: a query that reads one table does not pay for two thousand. */
export interface RoleSchema {
  /** Whether the root has any field. */
  has(root: Root): boolean;
  field(root: Root, name: string): RootGraphqlField | undefined;
  /** All of it, as introspection sees it. */
  whole(): GraphQLSchema;
}

export type RootGraphqlField = GraphQLField<unknown, unknown>;

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
  if (!makers.query().has(NOTHING)) roles.set(role, made);
  return made;
}

type Makers = ReadonlyMap<string, () => Field>;
/** Each root's when it is first asked for: most requests are queries. */
type RootMakers = Readonly<Record<Root, () => Makers>>;

function lazySchema(makers: RootMakers): RoleSchema {
  const fields = new Map<string, RootGraphqlField>();
  let whole: GraphQLSchema | undefined;
  return {
    has: (root) => makers[root]().size > 0,
    field: (root, name) => {
      const key = `${root} ${name}`;
      const known = fields.get(key);
      const make = makers[root]().get(name);
      if (known || !make) return known;
      const made = rootType(root, new Map([[name, make]])).getFields()[name];
      if (made) fields.set(key, made);
      return made;
    },
    whole: () => {
      whole ??= wholeSchema(makers);
      return whole;
    },
  };
}

function wholeSchema({ query, subscription }: RootMakers): GraphQLSchema {
  return new GraphQLSchema({
    query: rootType("query", query()),
    subscription: subscription().size > 0 ? rootType("subscription", subscription()) : null,
    // Hasura's schemas may hold what graphql-js refuses, such as a type without a field.
    assumeValid: true,
  });
}

function rootType(root: Root, makers: Makers): GraphQLObjectType {
  return new GraphQLObjectType({ name: ROOTS[root], fields: made(makers) });
}

function made(makers: Makers): Record<string, Field> {
  return sorted(new Map([...makers].map(([name, make]) => [name, make()])));
}

const NOTHING = "no_queries_available";

function rootMakers(cache: SchemaCache, role: string): RootMakers {
  const shared = sharedTypes();
  const tables = readable(cache, role).map((table) => ({
    table,
    types: once(() => tableTypes(table, shared)),
  }));
  const of = (root: Root): Map<string, () => Field> =>
    inNamespaces(root, tables, ({ table, types }) => tableMakers(root, table, types, shared));
  const query = of("query");
  const subscription = once(() => of("subscription"));
  if (cache.apolloFederation) {
    const told = new Map(query);
    const schema = (): GraphQLSchema => wholeSchema({ query: () => told, subscription });
    for (const [name, make] of federationMakers(tables.flatMap(entityOf), schema))
      query.set(name, once(make));
  }
  if (query.size === 0)
    query.set(NOTHING, () => ({
      type: new GraphQLNonNull(GraphQLString),
      description: NO_QUERIES,
      extensions: { meaning: { of: "nothing" } satisfies Meaning },
    }));
  return { query: () => query, subscription };
}

interface Typed {
  readonly table: ReadableTable;
  types(): TableTypes;
}

/** A table that the metadata offer to a federation, if its key can be read. */
function entityOf({ table, types }: Typed): Entity[] {
  const asked = table.table.metadata.apolloFederation !== undefined;
  return asked && table.table.graphql && readsKey(table) ? [{ table, object: types().object }] : [];
}

/** A source's fields stand on the root itself, or below the one field that its customisation names. */
function inNamespaces(
  root: Root,
  tables: readonly Typed[],
  makersOf: (table: Typed) => Makers,
): Map<string, () => Field> {
  const top = new Map<string, () => Field>();
  const namespaces = new Map<string, Map<string, () => Field>>();
  for (const each of tables) {
    const namespace = each.table.table.graphql?.namespace;
    const fields = namespace === undefined ? top : (namespaces.get(namespace) ?? new Map());
    for (const [name, make] of makersOf(each)) fields.set(name, make);
    if (namespace !== undefined && fields.size > 0) namespaces.set(namespace, fields);
  }
  for (const [namespace, fields] of namespaces)
    top.set(
      namespace,
      once(() => ({
        type: new GraphQLNonNull(
          new GraphQLObjectType({ name: `${namespace}_${root}`, fields: made(fields) }),
        ),
        extensions: { meaning: { of: "namespace" } satisfies Meaning },
      })),
    );
  return top;
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
    fields: { query: undefined, subscription: undefined },
  };
}

/** Rows are those of any permission; a column is there in the rows of a permission that shows it. */
function permittedTable(
  table: BuiltTable,
  permissions: readonly SelectPermission[],
): ReadableTable {
  const limits = permissions.map(({ limit }) => limit);
  const union = (
    fields: readonly (readonly string[] | undefined)[],
  ): ReadonlySet<string> | undefined =>
    fields.includes(undefined) ? undefined : new Set(fields.flatMap((names) => names ?? []));
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
    fields: {
      query: union(permissions.map(({ queryFields }) => queryFields)),
      subscription: union(permissions.map(({ subscriptionFields }) => subscriptionFields)),
    },
  };
}

function tableMakers(
  root: Root,
  table: ReadableTable,
  types: () => TableTypes,
  shared: SharedTypes,
): Map<string, () => Field> {
  const makers = new Map<string, () => Field>();
  const make: Record<string, (() => Field) | undefined> = {
    select: () => selectField(table, types(), shared),
    select_by_pk: readsKey(table) ? () => byPkField(table, types(), shared) : undefined,
    select_aggregate: table.aggregations ? () => aggregateField(table, types(), shared) : undefined,
  };
  const allowed = table.fields[root];
  for (const [operation, { name, comment }] of table.table.graphql?.[root] ?? []) {
    const field = allowed && !allowed.has(operation) ? undefined : make[operation];
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
