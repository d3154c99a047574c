/** Witboost's contract for tech adapters, version 2.2.0, as routes of Express. */
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { type AppError, isSendersFault } from "../errors.ts";
import type { Actor, GraphqlContext } from "../graphql/context.ts";
import type { Logger } from "../observability/logger.ts";
import { requireBearer } from "./bearer.ts";
import { readJson } from "./body.ts";
import { createRun, type Run } from "./execute.ts";
import { type Answer, otherMethods, problemAnswer, readingFailure, send } from "./problem.ts";
import { ROUTES, type Route } from "./routes.ts";

const WITBOOST: Actor = { name: "witboost", kind: "witboost", permission: "operator" };
const DOOR = { setting: "WITBOOST_TOKEN", whose: "Witboost" } as const;

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
  const run = createRun(deps.operations, WITBOOST);
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
    const { witboostToken: token } = deps;
    if (token !== null) requireBearer(request, { ...DOOR, token });
    const body = route.method === "post" ? await readJson(request, response) : undefined;
    // A client that read the token as JSON sends it with its quotes.
    const asked = String(request.params.token ?? "").replace(/^"|"$/g, "");
    send(response, await route.handle({ run, wait: deps.operationWaitMs, body, token: asked }));
  } catch (error) {
    send(response, refusal(deps, readingFailure(error), route));
  }
}

function refusal({ log }: RestDeps, error: AppError, route?: Route): Answer {
  const sendersFault = isSendersFault(error.code);
  if (error.code === "INTERNAL") log.error({ err: error.cause ?? error }, "a request failed");
  return sendersFault && route?.refuse !== undefined ? route.refuse(error) : problemAnswer(error);
}
