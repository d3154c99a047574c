/**
 * The one vocabulary of failures. Code throws `AppError`; each edge maps it once: GraphQL to
 * `extensions {code, problems}`, REST to the contract's bodies, the webhook to 401.
 */

/** One fault in what somebody sent: where it is, what was expected, and what would be right. */
export interface Problem {
  /** Dot path into the input, e.g. `dataProduct.components.<id>.specific.select`; `""` for the whole of it. */
  readonly path: string;
  readonly message: string;
  readonly suggestion?: string | undefined;
}

export const ERROR_CODES = [
  "BAD_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "INVALID_DESCRIPTOR",
  "INVALID_REFS",
  "NAME_TAKEN",
  "AMBIGUOUS",
  "NOT_FOUND",
  "NOT_PROVISIONED",
  "UNKNOWN_TOKEN",
  "NOT_AVAILABLE",
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "SOURCE_REFUSED",
  "SOURCE_UNAVAILABLE",
  "HASURA_REFUSED",
  "HASURA_CONFLICT",
  "HASURA_UNAVAILABLE",
  "CANCELLED",
  "DEADLINE",
  "CONFIGURATION",
  "INTERNAL",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Codes that the sender can mend by sending something else: answered as 400 by REST. */
const SENDER_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BAD_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "INVALID_DESCRIPTOR",
  "INVALID_REFS",
  "NAME_TAKEN",
  "AMBIGUOUS",
  "NOT_FOUND",
  "NOT_PROVISIONED",
  "UNKNOWN_TOKEN",
  "NOT_AVAILABLE",
]);

/** Codes of trouble that may pass by itself: the operation is tried again. */
const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "SOURCE_UNAVAILABLE",
  "HASURA_CONFLICT",
  "HASURA_UNAVAILABLE",
]);

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];

  /**
   * @param message what happened and what to do, fit for the person who asked: never a secret, SQL or a stack
   * @param options.problems each fault by itself, when there is more to say than the message
   * @param options.cause what was caught; logged with redaction, never answered
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { problems?: readonly Problem[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.problems = options.problems ?? [];
  }
}

export function isSendersFault(code: ErrorCode): boolean {
  return SENDER_CODES.has(code);
}

export function isTransient(error: unknown): boolean {
  return error instanceof AppError && TRANSIENT_CODES.has(error.code);
}

/** The error as one of ours; anything unexpected becomes INTERNAL, with its text kept as the cause only. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError(
    "INTERNAL",
    "Something went wrong on our side. Please try again; if the problem persists, contact the platform team.",
    { cause: error },
  );
}
