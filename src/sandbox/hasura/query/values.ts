/** Input values: literals and variables checked against the schema's types, with Hasura's words for what is wrong. */
import {
  type GraphQLEnumType,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type TypeNode,
  type ValueNode,
} from "graphql";
import { LosslessNumber } from "lossless-json";
import { keyPath } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { isArray, isNumber, isObject, type Json, type JsonObject, toNumber } from "../json.ts";

export interface Variable {
  readonly name: string;
  readonly type: TypeNode;
  /** What the request gives, else the default; `undefined` when there is neither. */
  readonly value: Input | undefined;
  readonly hasDefault: boolean;
}

export type Variables = ReadonlyMap<string, Variable>;

/** A value as it was written: in the query's text, or as JSON. */
export type Input = { readonly ast: ValueNode } | { readonly json: Json };

export function validationFailed(path: string, message: string): HasuraError {
  return new HasuraError("validation-failed", message, { path });
}

/** Where `null` is as good as nothing. */
const NULLABLE = new Set(["limit", "offset", "order_by", "distinct_on", "columns", "distinct"]);

/**
 * The value of an argument or an input field.
 * @returns `undefined` when it is not given
 * @throws HasuraError validation-failed
 */
export function readInput(
  type: GraphQLInputType,
  given: Input | undefined,
  name: string,
  path: string,
  variables: Variables,
): Json | undefined {
  const where = keyPath(path, name);
  const input = given && peel(type, given, where, variables);
  if (input === undefined) {
    if (isNonNullType(type)) throw validationFailed(where, `missing required field '${name}'`);
    return undefined;
  }
  if (isNull(input) && NULLABLE.has(name)) return undefined;
  return read(type, input, where, variables);
}

function peel(
  type: GraphQLInputType,
  input: Input,
  path: string,
  variables: Variables,
): Input | undefined {
  if (!("ast" in input) || input.ast.kind !== Kind.VARIABLE) return input;
  const name = input.ast.name.value;
  const variable = variables.get(name);
  if (!variable) throw validationFailed("$", `unbound variable ${JSON.stringify(name)}`);
  if (!mayStandIn(type, variable))
    throw validationFailed(
      path,
      `variable '${name}' is declared as '${typeText(variable.type)}', but used where '${String(type)}' is expected`,
    );
  return variable.value;
}

function mayStandIn(location: GraphQLInputType, { type, hasDefault }: Variable): boolean {
  if (isNonNullType(location) && type.kind !== Kind.NON_NULL_TYPE && !hasDefault) return false;
  return compatible(
    isNonNullType(location) ? location.ofType : location,
    type.kind === Kind.NON_NULL_TYPE ? type.type : type,
  );
}

function compatible(location: GraphQLInputType, declared: TypeNode): boolean {
  if (isNonNullType(location))
    return declared.kind === Kind.NON_NULL_TYPE && compatible(location.ofType, declared.type);
  const bare = declared.kind === Kind.NON_NULL_TYPE ? declared.type : declared;
  if (isListType(location))
    return bare.kind === Kind.LIST_TYPE && compatible(location.ofType, bare.type);
  return bare.kind === Kind.NAMED_TYPE && bare.name.value === location.name;
}

function typeText(type: TypeNode): string {
  if (type.kind === Kind.NON_NULL_TYPE) return `${typeText(type.type)}!`;
  return type.kind === Kind.LIST_TYPE ? `[${typeText(type.type)}]` : type.name.value;
}

function isNull(input: Input): boolean {
  return "ast" in input ? input.ast.kind === Kind.NULL : input.json === null;
}

function read(type: GraphQLInputType, input: Input, path: string, variables: Variables): Json {
  if (isNonNullType(type)) return read(type.ofType, input, path, variables);
  if (isListType(type)) return readList(type.ofType, input, path, variables);
  if (isInputObjectType(type)) return readObject(type, input, path, variables);
  if (isEnumType(type)) return readEnum(type, input, path);
  return readScalar(type.name, input, path, variables);
}

/** A single value stands for a list of one. */
function readList(type: GraphQLInputType, input: Input, path: string, variables: Variables): Json {
  if (isNull(input)) throw validationFailed(path, "expected a list, but found null");
  const items = listItems(input);
  if (!items) return [read(type, input, path, variables)];
  return items.map((item, index) => {
    const where = `${path}[${index}]`;
    const value = peel(type, item, where, variables);
    if (value === undefined || isNull(value))
      throw validationFailed(where, `unexpected null value for type '${bareName(type)}'`);
    return read(type, value, where, variables);
  });
}

function listItems(input: Input): Input[] | undefined {
  if ("ast" in input)
    return input.ast.kind === Kind.LIST ? input.ast.values.map((ast) => ({ ast })) : undefined;
  return isArray(input.json) ? input.json.map((json) => ({ json })) : undefined;
}

function bareName(type: GraphQLInputType): string {
  return String(isNonNullType(type) ? type.ofType : type);
}

function readObject(
  type: GraphQLInputObjectType,
  input: Input,
  path: string,
  variables: Variables,
): JsonObject {
  const given = objectMembers(input);
  if (!given) throw mismatch(type.name, "an object", input, path);
  const fields = type.getFields();
  for (const [name] of given)
    if (!Object.hasOwn(fields, name))
      throw validationFailed(
        keyPath(path, name),
        `field '${name}' not found in type: '${type.name}'`,
      );
  const members = given.flatMap(([name, member]): [string, Json][] => {
    const field = fields[name];
    if (!field) return [];
    const isOrder = isEnumType(field.type) && isNull(member);
    const value = isOrder ? undefined : readInput(field.type, member, name, path, variables);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(members);
}

function objectMembers(input: Input): [string, Input][] | undefined {
  if ("ast" in input) {
    if (input.ast.kind !== Kind.OBJECT) return undefined;
    return input.ast.fields.map((field) => [field.name.value, { ast: field.value }]);
  }
  if (!isObject(input.json)) return undefined;
  return Object.entries(input.json).map(([name, json]) => [name, { json: json ?? null }]);
}

function readEnum(type: GraphQLEnumType, input: Input, path: string): Json {
  const name =
    "ast" in input
      ? input.ast.kind === Kind.ENUM
        ? input.ast.value
        : undefined
      : typeof input.json === "string"
        ? input.json
        : undefined;
  if (name === undefined) throw mismatch(type.name, "an enum value", input, path);
  if (type.getValue(name)) return name;
  const known = type.getValues().map((value) => `'${value.name}'`);
  throw validationFailed(
    path,
    `expected one of the values [${known.join(", ")}] for type '${type.name}', but found '${name}'`,
  );
}

function readScalar(name: string, input: Input, path: string, variables: Variables): Json {
  if (isNull(input)) throw validationFailed(path, `unexpected null value for type '${name}'`);
  const value = plain(input, variables);
  if (name === "Int") return readInt(input, value, path);
  if (name === "String" && typeof value !== "string") throw mismatch(name, "a string", input, path);
  if (name === "Boolean" && typeof value !== "boolean")
    throw mismatch(name, "a boolean", input, path);
  if (name === "Float" && !isNumber(value)) throw mismatch(name, "a float", input, path);
  return value;
}

function readInt(input: Input, value: Json, path: string): Json {
  const counts = path.endsWith(".args.limit") || path.endsWith(".args.offset");
  const expected = counts ? "a non-negative 32-bit integer" : "a 32-bit integer";
  const number = toNumber(value);
  const isFloatLiteral = "ast" in input && input.ast.kind === Kind.FLOAT;
  if (number === undefined || isFloatLiteral || (counts && number < 0))
    throw mismatch("Int", expected, input, path);
  if (!Number.isInteger(number) || Math.abs(number) > 2 ** 31 - 1)
    throw new HasuraError(
      "parse-failed",
      `The value ${String(value)} lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?`,
      { path },
    );
  return value;
}

/** The value without its notation; enum values in it become their names. */
function plain(input: Input, variables: Variables): Json {
  if ("json" in input) return input.json;
  const { ast } = input;
  switch (ast.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return new LosslessNumber(ast.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.ENUM:
      return ast.value;
    case Kind.NULL:
      return null;
    case Kind.VARIABLE: {
      const value = variables.get(ast.name.value)?.value;
      return value === undefined ? null : plain(value, variables);
    }
    case Kind.LIST:
      return ast.values.map((item) => plain({ ast: item }, variables));
    case Kind.OBJECT:
      return Object.fromEntries(
        ast.fields.map((field) => [field.name.value, plain({ ast: field.value }, variables)]),
      );
  }
}

function mismatch(name: string, expected: string, input: Input, path: string): HasuraError {
  return validationFailed(
    path,
    `expected ${expected} for type '${name}', but found ${described(input)}`,
  );
}

const NODES: Partial<Record<ValueNode["kind"], string>> = {
  [Kind.INT]: "an integer",
  [Kind.FLOAT]: "a float",
  [Kind.STRING]: "a string",
  [Kind.BOOLEAN]: "a boolean",
  [Kind.NULL]: "null",
  [Kind.ENUM]: "an enum value",
  [Kind.LIST]: "a list",
  [Kind.OBJECT]: "an object",
};

function described(input: Input): string {
  if ("ast" in input) return NODES[input.ast.kind] ?? "a variable";
  const { json } = input;
  if (json === null) return "null";
  if (isNumber(json)) return "a number";
  if (typeof json === "boolean") return "a boolean";
  if (typeof json === "string") return "a string";
  return isArray(json) ? "a list" : "an object";
}
