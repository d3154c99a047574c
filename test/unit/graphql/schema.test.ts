import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from "graphql";
import { describe, expect, it } from "vitest";
import { printedSchema } from "../../../src/graphql/print-schema.ts";
import { schema } from "../../../src/graphql/schema.ts";

const ownTypes = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
);

/** Everything of a type that a reader of the schema meets, by its coordinate. */
function described(type: GraphQLNamedType): [string, string | null | undefined][] {
  const own: [string, string | null | undefined] = [type.name, type.description];
  const of = (
    path: string,
    { name, description }: GraphQLArgument | GraphQLInputField,
  ): [string, string | null | undefined] => [`${path}.${name}`, description];
  if (isEnumType(type))
    return [own, ...type.getValues().map((value) => of(type.name, value as never))];
  if (isInputObjectType(type))
    return [own, ...Object.values(type.getFields()).map((field) => of(type.name, field))];
  if (!isObjectType(type) && !isInterfaceType(type)) return [own];
  return [
    own,
    ...Object.values(type.getFields()).flatMap((field: GraphQLField<unknown, unknown>) => [
      [`${type.name}.${field.name}`, field.description] as [string, string | null | undefined],
      ...field.args.map((argument) => of(`${type.name}.${field.name}`, argument)),
    ]),
  ];
}

function authScopes(field: GraphQLField<unknown, unknown>): unknown {
  const { pothosOptions } = field.extensions as { pothosOptions?: { authScopes?: unknown } };
  return pothosOptions?.authScopes;
}

describe("the public schema", () => {
  it("is what schema/schema.graphql holds", async () => {
    await expect(printedSchema()).toMatchFileSnapshot("../../../schema/schema.graphql");
  });

  it("describes every type, field, argument, input and value", () => {
    const bare = ownTypes
      .flatMap(described)
      .filter(([, description]) => description == null || description.trim() === "")
      .map(([coordinate]) => coordinate);
    expect(bare).toEqual([]);
  });

  it("lets a viewer ask every query", () => {
    const fields = Object.values(schema.getQueryType()?.getFields() ?? {});
    expect(fields.length).toBeGreaterThan(10);
    for (const field of fields)
      expect([field.name, authScopes(field)]).toEqual([field.name, { permission: "viewer" }]);
  });

  it("lets nobody below an operator change anything, and gives every change an operation and a wait", () => {
    const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
    expect(fields.length).toBeGreaterThanOrEqual(4);
    for (const field of fields) {
      expect([field.name, authScopes(field)]).toEqual([field.name, { permission: "operator" }]);
      expect(String(field.type)).toBe("Operation!");
      const wait = field.args.find(({ name }) => name === "wait");
      expect([String(wait?.type), wait?.defaultValue]).toEqual(["Int", 0]);
    }
  });

  it("counts what every connection holds", () => {
    const connections = ownTypes.filter(({ name }) => name.endsWith("Connection"));
    expect(connections.length).toBeGreaterThanOrEqual(6);
    for (const type of connections)
      expect([
        type.name,
        type instanceof GraphQLObjectType && String(type.getFields().totalCount?.type),
      ]).toEqual([type.name, "Int!"]);
  });
});
