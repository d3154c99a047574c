/** From a request's body to the one operation that it asks for. */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  visit,
} from "graphql";
import { type At, isAbsent, member, objectAt, required, textAt } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { type Input, type Variable, type Variables, validationFailed } from "./values.ts";

export interface GraphqlRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: JsonObject;
  /** As a hook sees it: members that were not sent are absent. */
  readonly json: JsonObject;
}

/** @throws HasuraError parse-failed */
export function readRequest(where: At): GraphqlRequest {
  const object = objectAt(where, "GQLReq");
  const query = textAt(required(object, where.path, "query"));
  const operation = member(object, where.path, "operationName");
  const variables = member(object, where.path, "variables");
  const operationName = isAbsent(operation) ? undefined : textAt(operation);
  const given = isAbsent(variables) ? undefined : objectAt(variables, "HashMap");
  return {
    query,
    operationName,
    variables: given ?? {},
    json: {
      query,
      ...(operationName === undefined ? {} : { operationName }),
      ...(given === undefined ? {} : { variables: given }),
    },
  };
}

export interface Operation {
  readonly document: DocumentNode;
  readonly definition: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Variables;
  readonly json: JsonObject;
}

/** @throws HasuraError validation-failed */
export function readOperation(request: GraphqlRequest): Operation {
  const document = parseQuery(request.query);
  const definition = chosen(document, request.operationName);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions)
    if (node.kind === Kind.FRAGMENT_DEFINITION) {
      if (fragments.has(node.name.value))
        throw new HasuraError(
          "parse-failed",
          `multiple definitions for fragment ${JSON.stringify(node.name.value)}`,
          { path: "$" },
        );
      fragments.set(node.name.value, node);
    }
  const variables = readVariables(definition, request.variables);
  refuseUnexpected(definition, fragments, request.variables);
  return { document, definition, fragments, variables, json: request.variables };
}

/** Texts much longer than any client's own are refused by graphql-js itself, before they cost anything. */
const MAX_TOKENS = 100_000;

function parseQuery(query: string): DocumentNode {
  try {
    return parse(query, { noLocation: true, maxTokens: MAX_TOKENS });
  } catch (error) {
    if (error instanceof GraphQLError || error instanceof RangeError)
      throw validationFailed("$.query", "not a valid graphql query");
    throw error;
  }
}

function chosen(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  if (name === undefined) {
    const [only] = operations;
    if (operations.length === 1 && only) return only;
    throw validationFailed(
      "$",
      "exactly one operation has to be present in the document when operationName is not specified",
    );
  }
  const found = operations.find((operation) => operation.name?.value === name);
  if (found) return found;
  throw validationFailed("$", `no such operation found in the document: ${JSON.stringify(name)}`);
}

function readVariables(definition: OperationDefinitionNode, given: JsonObject): Variables {
  const variables = new Map<string, Variable>();
  for (const { variable, type, defaultValue } of definition.variableDefinitions ?? []) {
    const name = variable.name.value;
    if (variables.has(name))
      throw new HasuraError(
        "parse-failed",
        `multiple definitions for variable ${JSON.stringify(name)}`,
        { path: "$" },
      );
    const json: Json | undefined = given[name];
    const isRequired = type.kind === Kind.NON_NULL_TYPE;
    if (isRequired && json === undefined && defaultValue === undefined)
      throw validationFailed(
        "$",
        `expecting a value for non-nullable variable: ${JSON.stringify(name)}`,
      );
    if (isRequired && json === null)
      throw validationFailed(
        "$",
        `null value found for non-nullable variable: ${JSON.stringify(name)}`,
      );
    const value: Input | undefined =
      json !== undefined ? { json } : defaultValue && { ast: defaultValue };
    const hasDefault = defaultValue !== undefined && defaultValue.kind !== Kind.NULL;
    variables.set(name, { name, type, value, hasDefault });
  }
  return variables;
}

/** A value that no used variable takes is a mistake of the sender's. */
function refuseUnexpected(
  definition: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  given: JsonObject,
): void {
  if (!isObject(given) || Object.keys(given).length === 0) return;
  const used = new Set<string>();
  const seen = new Set<string>();
  const look = (node: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(node, {
      VariableDefinition: () => false,
      Variable: ({ name }) => {
        used.add(name.value);
      },
      FragmentSpread: ({ name }) => {
        const fragment = fragments.get(name.value);
        if (!fragment || seen.has(name.value)) return;
        seen.add(name.value);
        look(fragment);
      },
    });
  };
  look(definition);
  const unexpected = Object.keys(given).filter((name) => !used.has(name));
  if (unexpected.length > 0)
    throw validationFailed("$", `unexpected variables in variableValues: ${unexpected.join(", ")}`);
}
