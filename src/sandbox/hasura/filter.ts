/** Row filters of permissions: Hasura's boolean expressions over a table's columns, read from metadata. */
import { isArray, isObject, type Json, type JsonObject } from "./json.ts";
import type { Column } from "./schema-cache.ts";

export type BoolExp =
  | { readonly all: readonly BoolExp[] }
  | { readonly any: readonly BoolExp[] }
  | { readonly not: BoolExp }
  | { readonly column: Column; readonly operator: Operator; readonly operand: Operand };

export type Operand = { readonly literal: Json } | { readonly session: string };

export const COMPARISONS = {
  _eq: "=",
  _neq: "<>",
  _gt: ">",
  _lt: "<",
  _gte: ">=",
  _lte: "<=",
  _like: "LIKE",
  _nlike: "NOT LIKE",
  _ilike: "ILIKE",
  _nilike: "NOT ILIKE",
} as const;

export type Operator = keyof typeof COMPARISONS | "_in" | "_nin" | "_is_null";

const SPELLINGS: ReadonlyMap<string, Operator> = new Map(
  [...Object.keys(COMPARISONS), "_in", "_nin", "_is_null"].flatMap((name) => [
    [name, name as Operator],
    [name.replace("_", "$"), name as Operator],
  ]),
);

export const EVERY_ROW: BoolExp = { all: [] };

/** The filter does not fit the table; the message is Hasura's cause. */
export class FilterFault extends Error {}

/** @throws FilterFault */
export function readFilter(filter: JsonObject, columns: ReadonlyMap<string, Column>): BoolExp {
  return { all: Object.entries(filter).map(([key, value]) => readEntry(key, value, columns)) };
}

function readEntry(
  key: string,
  value: Json | undefined,
  columns: ReadonlyMap<string, Column>,
): BoolExp {
  if (key === "_and" || key === "$and") return { all: readList(key, value, columns) };
  if (key === "_or" || key === "$or") return { any: readList(key, value, columns) };
  if (key === "_not" || key === "$not") return { not: readFilter(object(key, value), columns) };
  const column = columns.get(key);
  if (!column) throw new FilterFault(`column ${JSON.stringify(key)} does not exist`);
  if (!isObject(value)) return comparison(column, "_eq", value);
  return {
    all: Object.entries(value).map(([spelling, operand]) => {
      const operator = SPELLINGS.get(spelling);
      if (!operator) throw new FilterFault(`unknown operator: ${spelling}`);
      return comparison(column, operator, operand);
    }),
  };
}

function readList(
  key: string,
  value: Json | undefined,
  columns: ReadonlyMap<string, Column>,
): BoolExp[] {
  if (!isArray(value)) throw new FilterFault(`expecting an array for ${key}`);
  return value.map((item) => readFilter(object(key, item), columns));
}

function object(key: string, value: Json | undefined): JsonObject {
  if (isObject(value)) return value;
  throw new FilterFault(`expecting an object for ${key}`);
}

function comparison(column: Column, operator: Operator, value: Json | undefined): BoolExp {
  const session = typeof value === "string" && /^x-hasura-/i.test(value);
  if (session) return { column, operator, operand: { session: value.toLowerCase() } };
  if (operator === "_is_null" && typeof value !== "boolean")
    throw new FilterFault("expecting a boolean for _is_null");
  if ((operator === "_in" || operator === "_nin") && !isArray(value))
    throw new FilterFault(`expecting an array for ${operator}`);
  return { column, operator, operand: { literal: value ?? null } };
}
