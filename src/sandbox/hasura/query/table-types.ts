/** The types that a role's view of one table is made of. */
import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfig,
  GraphQLFloat,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
} from "graphql";
import { isNumeric, isOrdered } from "../scalars.ts";
import type { BuiltTable, Column, SelectPermission } from "../schema-cache.ts";
import { type SharedTypes, sorted } from "./scalar-types.ts";

export interface ReadableTable {
  readonly table: BuiltTable;
  /** `undefined` for the admin, who sees everything. */
  readonly permissions: readonly SelectPermission[] | undefined;
  readonly columns: readonly VisibleColumn[];
  readonly aggregations: boolean;
  readonly limit: number | undefined;
  /** The root fields that the permissions name; `undefined` is all. */
  readonly fields: Readonly<Record<"query" | "subscription", ReadonlySet<string> | undefined>>;
}

/** What a root field stands for; the executor goes by it. */
export type Meaning =
  | { readonly of: "select"; readonly table: ReadableTable }
  | { readonly of: "by_pk"; readonly table: ReadableTable }
  | { readonly of: "aggregate"; readonly table: ReadableTable }
  /** Rows by what another service of a federation knows of them; tables by the name of their type. */
  | { readonly of: "entities"; readonly tables: ReadonlyMap<string, ReadableTable> }
  | { readonly of: "service"; sdl(): string }
  | { readonly of: "namespace" }
  | { readonly of: "nothing" };

export interface VisibleColumn {
  readonly column: Column;
  /** Whether every permission shows it; if not, it is null in rows that only others give. */
  readonly always: boolean;
}

/** What a field below a root field stands for. */
export type InnerMeaning =
  | { readonly of: "column"; readonly column: Column }
  | { readonly of: "nodes" }
  | { readonly of: "aggregates" }
  | { readonly of: "count" }
  | { readonly of: "function"; readonly name: string };

export interface TableTypes {
  readonly object: GraphQLObjectType;
  readonly boolExp: GraphQLInputObjectType;
  readonly orderBy: GraphQLInputObjectType;
  readonly selectColumn: GraphQLEnumType;
  aggregate(): GraphQLObjectType;
}

type Field = GraphQLFieldConfig<unknown, unknown>;

export function tableTypes(readable: ReadableTable, shared: SharedTypes): TableTypes {
  const { table } = readable;
  const name = table.graphql?.typeName ?? "";
  const text = JSON.stringify(table.metadata.name.text);
  const object = new GraphQLObjectType({
    name,
    description:
      table.metadata.configuration?.comment ??
      table.info.description ??
      `columns and relationships of ${text}`,
    fields: columnFields(readable, shared),
  });
  let aggregate: GraphQLObjectType | undefined;
  const selectColumn = new GraphQLEnumType({
    name: `${name}_select_column`,
    description: `select columns of table ${text}`,
    values: Object.fromEntries(
      named(readable).map(({ field }) => [field, { value: field, description: "column name" }]),
    ),
  });
  return {
    object,
    selectColumn,
    boolExp: boolExpType(name, text, readable, shared),
    orderBy: new GraphQLInputObjectType({
      name: `${name}_order_by`,
      description: `Ordering options when selecting data from ${text}.`,
      fields: sorted(
        new Map(named(readable).map(({ field }) => [field, { type: shared.orderBy }])),
      ),
    }),
    aggregate: () => {
      aggregate ??= aggregateType(name, text, readable, shared, object, selectColumn);
      return aggregate;
    },
  };
}

interface NamedColumn extends VisibleColumn {
  readonly field: string;
}

/** Columns without a GraphQL name do not appear. */
function named({ columns }: ReadableTable): NamedColumn[] {
  return columns.flatMap((visible) =>
    visible.column.field === undefined ? [] : [{ ...visible, field: visible.column.field }],
  );
}

function columnFields(readable: ReadableTable, shared: SharedTypes): Record<string, Field> {
  const fields = named(readable).map(({ column, always, field }): [string, Field] => {
    const type = shared.scalar(column.scalar);
    const required = always && !column.info.nullable;
    return [
      field,
      {
        type: required ? new GraphQLNonNull(type) : type,
        description: column.description,
        extensions: { inner: { of: "column", column } satisfies InnerMeaning },
      },
    ];
  });
  return sorted(new Map(fields));
}

function boolExpType(
  name: string,
  text: string,
  readable: ReadableTable,
  shared: SharedTypes,
): GraphQLInputObjectType {
  const { kind } = readable.table.source;
  const type: GraphQLInputObjectType = new GraphQLInputObjectType({
    name: `${name}_bool_exp`,
    description: `Boolean expression to filter rows from the table ${text}. All fields are combined with a logical 'AND'.`,
    fields: (): GraphQLInputFieldConfigMap => {
      const list = new GraphQLList(new GraphQLNonNull(type));
      const columns = named(readable).map(
        ({ field, column }): [string, { type: GraphQLInputObjectType }] => [
          field,
          { type: shared.comparison(column, kind) },
        ],
      );
      return {
        _and: { type: list },
        _not: { type },
        _or: { type: list },
        ...sorted(new Map(columns)),
      };
    },
  });
  return type;
}

function aggregateType(
  name: string,
  text: string,
  readable: ReadableTable,
  shared: SharedTypes,
  object: GraphQLObjectType,
  selectColumn: GraphQLEnumType,
): GraphQLObjectType {
  const fields = new GraphQLObjectType({
    name: `${name}_aggregate_fields`,
    description: `aggregate fields of ${text}`,
    fields: aggregateFields(name, readable, shared, selectColumn),
  });
  return new GraphQLObjectType({
    name: `${name}_aggregate`,
    description: `aggregated selection of ${text}`,
    fields: {
      aggregate: {
        type: fields,
        extensions: { inner: { of: "aggregates" } satisfies InnerMeaning },
      },
      nodes: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(object))),
        extensions: { inner: { of: "nodes" } satisfies InnerMeaning },
      },
    },
  });
}

const STATISTICS = ["stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance"];

function aggregateFields(
  name: string,
  readable: ReadableTable,
  shared: SharedTypes,
  selectColumn: GraphQLEnumType,
): Record<string, Field> {
  const columns = named(readable);
  const fields = new Map<string, Field>();
  fields.set("count", {
    type: new GraphQLNonNull(GraphQLInt),
    args: {
      columns: { type: new GraphQLList(new GraphQLNonNull(selectColumn)) },
      distinct: { type: GraphQLBoolean },
    },
    extensions: { inner: { of: "count" } satisfies InnerMeaning },
  });
  const postgres = readable.table.source.kind.family === "postgres";
  const add = (operation: string, fitting: readonly NamedColumn[], float: boolean): void => {
    if (fitting.length === 0) return;
    const members = fitting.map(({ field, column }): [string, Field] => [
      field,
      {
        type: float ? GraphQLFloat : shared.scalar(column.scalar),
        extensions: { inner: { of: "column", column } satisfies InnerMeaning },
      },
    ]);
    fields.set(operation, {
      type: new GraphQLObjectType({
        name: `${name}_${operation}_fields`,
        description: `aggregate ${operation} on columns`,
        fields: sorted(new Map(members)),
      }),
      extensions: { inner: { of: "function", name: operation } satisfies InnerMeaning },
    });
  };
  const numeric = columns.filter(({ column }) => isNumeric(column.info));
  const ordered = columns.filter(({ column }) => isOrdered(column.info));
  add("max", ordered, false);
  add("min", ordered, false);
  add("sum", numeric, false);
  for (const operation of ["avg", ...(postgres ? STATISTICS : [])]) add(operation, numeric, true);
  return sorted(fields);
}
