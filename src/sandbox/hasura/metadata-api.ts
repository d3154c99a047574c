/** POST /v1/metadata: from the request's body to its answer. */
import type { Command } from "./commands/command.ts";
import { exportWithVersion, readReplaceMetadata } from "./commands/metadata.ts";
import { readCommand } from "./commands/registry.ts";
import {
  at,
  integerAt,
  member,
  objectAt,
  optional,
  parseBody,
  parseFailed,
  required,
  textAt,
} from "./decode.ts";
import type { Engine } from "./engine.ts";
import { HasuraError } from "./errors.ts";
import { isArray, isObject, type Json } from "./json.ts";

const ADMIN = "admin";

/**
 * Answers one call.
 * @param role who asks: only `admin` may
 * @param served.version of the Hasura that is stood in for: it knows no command that came later
 * @throws HasuraError
 */
export async function answerMetadata(
  text: string,
  role: string,
  { engine, version }: { readonly engine: Engine; readonly version: string },
): Promise<Json> {
  const body = parseBody(text);
  refuseNewer(body, version, "$");
  const request = readRequest(body);
  if (role !== ADMIN) throw new HasuraError("access-denied", "restricted access : admin only");
  if (request === "export") return await engine.look(exportWithVersion);
  return await engine.run(request.command, request.resourceVersion);
}

interface Request {
  readonly command: Command;
  readonly resourceVersion: number | undefined;
}

/** Commands that came with a later version than the oldest one stood in for: minor version of 2. */
const SINCE: Readonly<Record<string, number>> = {
  bulk_keep_going: 24,
  track_tables: 26,
  untrack_tables: 26,
  bulk_atomic: 28,
};

/** An older Hasura takes what stands before the first underscore for a kind of source, and misses the rest. */
function refuseNewer(command: Json, version: string, path: string): void {
  if (!isObject(command) || typeof command.type !== "string") return;
  const { type, args } = command;
  const rest = type.slice(type.indexOf("_") + 1);
  const since = SINCE[type] ?? SINCE[rest] ?? 0;
  const minor = Number(/^v?2\.(\d+)/.exec(version)?.[1] ?? Number.POSITIVE_INFINITY);
  if (minor < since)
    throw parseFailed(
      path,
      `unknown metadata command ${JSON.stringify(rest)} for backend ${type.slice(0, type.indexOf("_"))}`,
    );
  if (isArray(args))
    for (const [index, item] of args.entries())
      refuseNewer(item, version, `${path}.args[${index}]`);
}

function readRequest(body: Json): Request | "export" {
  const object = objectAt(at(body, "$"), "RQLMetadata");
  const resourceVersion = optional(member(object, "$", "resource_version"), undefined, integerAt);
  const version = optional(member(object, "$", "version"), 1, integerAt);
  if (version === 1) return { command: readCommand(at(body, "$")), resourceVersion };
  if (version !== 2) throw parseFailed("$.version", `expected 1 or 2, encountered ${version}`);
  const type = textAt(required(object, "$", "type"));
  const args = required(object, "$", "args");
  if (type === "export_metadata") return "export";
  if (type === "replace_metadata") return { command: readReplaceMetadata(args), resourceVersion };
  throw parseFailed(
    "$.type",
    `expected tag field to be one of ["replace_metadata","export_metadata"], but found tag ${JSON.stringify(type)}`,
  );
}
