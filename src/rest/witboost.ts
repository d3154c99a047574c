/**
 * Witboost's contract for tech adapters, version 2.2.0. Each route checks the body's shape, executes a document of the
 * public schema and maps what comes back; it decides nothing itself.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { AppError, isSendersFault, toAppError } from "../errors.ts";
import type { GraphqlContext } from "../graphql/context.ts";
import type { Logger } from "../observability/logger.ts";
import { provisioningRequest, readJson, shaped, updateAclRequest } from "./contract.ts";
import { createRun, type Run } from "./execute.ts";
import {
  OperationStatusDocument,
  ProvisionDocument,
  UnprovisionDocument,
  UpdateAclDocument,
  ValidateDocument,
} from "./generated/operations.ts";
import { acceptedAnswer, invalidAnswer, statusAnswer, verdictAnswer } from "./outcome.ts";
import { type Answer, problemAnswer, readingFailure, send } from "./problem.ts";

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

interface Call {
  readonly run: Run;
  readonly wait: number;
  readonly body: unknown;
  readonly token: string;
}

interface Route {
  readonly method: "get" | "post";
  readonly path: string;
  readonly handle: (call: Call) => Promise<Answer>;
  /** How the sender's faults are answered, where the contract has no 400. */
  readonly refuse?: (error: AppError) => Answer;
}

const ROUTES: readonly Route[] = [
  { method: "post", path: "/v1/validate", handle: validate, refuse: invalidAnswer },
  { method: "post", path: "/v1/provision", handle: provision },
  { method: "post", path: "/v1/unprovision", handle: unprovision },
  { method: "post", path: "/v1/updateacl", handle: updateAcl },
  { method: "get", path: "/v1/provision/:token/status", handle: status },
  { method: "post", path: "/v2/validate", handle: notAvailable },
  { method: "get", path: "/v2/validate/:token/status", handle: notAvailable },
  { method: "post", path: "/v1/reverse-provisioning", handle: notAvailable },
  { method: "get", path: "/v1/reverse-provisioning/:token/status", handle: notAvailable },
];

/** The routes, at the root and under the base path; a bad URL or a failure in them is answered in the contract's shape. */
export function createRestRouter(deps: RestDeps): Router {
  const router = express.Router();
  const run = createRun(deps.operations);
  for (const prefix of new Set(["", deps.basePath]))
    for (const route of ROUTES)
      router[route.method](`${prefix}${route.path}`, (request, response) =>
        answer(deps, run, route, request, response),
      );
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
    const token = String(request.params.token ?? "");
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

async function validate({ run, body }: Call): Promise<Answer> {
  const { descriptor, descriptorKind } = shaped(provisioningRequest, body);
  const { validateDescriptor } = await run(ValidateDocument, {
    input: { descriptor, descriptorKind },
  });
  return verdictAnswer(validateDescriptor);
}

async function provision({ run, wait, body }: Call): Promise<Answer> {
  const { descriptor, descriptorKind, removeData } = shaped(provisioningRequest, body);
  const input = { descriptor, descriptorKind, removeData };
  const { provisionOutputPort } = await run(ProvisionDocument, { input, wait });
  return acceptedAnswer(provisionOutputPort);
}

async function unprovision({ run, wait, body }: Call): Promise<Answer> {
  const { descriptor, removeData } = shaped(provisioningRequest, body);
  const { unprovisionOutputPort } = await run(UnprovisionDocument, {
    input: { descriptor, removeData },
    wait,
  });
  return acceptedAnswer(unprovisionOutputPort);
}

async function updateAcl({ run, wait, body }: Call): Promise<Answer> {
  const { refs, provisionInfo } = shaped(updateAclRequest, body);
  const input = { descriptor: provisionInfo.request, refs };
  try {
    const { updateOutputPortAcl } = await run(UpdateAclDocument, { input, wait });
    return acceptedAnswer(updateOutputPortAcl);
  } catch (error) {
    throw renamed(error, "descriptor", "provisionInfo.request");
  }
}

/** The failure with a field of the public schema named as the contract names it. */
function renamed(error: unknown, field: string, contractField: string): AppError {
  const { code, message, problems, cause } = toAppError(error);
  const named = problems.map((problem) =>
    problem.path === field ? { ...problem, path: contractField } : problem,
  );
  return new AppError(code, message, { problems: named, cause });
}

/** Kinds that this route accepted tokens for; others have routes of their own. */
const POLLED_KINDS: readonly string[] = ["PROVISION", "UNPROVISION", "UPDATE_ACL"];

async function status({ run, token }: Call): Promise<Answer> {
  // A client that read the token as JSON sends it with its quotes.
  const { operation } = await run(OperationStatusDocument, { token: token.replace(/^"|"$/g, "") });
  if (operation !== null && POLLED_KINDS.includes(operation.kind)) return statusAnswer(operation);
  throw new AppError("UNKNOWN_TOKEN", "There is no operation with this token.", {
    problems: [
      { path: "token", message: "is not known", suggestion: "use the token that was answered" },
    ],
  });
}

async function notAvailable(): Promise<Answer> {
  throw new AppError("NOT_AVAILABLE", "This route is not available yet.");
}
