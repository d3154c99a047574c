/** track_tables and untrack_tables: many tables with one rebuild; what fails becomes a warning. */
import { type At, booleanAt, listAt, member, objectAt, optional, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { type Inconsistency, ids, refuseNewlyInconsistent, tableIn } from "../inconsistency.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Metadata } from "../metadata.ts";
import type { Kind, TableName } from "../names.ts";
import { type Command, type CommandContext, modifying, type Session, SUCCESS } from "./command.ts";
import {
  readTrackRequest,
  readUntrackRequest,
  type TrackRequest,
  tracked,
  type UntrackRequest,
  untracked,
} from "./tables.ts";

interface Target {
  readonly source: string;
  readonly name: TableName;
}

interface Warning extends Target {
  readonly message: string;
}

export function readTrackTables(args: At, kind: Kind): Command {
  const { requests, allowWarnings } = readMany(args, (item) => readTrackRequest(item, kind));
  const targets = requests.map(({ source, table }) => ({ source, name: table.name }));
  refuseRepeated(targets);
  return modifying(async (context) => {
    const apply = (session: Session, request: TrackRequest): Metadata =>
      tracked(session, request, kind);
    const target = ({ source, table }: TrackRequest): Target => ({ source, name: table.name });
    return await runMany(context, { verb: "track", requests, allowWarnings, target, apply });
  });
}

export function readUntrackTables(args: At, kind: Kind): Command {
  const { requests, allowWarnings } = readMany(args, (item) => readUntrackRequest(item, kind));
  refuseRepeated(requests);
  return modifying(async (context) => {
    const target = (request: UntrackRequest): Target => request;
    const apply = untracked;
    return await runMany(context, { verb: "untrack", requests, allowWarnings, target, apply });
  });
}

function readMany<T>(args: At, read: (item: At) => T): { requests: T[]; allowWarnings: boolean } {
  const object = objectAt(args, "TrackTables");
  return {
    requests: listAt(required(object, args.path, "tables"), read),
    allowWarnings: optional(member(object, args.path, "allow_warnings"), true, booleanAt),
  };
}

function refuseRepeated(targets: readonly Target[]): void {
  const keys = targets.map(({ source, name }) => `${source}\0${name.key}`);
  const repeated = targets.filter((_, i) => keys.indexOf(keys[i] ?? "") !== i);
  if (repeated.length === 0) return;
  const list = [...new Set(repeated.map(({ source, name }) => `${source}.${name.text}`))];
  throw new HasuraError(
    "bad-request",
    `The following tables occur more than once in the request: ${list.join(", ")}`,
    { path: "$.args.tables" },
  );
}

interface Many<R> {
  readonly verb: "track" | "untrack";
  readonly requests: readonly R[];
  readonly allowWarnings: boolean;
  target(request: R): Target;
  apply(session: Session, request: R): Metadata;
}

async function runMany<R>(context: CommandContext, many: Many<R>): Promise<Json> {
  const { session } = context;
  const warnings: Warning[] = [];
  const accepted: R[] = [];
  let metadata = session.metadata;
  for (const request of many.requests) {
    try {
      metadata = many.apply({ ...session, metadata }, request);
      accepted.push(request);
    } catch (error) {
      if (!(error instanceof HasuraError)) throw error;
      warnings.push({ ...many.target(request), message: error.message });
    }
  }
  const rebuilt = await rebuildWithout(context, many, { metadata, accepted, warnings });
  if (rebuilt === 0 && many.requests.length > 0)
    throw new HasuraError("invalid-configuration", `all tables failed to ${many.verb}`, {
      internal: warnings.map((warning) => warningJson(many.verb, warning)),
    });
  if (warnings.length === 0) return SUCCESS;
  const shown = warnings.map((warning) => warningJson(many.verb, warning));
  if (!many.allowWarnings)
    throw new HasuraError("metadata-warnings", "failed due to metadata warnings", {
      internal: shown,
    });
  return { ...SUCCESS, warnings: shown };
}

/** Rebuilds, and once more without the tables that turn out inconsistent. @returns how many succeeded */
async function rebuildWithout<R>(
  context: CommandContext,
  many: Many<R>,
  attempt: { metadata: Metadata; accepted: readonly R[]; warnings: Warning[] },
): Promise<number> {
  const { accepted, warnings } = attempt;
  if (accepted.length === 0) return 0;
  const { session } = context;
  const byId = new Map(
    accepted.map((request) => {
      const { source, name } = many.target(request);
      return [ids.table(source, name), request];
    }),
  );
  let failed: Inconsistency[] = [];
  const separate = (before: readonly Inconsistency[], after: readonly Inconsistency[]): void => {
    failed = after.filter(({ id }) => byId.has(id));
    if (failed.length > 0) throw new FailedTables();
    refuseNewlyInconsistent(before, after, 400);
  };
  try {
    await context.change(attempt.metadata, separate);
    return accepted.length;
  } catch (error) {
    if (!(error instanceof FailedTables)) throw error;
  }
  for (const { id, reason } of failed) {
    const request = byId.get(id);
    if (request !== undefined) warnings.push({ ...many.target(request), message: reason });
    byId.delete(id);
  }
  if (byId.size === 0) return 0;
  const metadata = [...byId.values()].reduce(
    (changed, request) => many.apply({ ...session, metadata: changed }, request),
    session.metadata,
  );
  await context.change(metadata, (before, after) => refuseNewlyInconsistent(before, after, 400));
  return byId.size;
}

/** Some of the tables are inconsistent: the attempt is given up, to be made again without them. */
class FailedTables extends Error {}

function warningJson(verb: string, { source, name, message }: Warning): JsonObject {
  return { code: `${verb}-table-failed`, message, name: tableIn(name, source), type: "table" };
}
