/** Track and untrack functions, as far as their names meet those of tables. They are no fields of the GraphQL schema here. */
import type { Pool } from "pg";
import { type At, keyPath, member, objectAt, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import { isArray, isObject, type JsonObject, withoutNulls } from "../json.ts";
import { findSource, type SourceMetadata, withSource } from "../metadata.ts";
import { type Kind, type TableName, tableNameAt } from "../names.ts";
import { liveTable } from "../schema-cache.ts";
import { askSource, type Command, modifying, noSource, sourceNameAt } from "./command.ts";

const quoted = ({ text }: TableName): string => JSON.stringify(text);

/** The source's tracked functions as metadata has them. */
function functionsOf({ others }: SourceMetadata): readonly JsonObject[] {
  return isArray(others.functions) ? others.functions.filter(isObject) : [];
}

function withFunctions(source: SourceMetadata, functions: readonly JsonObject[]): SourceMetadata {
  const { functions: _, ...rest } = source.others;
  return { ...source, others: functions.length > 0 ? { ...rest, functions } : rest };
}

/** Whether a function of that name is tracked: a table cannot have it too. */
export function isTrackedFunction(source: SourceMetadata, name: TableName): boolean {
  return functionsOf(source).some((entry) => nameOf(entry, source.kind).key === name.key);
}

function nameOf(entry: JsonObject, kind: Kind): TableName {
  return tableNameAt(kind, member(entry, "$", "function"));
}

/** The function itself, or an object that names it and configures it. */
function readFunction(args: At, kind: Kind): { source: string; name: TableName; more: JsonObject } {
  const object = objectAt(args, "TrackFunction");
  const name = tableNameAt(kind, required(object, args.path, "function"));
  const { configuration, comment } = object;
  const more = withoutNulls({ configuration, comment });
  return { source: sourceNameAt(object, args.path), name, more };
}

export function readTrackFunction(args: At, kind: Kind): Command {
  const { source: sourceName, name, more } = readFunction(args, kind);
  if (kind.family !== "postgres") throw unsupported(args, kind);
  return modifying(async ({ session, change }) => {
    const { pool } = askSource(session, sourceName, kind);
    const source = findSource(session.metadata, sourceName);
    if (!source) throw noSource(sourceName);
    if (isTrackedFunction(source, name))
      throw new HasuraError("already-tracked", `function already tracked: ${quoted(name)}`);
    if (liveTable(session.cache, sourceName, name))
      throw new HasuraError("not-supported", `table with name ${quoted(name)} already exists`);
    await refuseMissing(pool, sourceName, name);
    const entry = { function: name.json, ...more };
    const changed = withFunctions(source, [...functionsOf(source), entry]);
    await change(withSource(session.metadata, changed), (before, after) =>
      refuseInconsistent([], before, after),
    );
    return undefined;
  });
}

async function refuseMissing(pool: Pool, source: string, name: TableName): Promise<void> {
  const [schema, text] = name.parts;
  const { rows } = await pool.query<{ overloads: string }>(
    `SELECT count(*) AS overloads FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = $1 AND p.proname = $2`,
    [schema, text],
  );
  const overloads = Number(rows[0]?.overloads ?? 0);
  if (overloads === 1) return;
  const cause =
    overloads === 0
      ? `no such function exists: ${quoted(name)}`
      : `function ${quoted(name)} is overloaded. Overloaded functions are not supported`;
  const reason = `Inconsistent object: in function ${quoted(name)}: ${cause}`;
  const record = {
    definition: { function: name.json },
    name: `function ${name.text} in source ${source}`,
    reason,
    type: "function",
  };
  throw new HasuraError("invalid-configuration", reason, { internal: [record] });
}

export function readUntrackFunction(args: At, kind: Kind): Command {
  const { source: sourceName, name } = readFunction(args, kind);
  return modifying(async ({ session, change }) => {
    const source = findSource(session.metadata, sourceName);
    if (!source) throw noSource(sourceName);
    if (!isTrackedFunction(source, name))
      throw new HasuraError(
        "not-exists",
        `function ${quoted(name)} does not exist in source: ${sourceName}`,
      );
    const kept = functionsOf(source).filter((each) => nameOf(each, kind).key !== name.key);
    await change(withSource(session.metadata, withFunctions(source, kept)), (before, after) =>
      refuseNewlyInconsistent(before, after, 500),
    );
    return undefined;
  });
}

function unsupported({ path }: At, kind: Kind): HasuraError {
  return new HasuraError(
    "not-supported",
    `functions of ${kind.name} sources are not available in this stand-in for Hasura`,
    {
      path: keyPath(path, "function"),
    },
  );
}
