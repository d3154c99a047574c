/**
 * What Hasura's refusals mean for whoever asked: its four kinds of inconsistency and its conflicts of names, each with
 * what to do. Texts are those of hasura/graphql-engine (Build.hs, DataConnector adapters, GraphQL schema generation).
 */
import { z } from "zod";
import { AppError, type Problem } from "../errors.ts";
import { type InconsistentObject, readInconsistencies } from "./inconsistencies.ts";

/** How Hasura refuses a command: the body of its answer, or of an item of a bulk that keeps going. */
export const refusalSchema = z.looseObject({
  code: z.string(),
  error: z.string(),
  path: z.string(),
  internal: z.unknown().optional(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Whose change was refused, as Hasura names it: `table A.B.C in source s`. */
type Own = string | undefined;

interface Meaning {
  readonly matches: RegExp;
  readonly error: (match: RegExpMatchArray, refusal: Refusal, own: Own) => AppError;
}

const hasura = (message: string, suggestion: string, path = ""): AppError =>
  new AppError("HASURA_REFUSED", `Hasura refused the change: ${message}`, {
    problems: [{ path, message, suggestion }],
  });

const unavailable = (message: string): AppError => new AppError("SOURCE_UNAVAILABLE", message);

/** The first that matches the error's text. */
const MEANINGS: readonly Meaning[] = [
  {
    matches: /Encountered conflicting definitions in the selection set for '(\w+)' for /,
    error: (_match, { error }, own) => nameTaken(conflicts(error), "root field", own),
  },
  {
    matches: /Found conflicting definitions for GraphQL type '([^']+)'\.\s+The definition at (\w+)/,
    error: ([, name = "", field]) =>
      nameTaken([{ name, owners: [`the type of the root field ${field}`] }], "type", undefined),
  },
  {
    matches: /environment variable '([^']+)' not set|environment variables not found: ([\w, ]+)/,
    error: ([, one, several]) =>
      hasura(
        `its environment has no variable ${one ?? several}`,
        `set ${one ?? several} in Hasura's environment and restart it, or name another one in HASURA_SNOWFLAKE_USER, HASURA_SNOWFLAKE_PASSWORD or HASURA_SNOWFLAKE_PRIVATE_KEY`,
      ),
  },
  {
    matches: /Data connector named "([^"]+)" was not found/,
    error: ([, kind]) =>
      hasura(
        `it knows no data connector named ${kind}`,
        `add the agent of ${kind} to this Hasura (dc_add_agent, or HASURA_GRAPHQL_METADATA_DEFAULTS)`,
      ),
  },
  {
    matches: /EE License Key Required/,
    error: () =>
      hasura("its connector needs a licence key", "give the connector its EE licence key"),
  },
  {
    matches: /allowed prefix/,
    error: () =>
      hasura(
        "it may not read the files with the credentials",
        "set HASURA_GRAPHQL_DYNAMIC_SECRETS_ALLOWED_PATH_PREFIX of Hasura to their folder",
      ),
  },
  {
    matches: /Error communicating with data connector agent|connection error|connection-not-est/,
    error: () => unavailable("Hasura cannot reach the source, or the agent of its kind, now."),
  },
  {
    matches: /no such table\/view exists in source: "([^"]+)"/,
    error: ([, table]) =>
      hasura(
        `it does not see ${table} in the source`,
        "grant SELECT on the view, and USAGE on its schema and database, to the role that Hasura logs in with",
      ),
  },
  {
    matches: /does not support inherited roles where the columns allowed are different/,
    error: (_match, { internal, error }) =>
      hasura(
        named(readInconsistencies(internal)) ?? error,
        "change or drop that inherited role in Hasura, then try again",
      ),
  },
  {
    matches: /unknown metadata command "keep_going"/,
    error: () =>
      hasura("it is older than 2.24 and has no bulk_keep_going", "upgrade Hasura to 2.24 or later"),
  },
  {
    matches: /metadata cannot be modified in (maintenance|read-only) mode/,
    error: ([, mode]) =>
      new AppError(
        "HASURA_UNAVAILABLE",
        `Hasura is in ${mode} mode and takes no changes. End that mode.`,
      ),
  },
];

/**
 * The refusal as one of our errors.
 * @param redact takes secrets out of what Hasura says
 * @param own whose change it was, so that it is not named as the owner of what it was refused
 * @returns SOURCE_UNAVAILABLE or HASURA_UNAVAILABLE where it may pass by itself, NAME_TAKEN, else HASURA_REFUSED
 */
export function explainRefusal(
  refusal: Refusal,
  redact: (text: string) => string,
  own?: Own,
): AppError {
  if (refusal.code === "connection-not-established")
    return unavailable("Hasura cannot reach the agent of this kind of source now.");
  const told = { ...refusal, error: redact(refusal.error) };
  for (const { matches, error } of MEANINGS) {
    const match = matches.exec(told.error);
    if (match !== null) return error(match, told, own);
  }
  const others = readInconsistencies(refusal.internal);
  if (/cannot continue due to (new|newly found) inconsistent metadata/.test(told.error))
    return hasura(
      `it would break ${redact(named(others) ?? "other objects")}`,
      "correct or remove that object in Hasura, then try again",
    );
  return hasura(told.error, "correct what it names, then try again");
}

/** Whether Hasura misses what its own export lists: an instance that has not followed yet. */
export function isLagging(refusal: Refusal): boolean {
  return refusal.code === "not-exists" || refusal.code === "already-untracked";
}

function named(objects: readonly InconsistentObject[]): string | undefined {
  if (objects.length === 0) return undefined;
  return objects.map(({ name, reason }) => `${name} (${reason})`).join("; ");
}

interface Conflict {
  readonly name: string;
  readonly owners: readonly string[];
}

/** Each field in `'a' defined in [table x in source s, …]`. */
function conflicts(error: string): Conflict[] {
  return [...error.matchAll(/'(\w+)' defined in \[([^\]]*)\]/g)].map(
    ([, name = "", owners = ""]) => ({
      name,
      owners: owners.split(/,\s*(?=table |function |remote )/),
    }),
  );
}

function nameTaken(taken: readonly Conflict[], what: "root field" | "type", own: Own): AppError {
  const problems = taken.map(({ name, owners }): Problem => {
    const others = owners.filter((owner) => owner !== own).join(", ");
    return {
      path: name,
      message: `the ${what} ${name} belongs to ${others || "something else"} in this Hasura`,
      suggestion: "choose another name, or have that object renamed",
    };
  });
  return new AppError("NAME_TAKEN", "A GraphQL name of this port is taken in Hasura.", {
    problems,
  });
}

/** Names of the conflict that a refusal tells of, to find out whose they are; empty when it tells of none. */
export function conflictingNames({ error }: Refusal): string[] {
  const type = /conflicting definitions for GraphQL type '([^']+)'/.exec(error)?.[1];
  return [...conflicts(error).map(({ name }) => name), ...(type === undefined ? [] : [type])];
}
