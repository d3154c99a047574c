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
import type { Json } from "./json.ts";

const ADMIN = "admin";

/**
 * Answers one call.
 * @param role who asks: only `admin` may
 * @throws HasuraError
 */
export async function answerMetadata(text: string, role: string, engine: Engine): Promise<Json> {
  const body = parseBody(text);
  const request = readRequest(body);
  if (role !== ADMIN) throw new HasuraError("access-denied", "restricted access : admin only");
  if (request === "export") return await engine.look(exportWithVersion);
  return await engine.run(request.command, request.resourceVersion);
}

interface Request {
  readonly command: Command;
  readonly resourceVersion: number | undefined;
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
