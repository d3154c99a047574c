/** Data connector agents: kinds of sources registered at run time. */
import {
  type At,
  booleanAt,
  isAbsent,
  member,
  nonEmptyTextAt,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { refuseNewlyInconsistent } from "../inconsistency.ts";
import { isObject, type Json, type JsonObject, withoutKeys } from "../json.ts";
import type { Metadata } from "../metadata.ts";
import { kindOf } from "../names.ts";
import { type Command, modifying } from "./command.ts";

const AGENT_TIMEOUT_MS = 5000;

export function readAddAgent(args: At): Command {
  const object = objectAt(args, "DCAddAgent");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  if (kindOf(name)?.family !== "data-connector")
    throw parseFailed(`${args.path}.name`, `${name} cannot be the name of a data connector`);
  const uri = required(object, args.path, "url");
  if (typeof uri.value !== "string" && !isObject(uri.value)) textAt(uri);
  const skip = optional(member(object, args.path, "skip_check"), false, booleanAt);
  const display = member(object, args.path, "display_name");
  return {
    modifies: true,
    run: async ({ session, change }) => {
      if (name in agentsOf(session.metadata))
        throw new HasuraError("already-exists", `SourceKind '${name}' already exists.`);
      const unavailable = skip ? undefined : await agentFault(uri.value ?? null);
      if (unavailable !== undefined)
        return { message: "Agent is not available", details: { error: unavailable } };
      const agent: JsonObject = {
        uri: uri.value,
        ...(isAbsent(display) ? {} : { display_name: textAt(display) }),
      };
      const agents = { ...agentsOf(session.metadata), [name]: agent };
      await change(
        withAgents(session.metadata, agents),
        (before, after) => refuseNewlyInconsistent(before, after, 500),
        sourcesOf(session.metadata, name),
      );
      return { message: "success" };
    },
  };
}

export function readDeleteAgent(args: At): Command {
  const object = objectAt(args, "DCDeleteAgent");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  return modifying(async ({ session, change }) => {
    const agents = agentsOf(session.metadata);
    if (!(name in agents)) throw new HasuraError("not-found", `DC Agent '${name}' not found`);
    await change(
      withAgents(session.metadata, withoutKeys(agents, new Set([name]))),
      (before, after) => refuseNewlyInconsistent(before, after, 500),
      sourcesOf(session.metadata, name),
    );
    return undefined;
  });
}

/** Asks the agent whether it is there; `undefined` when it answers. */
export async function agentFault(uri: Json): Promise<string | undefined> {
  if (typeof uri !== "string") return undefined;
  try {
    const response = await askCapabilities(uri);
    await response.body?.cancel();
    return response.ok ? undefined : `the agent answered ${response.status}`;
  } catch {
    return "the agent cannot be reached";
  }
}

/** GET /capabilities of an agent. */
export function askCapabilities(uri: string): Promise<Response> {
  return fetch(`${uri.replace(/\/$/, "")}/capabilities`, {
    signal: AbortSignal.timeout(AGENT_TIMEOUT_MS),
  });
}

function agentsOf(metadata: Metadata): JsonObject {
  const configs = metadata.others.backend_configs;
  return isObject(configs) && isObject(configs.dataconnector) ? configs.dataconnector : {};
}

function withAgents(metadata: Metadata, agents: JsonObject): Metadata {
  const { backend_configs: configs, ...others } = metadata.others;
  const rest = isObject(configs) ? withoutKeys(configs, new Set(["dataconnector"])) : {};
  const changed = Object.keys(agents).length > 0 ? { ...rest, dataconnector: agents } : rest;
  return {
    ...metadata,
    others: Object.keys(changed).length > 0 ? { ...others, backend_configs: changed } : others,
  };
}

function sourcesOf(metadata: Metadata, kind: string): ReadonlySet<string> {
  const own = metadata.sources.filter((source) => source.kind.name === kind);
  return new Set(own.map(({ name }) => name));
}
