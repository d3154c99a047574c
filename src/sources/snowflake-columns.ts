/**
 * The columns of relations in Snowflake's catalogue. Relations that are asked for at once share statements, one a
 * database: a statement takes Snowflake about a second, whether it is about one relation or fifty.
 */
import DataLoader from "dataloader";
import pMap from "p-map";
import { z } from "zod";
import { grouped } from "../domain/grouped.ts";
import { isNotThere, queryFailure, wasAnswered } from "./snowflake-failure.ts";
import { quoted } from "./snowflake-identifier.ts";
import type { SnowflakeSession } from "./snowflake-session.ts";

export interface RelationName {
  readonly database: string;
  readonly schema: string;
  readonly relation: string;
}

const columnRows = z.array(
  z.object({
    schema: z.string(),
    relation: z.string(),
    name: z.string(),
    type: z.string(),
    nullable: z.string(),
  }),
);
export type ColumnRow = z.infer<typeof columnRows>[number];

/**
 * The columns of every relation whose schema and name match regardless of case, each relation's in their order; `null`
 * when Snowflake says that the database does not exist.
 * @throws AppError SOURCE_REFUSED, SOURCE_UNAVAILABLE
 */
export type ColumnLookup = (name: RelationName) => Promise<readonly ColumnRow[] | null>;

const STATEMENTS_AT_ONCE = 16;
/** Few enough that Snowflake does not find that a statement of so many relations returns too much. */
const RELATIONS_A_STATEMENT = 50;

export function openColumnLookup(session: SnowflakeSession): ColumnLookup {
  const loader = new DataLoader<RelationName, readonly ColumnRow[] | null>(
    async (names) => {
      const byDatabase = grouped(names, ({ database }) => database);
      const answers = new Map<RelationName, readonly ColumnRow[] | null | Error>();
      const found = await pMap([...byDatabase.values()], (names) => answersTo(session, names), {
        concurrency: STATEMENTS_AT_ONCE,
      });
      for (const [name, answer] of found.flat()) answers.set(name, answer);
      return names.map((name) => answers.get(name) ?? null);
    },
    // What is in a source may be another thing the next time it is asked.
    { cache: false, maxBatchSize: RELATIONS_A_STATEMENT },
  );
  return (name) => loader.load(name);
}

type Answer = readonly [RelationName, readonly ColumnRow[] | null | Error];

/** @param names relations of one database */
async function answersTo(
  session: SnowflakeSession,
  names: readonly RelationName[],
): Promise<Answer[]> {
  let answer: unknown[];
  try {
    answer = await session.query(...statement(names));
  } catch (error) {
    if (isNotThere(error)) return names.map((name) => [name, null]);
    // What is refused for all of them may be the fault of one, or of their number.
    if (wasAnswered(error) && names.length > 1)
      return (
        await pMap(names, (name) => answersTo(session, [name]), { concurrency: STATEMENTS_AT_ONCE })
      ).flat();
    return names.map((name) => [name, queryFailure(error)]);
  }
  const rows = columnRows.parse(answer);
  return names.map((name) => [name, rows.filter((row) => isAbout(name, row))]);
}

function isAbout({ schema, relation }: RelationName, row: ColumnRow): boolean {
  return (
    row.schema.toUpperCase() === schema.toUpperCase() &&
    row.relation.toUpperCase() === relation.toUpperCase()
  );
}

/**
 * SQL and its binds: only the database's name stands in the text, validated and quoted; all else is bound.
 * @param names at least one, all of one database
 */
function statement(names: readonly RelationName[]): [sqlText: string, binds: string[]] {
  const wanted = names.map(
    () => "(UPPER(TABLE_SCHEMA) = UPPER(?) AND UPPER(TABLE_NAME) = UPPER(?))",
  );
  const sqlText = `
SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS "relation", COLUMN_NAME AS "name",
       DATA_TYPE AS "type", IS_NULLABLE AS "nullable"
FROM ${quoted(names[0]?.database ?? "")}.INFORMATION_SCHEMA.COLUMNS
WHERE ${wanted.join(" OR ")}
ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;
  return [sqlText, names.flatMap(({ schema, relation }) => [schema, relation])];
}
