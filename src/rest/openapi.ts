/** The REST face described in OpenAPI, printed from the shapes that its routes check and answer. */
import type { z } from "zod";
import { requestValidationError, shapes, systemError } from "./contract.ts";
import { describedShapes, describing, type Json, printedDocument } from "./described.ts";
import { ROUTES, type Route } from "./routes.ts";

const body = describing(shapes);

/** The document, as `schema/openapi.json` holds it. */
export function openApiDocument(): Json {
  return {
    openapi: "3.0.3",
    info: {
      title: "Portcullis",
      description:
        "Witboost's contract for tech adapters, for output ports on Hasura. Everything else is asked over GraphQL.",
      version: "2.2.0",
    },
    // Relative to where this document is served, so it holds under a base path too.
    servers: [{ url: "." }],
    // Asked for where WITBOOST_TOKEN is set.
    security: [{}, { witboostToken: [] }],
    paths: paths(),
    components: {
      securitySchemes: { witboostToken: { type: "http", scheme: "bearer" } },
      schemas: describedShapes(shapes),
    },
  };
}

export function printedOpenApi(): string {
  return printedDocument(openApiDocument());
}

function paths(): Json {
  const byPath: Record<string, Json> = {};
  for (const route of ROUTES)
    byPath[route.path] = { ...byPath[route.path], [route.method]: operation(route) };
  return byPath;
}

function operation({ operationId, summary, path, body: asked, ok, accepts, refuse }: Route): Json {
  return {
    operationId,
    summary,
    ...(path.includes("{token}") ? { parameters: [TOKEN] } : {}),
    ...(asked === undefined ? {} : { requestBody: { required: true, ...body(asked) } }),
    responses: {
      ...(ok === undefined ? {} : { 200: answer("What came of it.", ok) }),
      ...(accepts ? { 202: ACCEPTED } : {}),
      ...(refuse === undefined
        ? { 400: answer("The sender can mend it.", requestValidationError) }
        : {}),
      401: answer("WITBOOST_TOKEN is set, and not sent.", requestValidationError),
      ...(asked === undefined || refuse !== undefined
        ? {}
        : { 413: answer("More was sent than is read.", requestValidationError) }),
      500: answer("A fault of ours.", systemError),
    },
  };
}

const TOKEN: Json = {
  name: "token",
  in: "path",
  description: "The token that was answered.",
  required: true,
  schema: { type: "string" },
};

const ACCEPTED: Json = {
  description: "It runs; the body is the token alone, without quotes, to ask for its status with.",
  content: { "text/plain": { schema: { type: "string" } } },
};

function answer(description: string, schema: z.ZodType): Json {
  return { description, ...body(schema) };
}
