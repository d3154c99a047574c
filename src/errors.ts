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

/** Every code, and whose turn it is: the sender's to send something else, time's to pass, or ours to mend something. */
const CODES = {
  BAD_REQUEST: "sender",
  PAYLOAD_TOO_LARGE: "sender",
  UNSUPPORTED_MEDIA_TYPE: "sender",
  INVALID_DESCRIPTOR: "sender",
  INVALID_REFS: "sender",
  NAME_TAKEN: "sender",
  AMBIGUOUS: "sender",
  NOT_FOUND: "sender",
  NOT_PROVISIONED: "sender",
  UNKNOWN_TOKEN: "sender",
  NOT_AVAILABLE: "sender",
  UNAUTHENTICATED: "ours",
  FORBIDDEN: "ours",
  SOURCE_REFUSED: "ours",
  SOURCE_UNAVAILABLE: "time",
  HASURA_REFUSED: "ours",
  HASURA_CONFLICT: "time",
  HASURA_UNAVAILABLE: "time",
  DIRECTORY_UNAVAILABLE: "time",
  HASURA_FROZEN: "time",
  PORT_PAUSED: "sender",
  PORT_PROTECTED: "sender",
  SUPERSEDED: "sender",
  CANCELLED: "ours",
  DEADLINE: "ours",
  CONFIGURATION: "ours",
  INTERNAL: "ours",
} as const;

export type ErrorCode = keyof typeof CODES;

export const ERROR_CODES = Object.keys(CODES) as readonly ErrorCode[];

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

/** The sender can mend it by sending something else: REST answers 400. */
export function isSendersFault(code: ErrorCode): boolean {
  return CODES[code] === "sender";
}

/** It may pass by itself: the operation is tried again. */
export function isTransient(error: unknown): boolean {
  return error instanceof AppError && CODES[error.code] === "time";
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
