/** The REST description: it is what the code says, and it holds all that the public specification has. */
import { describe, expect, it } from "vitest";
import { openApiDocument, printedOpenApi } from "../../src/rest/openapi.ts";
import { ENUMS, REQUESTS, RESPONSES, SHAPES } from "./witboost-2.2.0.ts";

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
}
interface Body {
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required: boolean }[];
  readonly requestBody?: Body & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Body>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const document = JSON.parse(JSON.stringify(openApiDocument())) as Document;

function resolved(schema: Schema | undefined): Schema {
  const inner = schema?.allOf?.[0] ?? schema ?? {};
  if (inner.$ref === undefined) return inner;
  return document.components.schemas[nameOf(inner)] ?? {};
}

function nameOf(schema: Schema | undefined): string {
  return (schema?.allOf?.[0] ?? schema)?.$ref?.split("/").at(-1) ?? "";
}

function operationAt(route: string): Operation | undefined {
  const [method = "", path = ""] = route.split(" ");
  return document.paths[path]?.[method.toLowerCase()];
}

describe("the REST description", () => {
  it("is what schema/openapi.json holds", async () => {
    await expect(printedOpenApi()).toMatchFileSnapshot("../../schema/openapi.json");
  });

  it("refers to nothing that it does not hold", () => {
    const refs = [...printedOpenApi().matchAll(/"\$ref": "#\/components\/schemas\/([^"]*)"/g)];
    expect(refs.length).toBeGreaterThan(50);
    for (const [, name = ""] of refs) expect(document.components.schemas).toHaveProperty(name);
  });
});

describe("the public specification 2.2.0", () => {
  it.each(RESPONSES)("has %s (%s), answered with %s", (route, operationId, answers) => {
    const operation = operationAt(route);
    expect(operation?.operationId).toBe(operationId);
    for (const [status, shape] of Object.entries(answers)) {
      const [[type, body] = []] = Object.entries(operation?.responses[status]?.content ?? {});
      if (shape === "token") {
        // Declared as JSON there; the client wants it bare.
        expect([status, type, body?.schema]).toEqual([status, "text/plain", { type: "string" }]);
      } else
        expect([status, type, nameOf(body?.schema)]).toEqual([status, "application/json", shape]);
    }
    const parameter = { name: "token", in: "path", required: true };
    const expected = route.includes("{token}") ? [expect.objectContaining(parameter)] : undefined;
    expect(operation?.parameters).toEqual(expected);
  });

  it("has no other routes, and 400 nowhere but where these have it", () => {
    const ours = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(ours.sort()).toEqual(RESPONSES.map(([route]) => route).sort());
    for (const [route, , answers] of RESPONSES)
      expect([route, "400" in (operationAt(route)?.responses ?? {})]).toEqual([
        route,
        "400" in answers,
      ]);
  });

  it.each(REQUESTS)("has %s take %s", (route, shape) => {
    const { required, content } = operationAt(route)?.requestBody ?? {};
    expect(required).toBe(true);
    const body = resolved(content?.["application/json"]?.schema);
    for (const name of Object.keys(SHAPES[shape]?.members ?? {}))
      expect(body.properties).toHaveProperty(name);
    expect(body.required).toEqual(expect.arrayContaining([...(SHAPES[shape]?.required ?? ["?"])]));
  });

  it.each(Object.entries(SHAPES))(
    "has %s with its members, types and what is required",
    (name, { required, members }) => {
      const schema = document.components.schemas[name];
      expect(schema?.type).toBe("object");
      expect([...(schema?.required ?? [])].sort()).toEqual([...required].sort());
      expect(Object.keys(schema?.properties ?? {}).sort()).toEqual(Object.keys(members).sort());
      for (const [member, type] of Object.entries(members)) {
        const own = schema?.properties?.[member];
        const list = type.endsWith("[]");
        const item = list ? own?.items : own;
        if (list) expect([member, own?.type]).toEqual([member, "array"]);
        const told = nameOf(item) || item?.type;
        expect([member, told]).toEqual([member, list ? type.slice(0, -2) : type]);
      }
    },
  );

  it.each(ENUMS)("allows %s of %s exactly its values", (member, name, values) => {
    const schema = document.components.schemas[name];
    const own = member === "" ? schema : schema?.properties?.[member];
    expect([...(own?.enum ?? [])].sort()).toEqual([...values].sort());
  });
});
