/** Hasura's one error envelope, as the metadata API and, inside `errors`, the GraphQL API answer it. */
import type { Json, JsonObject } from "./json.ts";

export type HasuraErrorCode =
  | "access-denied"
  | "already-exists"
  | "already-tracked"
  | "already-untracked"
  | "bad-request"
  | "conflict"
  | "connection-not-established"
  | "cyclic-dependency"
  | "data-connector-error"
  | "data-exception"
  | "dependency-error"
  | "invalid-configuration"
  | "invalid-json"
  | "invalid-params"
  | "metadata-warnings"
  | "method-not-allowed"
  | "not-exists"
  | "not-found"
  | "not-supported"
  | "parse-failed"
  | "permission-denied"
  | "postgres-error"
  | "start-failed"
  | "unexpected"
  | "unexpected-payload"
  | "validation-failed";

export interface ErrorDetails {
  readonly status?: number;
  /** JSON path of the fault within the request; a command's own faults stand at `$.args`. */
  readonly path?: string;
  readonly internal?: Json | undefined;
}

export class HasuraError extends Error {
  readonly code: HasuraErrorCode;
  readonly status: number;
  readonly path: string;
  readonly internal: Json | undefined;

  /** @param details.status HTTP status, 400 unless given */
  constructor(code: HasuraErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.name = "HasuraError";
    this.code = code;
    this.status = details.status ?? 400;
    this.path = details.path ?? "$.args";
    this.internal = details.internal;
  }
}

/** The same error as seen from an item of a bulk: its path starts below `prefix` instead of at the root. */
export function below(prefix: string, error: HasuraError): HasuraError {
  const path = error.path.startsWith("$") ? prefix + error.path.slice(1) : error.path;
  return new HasuraError(error.code, error.message, {
    status: error.status,
    path,
    internal: error.internal,
  });
}

/** The envelope of the metadata API. */
export function envelope(error: HasuraError, showInternal: boolean): JsonObject {
  const { path, message, code, internal } = error;
  return {
    path,
    error: message,
    code,
    ...(showInternal && internal !== undefined ? { internal } : {}),
  };
}

/** One error as GraphQL answers and websockets carry it. */
export function graphqlError(error: HasuraError, showInternal: boolean): JsonObject {
  const { path, message, code, internal } = error;
  const shown = showInternal && internal !== undefined ? { internal } : {};
  return { message, extensions: { path, code, ...shown } };
}

/** The envelope of the GraphQL API; it travels with HTTP 200. */
export function graphqlEnvelope(error: HasuraError, showInternal: boolean): JsonObject {
  return { errors: [graphqlError(error, showInternal)] };
}

/** Anything caught, as an error that Hasura could have answered; the text of a fault of our own is not shown. */
export function toHasuraError(error: unknown): HasuraError {
  if (error instanceof HasuraError) return error;
  return new HasuraError("unexpected", "Internal Server Error", { status: 500, path: "$" });
}
