/** SQL for root fields: parameters are bound, identifiers quoted. */
import { escapeIdentifier } from "pg";
import { HasuraError } from "../errors.ts";
import { type BoolExp, COMPARISONS, EVERY_ROW, type Operand, type Operator } from "../filter.ts";
import { isArray, isObject, type Json, type JsonObject, writeJson } from "../json.ts";
import type { Column } from "../schema-cache.ts";
import type { ReadableTable, VisibleColumn } from "./table-types.ts";

export interface Statement {
  readonly text: string;
  readonly values: readonly string[];
}

/** What a statement is about: the table as a role sees it, and who asks. */
export interface Target {
  readonly table: ReadableTable;
  readonly session: Readonly<Record<string, string>>;
}

/** Collects bound values; each becomes `$n` with a cast to the column's type. */
class Bindings {
  readonly values: string[] = [];

  bind(value: string, cast: string): string {
    this.values.push(value);
    return `$${this.values.length}::${cast}`;
  }
}

export interface Rows {
  readonly where: BoolExp;
  readonly orderBy: readonly { readonly column: Column; readonly direction: string }[];
  readonly distinctOn: readonly Column[];
  readonly limit: number | undefined;
  readonly offset: number | undefined;
}

export const ALL_ROWS: Rows = {
  where: EVERY_ROW,
  orderBy: [],
  distinctOn: [],
  limit: undefined,
  offset: undefined,
};

/** One JSON object a row, with the columns under `c0`, `c1`, … in their order. */
export function selectStatement(target: Target, columns: readonly Column[], rows: Rows): Statement {
  const bindings = new Bindings();
  const shown = columns.map((column, i) => `${columnSql(target, column, bindings)} AS c${i}`);
  const inner = rowsSql(target, shown.length > 0 ? shown : ["1 AS c0"], rows, bindings);
  return { text: `SELECT row_to_json(r)::text AS row FROM (${inner}) r`, values: bindings.values };
}

export interface Aggregate {
  /** `count`, or a function of one column. */
  readonly name: string;
  readonly columns: readonly Column[];
  readonly distinct: boolean;
}

/** One JSON object, with the aggregates under `a0`, `a1`, … in their order. */
export function aggregateStatement(
  target: Target,
  aggregates: readonly Aggregate[],
  rows: Rows,
): Statement {
  const bindings = new Bindings();
  const columns = target.table.columns.map(
    ({ column }) =>
      `${columnSql(target, column, bindings)} AS ${escapeIdentifier(column.info.name)}`,
  );
  const inner = rowsSql(target, columns.length > 0 ? columns : ["1 AS c0"], rows, bindings);
  const outer = aggregates.map((aggregate, i) => `${aggregateSql(aggregate)} AS a${i}`);
  return {
    text: `SELECT row_to_json(r)::text AS row FROM (SELECT ${outer.join(", ")} FROM (${inner}) s) r`,
    values: bindings.values,
  };
}

function aggregateSql({ name, columns, distinct }: Aggregate): string {
  const names = columns.map(({ info }) => `s.${escapeIdentifier(info.name)}`);
  if (name !== "count") return `${name}(${names[0] ?? "NULL"})`;
  if (names.length === 0) return "count(*)";
  return `count(${distinct ? "DISTINCT " : ""}${names.length === 1 ? names[0] : `(${names.join(", ")})`})`;
}

function rowsSql(target: Target, shown: readonly string[], rows: Rows, bindings: Bindings): string {
  const { relation } = target.table.table.info;
  const from = `${escapeIdentifier(relation.schema)}.${escapeIdentifier(relation.name)}`;
  const distinct =
    rows.distinctOn.length > 0
      ? `DISTINCT ON (${rows.distinctOn.map((column) => reference(column)).join(", ")}) `
      : "";
  const conditions = [permittedSql(target, bindings), boolExpSql(rows.where, target, bindings)];
  const order = rows.orderBy.map(
    ({ column, direction }) => `${columnSql(target, column, bindings)} ${DIRECTIONS[direction]}`,
  );
  return [
    `SELECT ${distinct}${shown.join(", ")} FROM ${from} t`,
    `WHERE ${conditions.join(" AND ")}`,
    order.length > 0 ? `ORDER BY ${order.join(", ")}` : "",
    rows.limit === undefined ? "" : `LIMIT ${bindings.bind(String(rows.limit), "bigint")}`,
    rows.offset === undefined ? "" : `OFFSET ${bindings.bind(String(rows.offset), "bigint")}`,
  ].join(" ");
}

const DIRECTIONS: Readonly<Record<string, string>> = {
  asc: "ASC NULLS LAST",
  asc_nulls_first: "ASC NULLS FIRST",
  asc_nulls_last: "ASC NULLS LAST",
  desc: "DESC NULLS FIRST",
  desc_nulls_first: "DESC NULLS FIRST",
  desc_nulls_last: "DESC NULLS LAST",
};

function reference({ info }: Column): string {
  return `t.${escapeIdentifier(info.name)}`;
}

/** The rows that any of the permissions lets the role see. */
function permittedSql({ table, session }: Target, bindings: Bindings): string {
  if (!table.permissions) return "TRUE";
  const filters = table.permissions.map(({ filter }) =>
    boolExpSql(filter, { table, session }, bindings),
  );
  return `(${filters.join(" OR ") || "FALSE"})`;
}

/** A column that only some permissions show is null in the rows that those do not give. */
function columnSql(target: Target, column: Column, bindings: Bindings): string {
  const visible: VisibleColumn | undefined = target.table.columns.find(
    (each) => each.column === column,
  );
  if (visible?.always !== false) return reference(column);
  const filters = (target.table.permissions ?? [])
    .filter(({ columns }) => columns.has(column.info.name))
    .map(({ filter }) => boolExpSql(filter, target, bindings));
  return `CASE WHEN ${filters.join(" OR ") || "FALSE"} THEN ${reference(column)} END`;
}

function boolExpSql(expression: BoolExp, target: Target, bindings: Bindings): string {
  const each = (list: readonly BoolExp[], glue: string, empty: string): string =>
    `(${list.map((item) => boolExpSql(item, target, bindings)).join(glue) || empty})`;
  if ("all" in expression) return each(expression.all, " AND ", "TRUE");
  if ("any" in expression) return each(expression.any, " OR ", "FALSE");
  if ("not" in expression) return `(NOT ${boolExpSql(expression.not, target, bindings)})`;
  return comparisonSql(
    expression.column,
    expression.operator,
    expression.operand,
    target,
    bindings,
  );
}

function comparisonSql(
  column: Column,
  operator: Operator,
  operand: Operand,
  target: Target,
  bindings: Bindings,
): string {
  const left = reference(column);
  const type = `${escapeIdentifier(column.info.typeSchema)}.${escapeIdentifier(column.info.type)}`;
  if ("session" in operand) {
    const value = target.session[operand.session];
    if (value === undefined)
      throw new HasuraError(
        "not-found",
        `missing session variable: ${JSON.stringify(operand.session)}`,
        { path: "$" },
      );
    if (operator === "_in") return `(${left} = ANY(${bindings.bind(value, `${type}[]`)}))`;
    if (operator === "_nin") return `(${left} <> ALL(${bindings.bind(value, `${type}[]`)}))`;
    if (operator === "_is_null") return nullSql(left, value === "true");
    return `(${left} ${COMPARISONS[operator]} ${bindings.bind(value, castFor(operator, type))})`;
  }
  const { literal } = operand;
  if (operator === "_is_null") return nullSql(left, literal === true);
  if (operator === "_in" || operator === "_nin") {
    const items = isArray(literal) ? literal : [];
    if (items.length === 0) return operator === "_in" ? "FALSE" : "TRUE";
    const bound = items.map((item) => bindings.bind(textOf(item), type));
    return `(${left} ${operator === "_in" ? "IN" : "NOT IN"} (${bound.join(", ")}))`;
  }
  return `(${left} ${COMPARISONS[operator]} ${bindings.bind(textOf(literal), castFor(operator, type))})`;
}

function nullSql(left: string, isNull: boolean): string {
  return `(${left} IS ${isNull ? "" : "NOT "}NULL)`;
}

function castFor(operator: Operator, type: string): string {
  return operator.endsWith("like") ? "text" : type;
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : writeJson(value);
}

/** A `where` argument, already checked against its type, over the columns by their GraphQL names. */
export function whereOf(where: Json | undefined, columns: ReadonlyMap<string, Column>): BoolExp {
  if (!isObject(where)) return EVERY_ROW;
  return {
    all: Object.entries(where).flatMap(([key, value]): BoolExp[] => {
      const list = isArray(value) ? value.map((item) => whereOf(item, columns)) : [];
      if (key === "_and") return [{ all: list }];
      if (key === "_or") return [{ any: list }];
      if (key === "_not") return [{ not: whereOf(value, columns) }];
      const column = columns.get(key);
      return column && isObject(value) ? comparisonsOf(column, value) : [];
    }),
  };
}

function comparisonsOf(column: Column, operators: JsonObject): BoolExp[] {
  return Object.entries(operators).map(([operator, literal]) => ({
    column,
    operator: operator as Operator,
    operand: { literal: literal ?? null },
  }));
}
