/** Looks a relation up in Snowflake's catalogue, with exact identifiers wherever they exist. */
import { z } from "zod";
import type { SourcePort } from "../domain/output-port.ts";
import { quoted as shown } from "../domain/problem-text.ts";
import { nearest } from "../domain/suggestion.ts";
import { AppError } from "../errors.ts";
import type { InspectedRelation } from "./kind.ts";
import type { ColumnLookup, ColumnRow } from "./snowflake-columns.ts";
import { isNotThere, queryFailure } from "./snowflake-failure.ts";
import { isIdentifier, quoted } from "./snowflake-identifier.ts";
import { raced, type SnowflakeSession } from "./snowflake-session.ts";

const nameRows = z.array(z.object({ name: z.string() }));

/** Enough to find the name that was meant; a schema may hold very many. */
const NAMES_MAX = 500;

interface Lookup {
  readonly session: SnowflakeSession;
  readonly columns: ColumnLookup;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds database, schema and relation: each as it is spelt when it exists so, else the only one that differs in case.
 * @throws AppError SOURCE_REFUSED, SOURCE_UNAVAILABLE
 */
export async function inspectSnowflake(
  lookup: Lookup,
  source: SourcePort,
): Promise<InspectedRelation> {
  // Never with ports that were read here; the database's name stands in the SQL text.
  for (const identifier of [source.database, source.schema, source.relation])
    if (!isIdentifier(identifier))
      throw new AppError(
        "SOURCE_REFUSED",
        `${shown(identifier)} is no name Snowflake is asked for.`,
      );
  const { database, rows } = await columnsOf(lookup, source);
  const { schema, relation } = await settle(lookup, { ...source, database }, rows);
  return {
    path: [database, schema, relation],
    columns: rows
      .filter((row) => row.schema === schema && row.relation === relation)
      .map((row) => ({ name: row.name, type: row.type, nullable: row.nullable !== "NO" })),
    warnings: [
      ...respelt("database", source.database, database),
      ...respelt("schema", source.schema, schema),
      ...respelt("view", source.relation, relation),
    ],
  };
}

const CHECK = "Check the name, and that it is granted to the role that reads sources";

/** The place in a descriptor, as its reader names places. */
function fieldPath(source: SourcePort, field: "database" | "schema" | "viewName"): string {
  return `dataProduct.components.${source.componentId}.specific.${field}`;
}

function respelt(what: string, asked: string, found: string): string[] {
  return asked === found ? [] : [`The ${what} ${asked} was matched to ${found}`];
}

/** The columns of every relation whose name matches regardless of case, and the database they were found in. */
async function columnsOf(
  lookup: Lookup,
  source: SourcePort,
): Promise<{ database: string; rows: readonly ColumnRow[] }> {
  // A catalogue of databases may be closed to us: try the name itself, then what Snowflake folds it to.
  const candidates = new Set([source.database, source.database.toUpperCase()]);
  for (const database of candidates) {
    const { schema, relation } = source;
    const rows = await raced(lookup.columns({ database, schema, relation }), lookup);
    if (rows !== null) return { database, rows };
  }
  throw new AppError(
    "SOURCE_REFUSED",
    `Snowflake has no database ${source.database} that the platform's account may use. Check its name, and grant the account's role USAGE on it.`,
    {
      problems: [
        {
          path: fieldPath(source, "database"),
          message: `The database ${source.database} does not exist or is not granted`,
          suggestion: CHECK,
        },
      ],
    },
  );
}

async function settle(
  lookup: Lookup,
  wanted: SourcePort,
  rows: readonly ColumnRow[],
): Promise<{ schema: string; relation: string }> {
  const found = new Map(rows.map((row) => [JSON.stringify([row.schema, row.relation]), row]));
  const exact = found.get(JSON.stringify([wanted.schema, wanted.relation]));
  const [only, ...others] = found.values();
  const settled = exact ?? (others.length === 0 ? only : undefined);
  if (settled !== undefined) return settled;
  if (only === undefined) throw await notFound(lookup, wanted);
  const names = [...found.values()].map((row) => `${row.schema}.${row.relation}`).sort();
  throw new AppError(
    "SOURCE_REFUSED",
    `Snowflake has several relations that ${wanted.schema}.${wanted.relation} may mean in ${wanted.database}: ${names.join(", ")}. Spell schema and view exactly as one of them.`,
    {
      problems: [
        {
          path: fieldPath(wanted, "viewName"),
          message: `${wanted.schema}.${wanted.relation} could be any of ${names.join(", ")}, which differ in case only`,
          suggestion: names.join(" or "),
        },
      ],
    },
  );
}

/** Says what is missing, the schema or the view in it, with the nearest name that is there. */
async function notFound(lookup: Lookup, wanted: SourcePort): Promise<AppError> {
  const { database, schema, relation } = wanted;
  const views = await names(lookup, RELATIONS(database), [schema]);
  const isSchemaEmpty = views.length === 0;
  const close = isSchemaEmpty
    ? nearest(schema, await names(lookup, SCHEMAS(database), []))
    : nearest(relation, views);
  const message = isSchemaEmpty
    ? `The schema ${schema} does not exist in ${database}, is empty or is not granted`
    : `The view ${relation} does not exist in ${database}.${schema} or is not granted`;
  const field = isSchemaEmpty ? "schema" : "viewName";
  const hint = close === undefined ? `${CHECK}.` : `Did you mean ${close}?`;
  return new AppError("SOURCE_REFUSED", `${message}. ${hint}`, {
    problems: [{ path: fieldPath(wanted, field), message, suggestion: close ?? CHECK }],
  });
}

/** Names for a suggestion: when the catalogue will not say, there is none. */
async function names(lookup: Lookup, sqlText: string, binds: string[]): Promise<string[]> {
  const rows = await asked(lookup, sqlText, binds).catch(() => null);
  lookup.signal?.throwIfAborted();
  return nameRows.parse(rows ?? []).map((row) => row.name);
}

/** @returns the rows, or `null` when Snowflake says that the database does not exist */
async function asked(lookup: Lookup, sqlText: string, binds: string[]): Promise<unknown[] | null> {
  try {
    return await lookup.session.query(sqlText, binds, lookup.signal);
  } catch (error) {
    if (isNotThere(error)) return null;
    lookup.signal?.throwIfAborted();
    throw queryFailure(error);
  }
}

// Only the database's name stands in the text, validated and quoted; all else is bound.

const RELATIONS = (database: string): string => `
SELECT TABLE_NAME AS "name" FROM ${quoted(database)}.INFORMATION_SCHEMA.TABLES
WHERE UPPER(TABLE_SCHEMA) = UPPER(?)
ORDER BY TABLE_NAME LIMIT ${NAMES_MAX}`;

const SCHEMAS = (database: string): string => `
SELECT DISTINCT TABLE_SCHEMA AS "name" FROM ${quoted(database)}.INFORMATION_SCHEMA.TABLES
ORDER BY TABLE_SCHEMA LIMIT ${NAMES_MAX}`;
