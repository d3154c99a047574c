/** The one place where failures become GraphQL errors, and where the in-process caller reads them back. */
import { PothosValidationError } from "@pothos/core";
import { GraphQLError } from "graphql";
import type { z } from "zod";
import { AppError, type Problem, toAppError } from "../errors.ts";
import { isUnstorable } from "../inventory/db.ts";

/**
 * The failure as one of ours. GraphQL's own complaints (syntax, validation, variables) are the sender's fault;
 * anything unexpected becomes INTERNAL, with its text kept as the cause only.
 */
export function appErrorOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof PothosValidationError) return new AppError("BAD_REQUEST", error.message);
  if (isUnstorable(error))
    return new AppError(
      "BAD_REQUEST",
      "A value that was sent cannot be held by the database: a NUL character, or a moment out of its range.",
      { cause: error },
    );
  if (!(error instanceof GraphQLError)) return toAppError(error);
  const { originalError } = error;
  if (originalError == null) return new AppError("BAD_REQUEST", error.message);
  return appErrorOf(originalError);
}

/**
 * The error as it is answered: `extensions {code, problems: [{path, message, suggestion}]}`. GraphQL's own complaints
 * pass as they are, but for a `code` where they have none.
 */
export function toGraphqlError(error: unknown): GraphQLError {
  const known = appErrorOf(error);
  const located = error instanceof GraphQLError ? error : undefined;
  const own = located !== undefined && located.originalError == null ? located.extensions : {};
  // What a parser complained of holds parts of what was sent.
  const { originalError: _, ...told } = own;
  return new GraphQLError(known.message, {
    nodes: located?.nodes,
    source: located?.source,
    positions: located?.positions,
    path: located?.path,
    extensions: { code: known.code, problems: known.problems, ...told },
  });
}

/** What plugin-zod finds wrong with the arguments; paths start inside `input`. */
export function invalidArguments(error: z.core.$ZodError): AppError {
  const problems = error.issues.map(argumentProblem);
  const tooLarge = error.issues.some((issue) => issue.code === "custom" && issue.params?.tooLarge);
  return new AppError(
    tooLarge ? "PAYLOAD_TOO_LARGE" : "BAD_REQUEST",
    tooLarge ? "The input is too large." : "The input is not as expected.",
    { problems },
  );
}

function argumentProblem(issue: z.core.$ZodIssue): Problem {
  const path = issue.path[0] === "input" ? issue.path.slice(1) : issue.path;
  return { path: path.map(String).join("."), message: issue.message };
}
