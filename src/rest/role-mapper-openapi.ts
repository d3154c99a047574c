/** The older role mapper's routes described in OpenAPI, printed from the shapes that they check and answer. */
import type { z } from "zod";
import { describedShapes, describing, type Json, printedDocument } from "./described.ts";
import { roleMapperShapes, systemError, validationError } from "./role-mapper-contract.ts";
import { ROLE_MAPPER_ROUTES, type RoleMapperRoute } from "./role-mapper-routes.ts";

const body = describing(roleMapperShapes);

/** The document, as `schema/role-mapper-openapi.json` holds it. */
export function roleMapperOpenApiDocument(): Json {
  return {
    openapi: "3.0.3",
    info: {
      title: "Portcullis: role mapper",
      description:
        "The older role mapper's routes, for adapters that use them: roles in Hasura that belong to no output port, and who has them.",
      version: "1",
    },
    servers: [{ url: "." }],
    security: [{ roleMapperToken: [] }],
    paths: { ...paths(), "/v1/health": { get: HEALTH } },
    components: {
      securitySchemes: { roleMapperToken: { type: "http", scheme: "bearer" } },
      schemas: describedShapes(roleMapperShapes),
    },
  };
}

export function printedRoleMapperOpenApi(): string {
  return printedDocument(roleMapperOpenApiDocument());
}

function paths(): Json {
  const byPath: Record<string, Json> = {};
  for (const route of ROLE_MAPPER_ROUTES)
    byPath[route.path] = { ...byPath[route.path], [route.method]: operation(route) };
  return byPath;
}

function operation({ method, path, operationId, summary, body: asked, ok }: RoleMapperRoute): Json {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
  }));
  return {
    operationId,
    summary,
    tags: ["RoleMapper"],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(asked === undefined ? {} : { requestBody: { required: true, ...body(asked) } }),
    responses: {
      200: answer(method === "put" ? "What was put; it is in force." : "The role.", ok),
      400: answer("The sender can mend it; nothing was changed.", validationError),
      401: answer("ROLE_MAPPER_TOKEN is not sent, or not set.", validationError),
      ...(method === "get" ? { 404: answer("There is no such role.", validationError) } : {}),
      ...(method === "put" ? { 413: answer("More was sent than is read.", validationError) } : {}),
      500: answer(
        "A fault of ours, or not every webhook has confirmed the change yet.",
        systemError,
      ),
    },
  };
}

const HEALTH: Json = {
  operationId: "get_v1_health",
  summary: "Whether data requests are answered.",
  tags: ["Health"],
  security: [],
  responses: {
    200: {
      description: "They are.",
      content: { "text/plain": { schema: { type: "string", example: "Alive" } } },
    },
    500: answer("They are refused for now; the text says why.", systemError),
  },
};

function answer(description: string, schema: z.ZodType): Json {
  return { description, ...body(schema) };
}
