/** The REST face described in OpenAPI, printed from the shapes that its routes check and answer. */
import { z } from "zod";
import { requestValidationError, shapes, systemError } from "./contract.ts";
import { ROUTES, type Route } from "./routes.ts";

type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = "application/json";

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
      schemas: schemas(),
    },
  };
}

export function printedOpenApi(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

function paths(): Json {
  const byPath: Record<string, Json> = {};
  for (const route of ROUTES)
    byPath[route.path] = { ...byPath[route.path], [route.method]: operation(route) };
  return byPath;
}

function operation({ operationId, summary, path, body, ok, accepts, refuse }: Route): Json {
  return {
    operationId,
    summary,
    ...(path.includes("{token}") ? { parameters: [TOKEN] } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [JSON_TYPE]: { schema: ref(body) } } } }),
    responses: {
      ...(ok === undefined ? {} : { 200: answer("What came of it.", ok) }),
      ...(accepts ? { 202: ACCEPTED } : {}),
      ...(refuse === undefined
        ? { 400: answer("The sender can mend it.", requestValidationError) }
        : {}),
      401: answer("WITBOOST_TOKEN is set, and not sent.", requestValidationError),
      ...(body === undefined || refuse !== undefined
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
  return { description, content: { [JSON_TYPE]: { schema: ref(schema) } } };
}

function ref(schema: z.ZodType): Json {
  return { $ref: refTo(shapes.get(schema)?.id ?? "") };
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`;
}

/**
 * Requests stand there as the contract has them, with members required that are taken without, too. Of answers nothing
 * is closed: later versions may add members.
 */
function schemas(): Json {
  const printed = z.toJSONSchema(shapes, {
    target: "openapi-3.0",
    io: "output",
    uri: refTo,
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
  return Object.fromEntries(
    Object.entries(printed.schemas).map(([id, { $id: _, ...schema }]) => [id, schema]),
  );
}
