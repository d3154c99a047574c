/** The description of the role mapper's routes: it is what the code says, and holds all that the older one's has. */
import { describe, expect, it } from "vitest";
import {
  printedRoleMapperOpenApi,
  roleMapperOpenApiDocument,
} from "../../src/rest/role-mapper-openapi.ts";
import { ROLE_MAPPER_FACTS, ROLE_MAPPER_SHAPES } from "./role-mapper.ts";

interface Body {
  readonly content?: Readonly<
    Record<string, { readonly schema: { $ref?: string; type?: string } }>
  >;
}
interface Operation {
  readonly operationId: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { name: string; in: string; required: boolean }[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}
interface Schema {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, { type: string; items?: { type: string } }>>;
}
const document = JSON.parse(JSON.stringify(roleMapperOpenApiDocument())) as {
  readonly security: readonly unknown[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

const shapeOf = (body: Body | undefined) => {
  const [[type, { schema }] = ["", { schema: {} }]] = Object.entries(body?.content ?? {});
  return type === "text/plain" ? "text" : schema.$ref?.split("/").at(-1);
};

describe("the description of the role mapper's routes", () => {
  it("is what schema/role-mapper-openapi.json holds", async () => {
    await expect(printedRoleMapperOpenApi()).toMatchFileSnapshot(
      "../../schema/role-mapper-openapi.json",
    );
  });

  it("has the older one's routes and no others, asking for the token everywhere but for health", () => {
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.sort()).toEqual(Object.keys(ROLE_MAPPER_FACTS).sort());
    expect(document.security).toEqual([{ roleMapperToken: [] }]);
    for (const [path, methods] of Object.entries(document.paths))
      for (const { security } of Object.values(methods))
        expect([path, security]).toEqual([path, path === "/v1/health" ? [] : undefined]);
  });

  it.each(Object.entries(ROLE_MAPPER_FACTS))("has %s as it was", (route, facts) => {
    const [method = "", path = ""] = route.split(" ");
    const operation = document.paths[path]?.[method.toLowerCase()];
    expect(operation?.operationId).toBe(facts.operationId);
    expect(shapeOf(operation?.requestBody)).toBe(facts.request);
    for (const [status, shape] of Object.entries(facts.answers)) {
      expect(operation?.responses).toHaveProperty(status);
      if (shape !== null)
        expect([status, shapeOf(operation?.responses[status])]).toEqual([status, shape]);
    }
    const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(operation?.parameters?.map(({ name }) => name) ?? []).toEqual(parameters);
  });

  it.each(Object.entries(ROLE_MAPPER_SHAPES))("has %s with its members", (name, members) => {
    const schema = document.components.schemas[name];
    expect([...(schema?.required ?? [])].sort()).toEqual(Object.keys(members).sort());
    const types = Object.entries(schema?.properties ?? {}).map(([member, { type, items }]) => [
      member,
      type === "array" ? `${items?.type}[]` : type,
    ]);
    expect(Object.fromEntries(types)).toEqual(members);
  });
});
