/** The older role mapper's routes, on the inventory: for adapters that know no other way to say who has a role. */
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { AppError } from "../errors.ts";
import type { Actor, GraphqlContext } from "../graphql/context.ts";
import { MAX_WAIT_MS } from "../graphql/inputs.ts";
import type { Logger } from "../observability/logger.ts";
import { requireBearer } from "./bearer.ts";
import { readJson } from "./body.ts";
import { createRun, type Run } from "./execute.ts";
import { type JsonAnswer, otherMethods, problemAnswer, readingFailure, send } from "./problem.ts";
import type { SystemError, ValidationError } from "./role-mapper-contract.ts";
import { roleMapperOpenApiDocument } from "./role-mapper-openapi.ts";
import { ROLE_MAPPER_ROUTES, type RoleMapperRoute } from "./role-mapper-routes.ts";

const ROLE_MAPPER: Actor = { name: "role-mapper", kind: "role-mapper", permission: "operator" };
const DOOR = { setting: "ROLE_MAPPER_TOKEN", whose: "the role mapper's routes" } as const;

export interface RoleMapperDeps {
  readonly operations: GraphqlContext["operations"];
  /** Prefix under which the routes are also served; `""` for none. */
  readonly basePath: string;
  /** What `Authorization: Bearer …` must hold; null: the routes are closed. */
  readonly token: string | null;
  /** Why the webhook cannot decide now; empty: it can. */
  readonly notReady: () => readonly string[];
  /** How long a change may wait until every webhook follows, in milliseconds. @default the most there is */
  readonly enforceWaitMs?: number;
  readonly log: Logger;
}

/** The routes, `/v1/health`, and their description, at the root and under the base path. */
export function createRoleMapperRouter(deps: RoleMapperDeps): Router {
  const router = express.Router();
  const run = createRun(deps.operations, ROLE_MAPPER);
  const document = roleMapperOpenApiDocument();
  for (const prefix of new Set(["", deps.basePath])) {
    for (const route of ROLE_MAPPER_ROUTES)
      router
        .route(`${prefix}${route.path.replace(/\{(\w+)\}/g, ":$1")}`)
        [route.method]((request, response) => answer(deps, run, route, request, response))
        .all(otherMethods(route.method === "get" ? "GET" : "PUT"));
    router
      .route(`${prefix}/v1/health`)
      .get((_request, response) => health(deps, response))
      .all(otherMethods("GET"));
    router
      .route(`${prefix}/role-mapper-openapi.json`)
      .get((_request, response) => response.json(document))
      .all(otherMethods("GET"));
  }
  // Express knows an error handler by its four parameters.
  router.use((error: unknown, _request: Request, response: Response, _next: NextFunction) =>
    send(response, refusal(deps, readingFailure(error))),
  );
  return router;
}

async function answer(
  deps: RoleMapperDeps,
  run: Run,
  route: RoleMapperRoute,
  request: Request,
  response: Response,
): Promise<void> {
  try {
    // Reading needs the token too: roles tell who works with what.
    authorize(deps, request);
    const body = route.method === "put" ? await readJson(request, response) : undefined;
    const param = (name: string) => String(request.params[name] ?? "");
    send(
      response,
      await route.handle({ run, wait: deps.enforceWaitMs ?? MAX_WAIT_MS, body, param }),
    );
  } catch (error) {
    send(response, refusal(deps, readingFailure(error)));
  }
}

/** @throws AppError UNAUTHENTICATED */
function authorize({ token }: RoleMapperDeps, request: Request): void {
  if (token === null) throw closed();
  requireBearer(request, { ...DOOR, token });
}

function closed(): AppError {
  return new AppError("UNAUTHENTICATED", "The role mapper's routes are closed.", {
    problems: [
      {
        path: "",
        message: "the role mapper's routes are closed: ROLE_MAPPER_TOKEN is not set",
        suggestion: "set it here, and send it as Authorization: Bearer",
      },
    ],
  });
}

/** Whoever asks this wants to know whether data requests are answered; `/healthz` says whether the process lives. */
function health({ notReady }: RoleMapperDeps, response: Response): void {
  const reasons = notReady();
  if (reasons.length === 0) send(response, { status: 200, text: "Alive" });
  else send(response, { status: 500, json: { error: reasons.join("; ") } });
}

/** The same statuses as elsewhere, in the older service's shapes. */
function refusal(
  { log }: RoleMapperDeps,
  error: AppError,
): JsonAnswer<ValidationError | SystemError> {
  if (error.code === "INTERNAL") log.error({ err: error.cause ?? error }, "a request failed");
  const { status, json } = problemAnswer(error);
  if ("errors" in json) return { status, json: { errors: json.errors } };
  return { status, json: { error: json.error } };
}
