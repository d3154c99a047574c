/** Witboost's contract for tech adapters, version 2.2.0, as routes of Express. */
import { createHash, timingSafeEqual } from "node:crypto";
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { AppError, isSendersFault } from "../errors.ts";
import type { GraphqlContext } from "../graphql/context.ts";
import type { Logger } from "../observability/logger.ts";
import { readJson } from "./body.ts";
import { createRun, type Run } from "./execute.ts";
import { type Answer, otherMethods, problemAnswer, readingFailure, send } from "./problem.ts";
import { ROUTES, type Route } from "./routes.ts";

export interface RestDeps {
  readonly operations: GraphqlContext["operations"];
  /** Prefix under which the routes are also served; `""` for none. */
  readonly basePath: string;
  /** How long a request may wait for its operation's end, in milliseconds. */
  readonly operationWaitMs: number;
  /** What `Authorization: Bearer …` must hold; null: nobody is asked. */
  readonly witboostToken: string | null;
  readonly log: Logger;
}

/** The routes, at the root and under the base path; a bad URL or a failure in them is answered in the contract's shape. */
export function createRestRouter(deps: RestDeps): Router {
  const router = express.Router();
  const run = createRun(deps.operations);
  for (const prefix of new Set(["", deps.basePath]))
    for (const route of ROUTES) {
      const path = `${prefix}${route.path.replace(/\{(\w+)\}/g, ":$1")}`;
      router
        .route(path)
        [route.method]((request, response) => answer(deps, run, route, request, response))
        .all(otherMethods(route.method === "get" ? "GET" : "POST"));
    }
  // Express knows an error handler by its four parameters.
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) =>
    send(response, refusal(deps, readingFailure(error))),
  );
  return router;
}

async function answer(
  deps: RestDeps,
  run: Run,
  route: Route,
  request: Request,
  response: Response,
): Promise<void> {
  try {
    authorize(deps.witboostToken, request.headers.authorization);
    const body = route.method === "post" ? await readJson(request, response) : undefined;
    // A client that read the token as JSON sends it with its quotes.
    const token = String(request.params.token ?? "").replace(/^"|"$/g, "");
    send(response, await route.handle({ run, wait: deps.operationWaitMs, body, token }));
  } catch (error) {
    send(response, refusal(deps, readingFailure(error), route));
  }
}

function refusal({ log }: RestDeps, error: AppError, route?: Route): Answer {
  const sendersFault = isSendersFault(error.code);
  if (error.code === "INTERNAL") log.error({ err: error.cause ?? error }, "a request failed");
  return sendersFault && route?.refuse !== undefined ? route.refuse(error) : problemAnswer(error);
}

/** @throws AppError UNAUTHENTICATED */
function authorize(token: string | null, header: string | undefined): void {
  if (token === null) return;
  const [, sent = ""] = /^bearer +(\S+) *$/i.exec(header ?? "") ?? [];
  // Digests are of one length, and comparing them takes the same time wherever they differ.
  if (timingSafeEqual(digest(sent), digest(token))) return;
  throw new AppError(
    "UNAUTHENTICATED",
    "The request does not carry the token that is set for Witboost.",
    {
      problems: [
        {
          path: "",
          message: "the header Authorization is missing or wrong",
          suggestion: "send Authorization: Bearer with the value of WITBOOST_TOKEN",
        },
      ],
    },
  );
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
