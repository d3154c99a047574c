/** Runs a checked selection: one statement a root field, over the database of the field's source. */
import { execute as executeGraphql, type GraphQLField, Kind } from "graphql";
import { HasuraError } from "../errors.ts";
import { isArray, isObject, type Json, type JsonObject, parseJson, toNumber } from "../json.ts";
import { type Column, liveSource, type SchemaCache } from "../schema-cache.ts";
import { readRepresentations } from "./federation.ts";
import type { Operation } from "./request.ts";
import type { RoleSchema } from "./role-schema.ts";
import type { Selected } from "./selection.ts";
import {
  type Aggregate,
  ALL_ROWS,
  aggregateStatement,
  type Rows,
  type Statement,
  selectStatement,
  type Target,
  whereOf,
} from "./sql.ts";
import type { InnerMeaning, Meaning, ReadableTable } from "./table-types.ts";

export interface Execution {
  readonly cache: SchemaCache;
  readonly schema: RoleSchema;
  readonly operation: Operation;
  readonly session: Readonly<Record<string, string>>;
}

/** @throws HasuraError when a database refuses */
export async function executeSelections(
  selections: readonly Selected[],
  execution: Execution,
): Promise<JsonObject> {
  const values = await Promise.all(
    selections.map(
      async (selected) => [selected.key, await rootValue(selected, execution)] as const,
    ),
  );
  return Object.fromEntries(values);
}

async function rootValue(selected: Selected, execution: Execution): Promise<Json> {
  if (!selected.field) return selected.parent;
  if (selected.name.startsWith("__")) return introspect(selected, execution);
  const meaning = selected.field.extensions.meaning as Meaning;
  switch (meaning.of) {
    case "nothing":
      return "";
    case "namespace":
      return await executeSelections(selected.selections, execution);
    case "select":
      return await selectRows(
        selected.selections,
        meaning.table,
        selectRowsOf(selected, meaning.table),
        execution,
      );
    case "by_pk":
      return await rowByKey(selected.selections, meaning.table, selected.args, execution);
    case "aggregate":
      return await aggregate(selected, meaning.table, execution);
    case "entities":
      return await entities(selected, meaning.tables, execution);
    case "service":
      return Object.fromEntries(
        selected.selections.map(({ key, field, parent }) => [key, field ? meaning.sdl() : parent]),
      );
  }
}

async function rowByKey(
  selections: readonly Selected[],
  table: ReadableTable,
  key: JsonObject,
  execution: Execution,
): Promise<Json> {
  const rows = { ...ALL_ROWS, where: byKey(key, table) };
  const found = await selectRows(selections, table, rows, execution);
  return found[0] ?? null;
}

async function entities(
  { args, members }: Selected,
  tables: ReadonlyMap<string, ReadableTable>,
  execution: Execution,
): Promise<Json> {
  const wanted = readRepresentations(args.representations, tables);
  return await Promise.all(
    wanted.map(async ({ typeName, key }) => {
      const table = tables.get(typeName);
      return table ? await rowByKey(members?.get(typeName) ?? [], table, key, execution) : null;
    }),
  );
}

function columnsByField({ columns }: ReadableTable): Map<string, Column> {
  return new Map(
    columns.flatMap(({ column }) =>
      column.field === undefined ? [] : [[column.field, column] as const],
    ),
  );
}

function rowsOf({ args }: Selected, table: ReadableTable): Rows {
  const columns = columnsByField(table);
  const column = (name: unknown): Column[] => {
    const found = typeof name === "string" ? columns.get(name) : undefined;
    return found ? [found] : [];
  };
  const order = isArray(args.order_by) ? args.order_by : [];
  return {
    where: whereOf(args.where, columns),
    orderBy: order.flatMap((entry) =>
      Object.entries(isObject(entry) ? entry : {}).flatMap(([name, direction]) =>
        column(name).map((each) => ({ column: each, direction: String(direction) })),
      ),
    ),
    distinctOn: (isArray(args.distinct_on) ? args.distinct_on : []).flatMap(column),
    limit: toNumber(args.limit),
    offset: toNumber(args.offset),
  };
}

/** A permission's limit caps the rows that are shown, not those that are counted. */
function capped(rows: Rows, { limit }: ReadableTable): Rows {
  if (limit === undefined) return rows;
  return { ...rows, limit: Math.min(limit, rows.limit ?? limit) };
}

function selectRowsOf(selected: Selected, table: ReadableTable): Rows {
  return capped(rowsOf(selected, table), table);
}

function byKey(key: JsonObject, table: ReadableTable): Rows["where"] {
  const columns = columnsByField(table);
  const operators = Object.entries(key).map(([name, value]) => [name, { _eq: value }] as const);
  return whereOf(Object.fromEntries(operators), columns);
}

function inner(field: GraphQLField<unknown, unknown> | undefined): InnerMeaning | undefined {
  return field?.extensions.inner as InnerMeaning | undefined;
}

async function selectRows(
  selections: readonly Selected[],
  table: ReadableTable,
  rows: Rows,
  execution: Execution,
): Promise<Json[]> {
  const columns = selections.flatMap(({ field }) => {
    const meaning = inner(field);
    return meaning?.of === "column" ? [meaning.column] : [];
  });
  const target: Target = { table, session: execution.session };
  const found = await run(selectStatement(target, columns, rows), table, execution);
  return found.map((row) => {
    let next = 0;
    return Object.fromEntries(
      selections.map(({ key, field, parent }) => [
        key,
        field ? (row[`c${next++}`] ?? null) : parent,
      ]),
    );
  });
}

async function aggregate(
  selected: Selected,
  table: ReadableTable,
  execution: Execution,
): Promise<Json> {
  const rows = rowsOf(selected, table);
  const entries = selected.selections.map(async (part): Promise<[string, Json]> => {
    const meaning = inner(part.field);
    if (meaning?.of === "nodes")
      return [part.key, await selectRows(part.selections, table, capped(rows, table), execution)];
    if (meaning?.of === "aggregates")
      return [part.key, await aggregateFields(part.selections, table, rows, execution)];
    return [part.key, part.parent];
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function aggregateFields(
  selections: readonly Selected[],
  table: ReadableTable,
  rows: Rows,
  execution: Execution,
): Promise<Json> {
  const wanted: Aggregate[] = [];
  const readers = selections.map(
    (part) => [part.key, aggregateReader(part, table, wanted)] as const,
  );
  if (wanted.length === 0) wanted.push({ name: "count", columns: [], distinct: false });
  const target: Target = { table, session: execution.session };
  const [row = {}] = await run(aggregateStatement(target, wanted, rows), table, execution);
  return Object.fromEntries(readers.map(([key, read]) => [key, read(row)]));
}

/** Notes what the field needs, and tells how to find it in the row. */
function aggregateReader(
  { field, parent, args, selections }: Selected,
  table: ReadableTable,
  wanted: Aggregate[],
): (row: JsonObject) => Json {
  const meaning = inner(field);
  const want = (aggregate: Aggregate): ((row: JsonObject) => Json) => {
    const index = wanted.push(aggregate) - 1;
    return (row) => row[`a${index}`] ?? null;
  };
  if (meaning?.of === "count") {
    const columns = columnsByField(table);
    const named = isArray(args.columns) ? args.columns : [];
    return want({
      name: "count",
      columns: named.flatMap((name) => columns.get(String(name)) ?? []),
      distinct: args.distinct === true,
    });
  }
  if (meaning?.of !== "function") return () => parent;
  const members = selections.map((part) => {
    const column = inner(part.field);
    const read: (row: JsonObject) => Json =
      column?.of === "column"
        ? want({ name: meaning.name, columns: [column.column], distinct: false })
        : () => part.parent;
    return [part.key, read] as const;
  });
  return (row) => Object.fromEntries(members.map(([key, read]) => [key, read(row)]));
}

async function run(
  { text, values }: Statement,
  { table }: ReadableTable,
  { cache }: Execution,
): Promise<JsonObject[]> {
  const source = liveSource(cache, table.source.name);
  if (!source) throw new HasuraError("unexpected", "source is gone", { status: 500, path: "$" });
  try {
    const { rows } = await source.pool.query<{ row: string }>(text, [...values]);
    return rows.map(({ row }) => {
      const value = parseJson(row);
      return isObject(value) ? value : {};
    });
  } catch (error) {
    throw databaseError(error, table.source.kind.family === "postgres");
  }
}

function databaseError(error: unknown, postgres: boolean): HasuraError {
  const message = error instanceof Error ? error.message : String(error);
  const state = String((error as { code?: unknown }).code ?? "");
  if (!postgres) return new HasuraError("data-connector-error", message, { path: "$" });
  if (state.startsWith("22")) return new HasuraError("data-exception", message, { path: "$" });
  return new HasuraError("unexpected", "database query error", {
    status: 500,
    path: "$",
    internal: { error: { message, status_code: state } },
  });
}

/** `__schema` and `__type` alone, answered by graphql-js from the role's schema. */
async function introspect(selected: Selected, { schema, operation }: Execution): Promise<Json> {
  const result = await executeGraphql({
    schema: schema.whole(),
    document: {
      kind: Kind.DOCUMENT,
      definitions: [
        {
          ...operation.definition,
          selectionSet: { kind: Kind.SELECTION_SET, selections: selected.nodes },
        },
        ...operation.fragments.values(),
      ],
    },
    operationName: operation.definition.name?.value,
    variableValues: operation.json,
  });
  const [error] = result.errors ?? [];
  if (error) throw new HasuraError("validation-failed", error.message, { path: "$" });
  return (result.data?.[selected.key] ?? null) as Json;
}
