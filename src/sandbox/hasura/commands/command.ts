/** What every command of the metadata API is made of. */
import type { Connections } from "../connections.ts";
import { type At, member, optional, textAt } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import type { Inconsistency } from "../inconsistency.ts";
import type { Json, JsonObject } from "../json.ts";
import {
  findSource,
  findTable,
  type Metadata,
  type SourceMetadata,
  type TableMetadata,
} from "../metadata.ts";
import type { Kind, TableName } from "../names.ts";
import type { Invalidated } from "../rebuild.ts";
import { type BuiltSource, liveSource, type SchemaCache } from "../schema-cache.ts";
import type { SnowflakeAgent } from "../snowflake-source.ts";

/** A command that has been read and can be run. */
export interface Command {
  /** Whether success stores metadata and counts the resource version up. */
  readonly modifies: boolean;
  /** Whether bulk_atomic takes it: it then leaves the rebuild to the bulk. */
  readonly atomic?: boolean;
  /** @throws HasuraError; the session is then as it was before */
  run(context: CommandContext): Promise<Json>;
}

/** Metadata and schema cache as the commands of one call see and change them; kept only if the call succeeds. */
export interface Session {
  metadata: Metadata;
  cache: SchemaCache;
}

export type Check = (before: readonly Inconsistency[], after: readonly Inconsistency[]) => void;

export interface CommandContext {
  readonly session: Session;
  readonly connections: Connections;
  readonly snowflake: SnowflakeAgent | undefined;
  /**
   * Rebuilds with other metadata and takes the result over if the check lets it.
   * @throws HasuraError what the check or the rebuild refuses
   */
  change(metadata: Metadata, check: Check, invalidated?: Invalidated): Promise<void>;
}

/** Reads the arguments of `<kind>_<command>`. */
export type KindReader = (args: At, kind: Kind) => Command;

/** Reads the arguments of a command without a kind. */
export type PlainReader = (args: At) => Command;

export const SUCCESS: JsonObject = { message: "success" };

/** A command that changes metadata; it answers `{"message":"success"}` unless it says otherwise. */
export function modifying(run: (context: CommandContext) => Promise<Json | undefined>): Command {
  return { modifies: true, run: async (context) => (await run(context)) ?? SUCCESS };
}

export function reading(run: (context: CommandContext) => Promise<Json> | Json): Command {
  return { modifies: false, run: async (context) => await run(context) };
}

/** `source`, which is `default` unless given. */
export function sourceNameAt(object: JsonObject, path: string): string {
  return optional(member(object, path, "source"), "default", (where) => textAt(where));
}

export function noSource(name: string): HasuraError {
  return new HasuraError("not-exists", `source with name ${JSON.stringify(name)} does not exist`);
}

export function noTable(source: string, table: TableName): HasuraError {
  return new HasuraError(
    "not-exists",
    `table ${JSON.stringify(table.text)} does not exist in source: ${source}`,
  );
}

/**
 * The set-up source of that name and kind.
 * @throws HasuraError not-exists when it is missing or inconsistent; unexpected when it is of another kind
 */
export function askSource(session: Session, name: string, kind: Kind): BuiltSource {
  const source = liveSource(session.cache, name);
  if (!source) throw noSource(name);
  if (source.metadata.kind.name !== kind.name)
    throw new HasuraError("unexpected", `source with name ${JSON.stringify(name)} is inconsistent`);
  return source;
}

/** The source as metadata has it, also when it is inconsistent. @throws HasuraError not-exists */
function askSourceMetadata(session: Session, name: string): SourceMetadata {
  const source = findSource(session.metadata, name);
  if (!source) throw noSource(name);
  return source;
}

/** The table as metadata has it, also when it is inconsistent. @throws HasuraError not-exists */
export function askTableMetadata(
  session: Session,
  sourceName: string,
  name: TableName,
): { source: SourceMetadata; table: TableMetadata } {
  const source = askSourceMetadata(session, sourceName);
  const table = findTable(source, name);
  if (!table) throw noTable(sourceName, name);
  return { source, table };
}
