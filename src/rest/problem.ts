/** The only writer of HTTP errors, in the shapes of Witboost's contract 2.2.0. */
import type { Request, Response } from "express";
import { problemText, quoted } from "../domain/problem-text.ts";
import { AppError, isSendersFault, type Problem, toAppError } from "../errors.ts";
import { redactText } from "../observability/logger.ts";

/** What a route answers; `text` for the bare token of a 202. */
export type Answer =
  | { readonly status: number; readonly json: object }
  | { readonly status: number; readonly text: string };

interface MoreInfo {
  readonly problems: readonly string[];
  readonly solutions: readonly string[];
}

/** The contract's body for what the sender can mend. `errors` is for older clients, `moreInfo` for newer ones. */
export interface RequestValidationError {
  readonly errors: readonly string[];
  readonly userMessage: string;
  readonly inputErrorField?: string;
  readonly moreInfo: MoreInfo;
}

/** The contract's body for our own faults. */
export interface SystemError {
  readonly error: string;
  readonly userMessage: string;
  readonly moreInfo: MoreInfo;
}

const MEND = "Correct what is named here, then try again.";
const TRY_AGAIN = "Please try again. If the problem persists, contact the platform team.";

/** The error as it is answered. What was sent is never sent back: `input` stays out. */
export function problemAnswer(error: AppError): Answer {
  const status = statusOf(error);
  return { status, json: status < 500 ? requestValidationError(error) : systemError(error) };
}

/** Each fault in one sentence; the message itself when nothing more is known. */
export function problemTexts({ message, problems }: AppError): string[] {
  return problems.length === 0 ? [redactText(message)] : problems.map(textOf);
}

function statusOf({ code }: AppError): number {
  if (code === "UNAUTHENTICATED") return 401;
  if (code === "FORBIDDEN") return 403;
  if (code === "PAYLOAD_TOO_LARGE") return 413;
  return isSendersFault(code) ? 400 : 500;
}

function requestValidationError(error: AppError): RequestValidationError {
  const texts = problemTexts(error);
  const field = error.problems.find(({ path }) => path !== "")?.path;
  const solutions = solutionsFor(error.problems);
  return {
    errors: texts,
    userMessage: redactText(error.message),
    ...(field === undefined ? {} : { inputErrorField: field }),
    moreInfo: { problems: texts, solutions: solutions.length === 0 ? [MEND] : solutions },
  };
}

function systemError(error: AppError): SystemError {
  const message = redactText(error.message);
  return {
    error: message,
    userMessage: message,
    moreInfo: { problems: problemTexts(error), solutions: [TRY_AGAIN] },
  };
}

function textOf(problem: Problem): string {
  return redactText(problemText(problem));
}

function solutionsFor(problems: readonly Problem[]): string[] {
  return problems.flatMap(({ path, suggestion }) => {
    if (suggestion === undefined) return [];
    return redactText(path === "" ? suggestion : `${path}: ${suggestion}`);
  });
}

/**
 * What Express and its body parser throw, as one of ours: their own messages can hold parts of the body.
 * @see https://expressjs.com/en/resources/middleware/body-parser.html#errors
 */
export function readingFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { type, status } = error as { type?: unknown; status?: unknown };
  switch (type) {
    case "entity.too.large":
      return new AppError("PAYLOAD_TOO_LARGE", "The body is too large.", { cause: error });
    case "entity.parse.failed":
      return new AppError("BAD_REQUEST", "The body is not JSON.", { cause: error });
    case "charset.unsupported":
    case "encoding.unsupported":
      return new AppError("UNSUPPORTED_MEDIA_TYPE", "The body's encoding is not known here.", {
        cause: error,
        problems: [{ path: "", message: "expected JSON in UTF-8", suggestion: "application/json" }],
      });
    default:
      return typeof status === "number" && status >= 400 && status < 500
        ? new AppError("BAD_REQUEST", "The request cannot be read.", { cause: error })
        : toAppError(error);
  }
}

/** Writes what a route answers; nobody keeps it. */
export function send(response: Response, answer: Answer): void {
  response.status(answer.status).set("Cache-Control", "no-store");
  if (answer.status === 401) response.set("WWW-Authenticate", "Bearer");
  if ("text" in answer) response.type("text/plain").send(answer.text);
  else response.json(answer.json);
}

/** The last handler of the service: there is no such route. */
export function unknownRoute(request: Request, response: Response): void {
  const message = `There is nothing at ${request.method} ${quoted(request.path)}.`;
  send(response, { status: 404, json: requestValidationError(new AppError("NOT_FOUND", message)) });
}
