/** The only writer of HTTP errors, in the shapes of Witboost's contract 2.2.0. */
import type { Request, Response } from "express";
import { problemText, quoted } from "../domain/problem-text.ts";
import { AppError, isSendersFault, type Problem, toAppError } from "../errors.ts";
import { redactText } from "../observability/logger.ts";
import type { RequestValidationError, SystemError } from "./contract.ts";

export interface JsonAnswer<Body extends object> {
  readonly status: number;
  readonly json: Body;
}

/** What a route answers; `text` for the bare token of a 202. */
export type Answer<Body extends object = object> =
  | JsonAnswer<Body>
  | { readonly status: number; readonly text: string };

/** How many faults one answer tells. */
const MAX_TOLD = 1_000;

const MEND = "Correct what is named here, then try again.";
const TRY_AGAIN = "Please try again. If the problem persists, contact the platform team.";

/** The error as it is answered. What was sent is never sent back: `input` stays out. */
export function problemAnswer(error: AppError): JsonAnswer<RequestValidationError | SystemError> {
  const status = statusOf(error);
  return { status, json: status < 500 ? requestValidationError(error) : systemError(error) };
}

/** Each fault in one sentence, as far as they are told; the message itself when nothing more is known. */
export function problemTexts({ message, problems }: AppError): string[] {
  if (problems.length === 0) return [redactText(message)];
  const texts = problems.slice(0, MAX_TOLD).map(textOf);
  const left = problems.length - texts.length;
  return left === 0 ? texts : [...texts, `There are ${left} more.`];
}

function statusOf({ code }: AppError): number {
  if (code === "UNAUTHENTICATED") return 401;
  if (code === "FORBIDDEN") return 403;
  if (code === "PAYLOAD_TOO_LARGE") return 413;
  return isSendersFault(code) ? 400 : 500;
}

/** `errors` is for older clients, `moreInfo` for newer ones. */
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
  return problems.slice(0, MAX_TOLD).flatMap(({ path, suggestion }) => {
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
    case "entity.verify.failed":
      return new AppError("BAD_REQUEST", "The body is not UTF-8.", { cause: error });
    case "charset.unsupported":
    case "encoding.unsupported":
      return new AppError("UNSUPPORTED_MEDIA_TYPE", "The body's encoding is not known here.", {
        cause: error,
        problems: [
          {
            path: "",
            message: "the body's encoding is not known here: expected JSON in UTF-8, plain or gzip",
            suggestion: "Content-Type: application/json",
          },
        ],
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

/** The handler of a known path for all methods but its own: nothing is done, and it is said which is right. */
export function otherMethods(
  method: "GET" | "POST" | "PUT",
): (request: Request, response: Response) => void {
  const allowed = [method, "HEAD", "OPTIONS"].join(", ");
  return (request, response) => {
    response.set("Allow", allowed);
    if (request.method === "OPTIONS" || request.method === "HEAD") {
      response.status(204).set("Cache-Control", "no-store").end();
      return;
    }
    const error = new AppError("BAD_REQUEST", `Use ${method} here.`);
    send(response, { status: 405, json: requestValidationError(error) });
  };
}
