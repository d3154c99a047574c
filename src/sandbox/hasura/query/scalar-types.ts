/** Types that all tables of a schema share: scalars, their comparisons, the directions of an order. */
import {
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLFloat,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLScalarType,
  GraphQLString,
} from "graphql";
import type { Kind } from "../names.ts";
import { isText } from "../scalars.ts";
import type { Column } from "../schema-cache.ts";

export interface SharedTypes {
  scalar(name: string): GraphQLScalarType;
  comparison(column: Column, kind: Kind): GraphQLInputObjectType;
  readonly orderBy: GraphQLEnumType;
  /** `Int`, but not below zero; introspection sees it as `Int`. */
  readonly limit: GraphQLScalarType;
}

const BUILT_IN = [GraphQLInt, GraphQLFloat, GraphQLString, GraphQLBoolean];

const DIRECTIONS = {
  asc: "in ascending order, nulls last",
  asc_nulls_first: "in ascending order, nulls first",
  asc_nulls_last: "in ascending order, nulls last",
  desc: "in descending order, nulls first",
  desc_nulls_first: "in descending order, nulls first",
  desc_nulls_last: "in descending order, nulls last",
};

/** A fresh set: types of one name must be one object within a schema. */
export function sharedTypes(): SharedTypes {
  const scalars = new Map<string, GraphQLScalarType>(BUILT_IN.map((type) => [type.name, type]));
  const comparisons = new Map<string, GraphQLInputObjectType>();
  const scalar = (name: string): GraphQLScalarType => {
    const type = scalars.get(name) ?? new GraphQLScalarType({ name });
    scalars.set(name, type);
    return type;
  };
  return {
    scalar,
    comparison: (column, kind) => {
      const infix = kind.family === "postgres" ? "" : `_${kind.name}`;
      const name = `${column.scalar}${infix}_comparison_exp`;
      const type = comparisons.get(name) ?? comparisonType(name, scalar(column.scalar), column);
      comparisons.set(name, type);
      return type;
    },
    orderBy: new GraphQLEnumType({
      name: "order_by",
      description: "column ordering options",
      values: Object.fromEntries(
        Object.entries(DIRECTIONS).map(([name, description]) => [
          name,
          { value: name, description },
        ]),
      ),
    }),
    limit: GraphQLInt,
  };
}

function comparisonType(
  name: string,
  type: GraphQLScalarType,
  column: Column,
): GraphQLInputObjectType {
  const list = new GraphQLList(new GraphQLNonNull(type));
  const texts = isText(column.info) ? ["_like", "_nlike", "_ilike", "_nilike"] : [];
  const single = ["_eq", "_neq", "_gt", "_lt", "_gte", "_lte", ...texts];
  return new GraphQLInputObjectType({
    name,
    description: `Boolean expression to compare columns of type "${type.name}". All fields are combined with logical 'AND'.`,
    fields: {
      ...Object.fromEntries(single.map((operator) => [operator, { type }])),
      _in: { type: list },
      _nin: { type: list },
      _is_null: { type: GraphQLBoolean },
    },
  });
}

/** Hasura lists fields by name. */
export function sorted<T>(fields: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...fields].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
