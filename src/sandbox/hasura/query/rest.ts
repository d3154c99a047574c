/** Requests below `/api/rest/`: the endpoint that is meant, its variables, and the stored query's data. */
import { Kind, type OperationDefinitionNode, parse, type TypeNode } from "graphql";
import type { UserInfo } from "../auth.ts";
import { HasuraError } from "../errors.ts";
import { isNumber, isObject, type Json, type JsonObject, parseJson } from "../json.ts";
import type { Endpoint, SchemaCache } from "../schema-cache.ts";
import { runOnce } from "./endpoint.ts";

export interface RestRequest {
  readonly method: string;
  /** What follows `/api/rest/`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** The data alone, without the envelope of GraphQL. @throws HasuraError with its HTTP status */
export async function answerRest(
  request: RestRequest,
  user: UserInfo,
  cache: SchemaCache,
): Promise<Json> {
  if (!METHODS.has(request.method))
    throw new HasuraError("bad-request", `Method ${request.method} not supported.`, { path: "$" });
  const segments = request.path.split("/");
  const endpoint = matching(segments, request.method, cache.endpoints);
  const variables = readVariables(endpoint, segments, request);
  const graphql = { query: endpoint.query, operationName: undefined, variables, json: {} };
  return await runOnce(graphql, user, { cache });
}

function matching(
  path: readonly string[],
  method: string,
  endpoints: readonly Endpoint[],
): Endpoint {
  const here = endpoints.filter(
    ({ segments }) =>
      segments.length === path.length &&
      segments.every((segment, i) => segment.startsWith(":") || segment === path[i]),
  );
  const meant = here.filter(({ methods }) => methods.includes(method));
  const [endpoint] = meant;
  if (meant.length > 1)
    throw new HasuraError("unexpected", "Multiple endpoints match request", {
      status: 500,
      path: "$",
    });
  if (endpoint) return endpoint;
  if (here.length === 0)
    throw new HasuraError("not-found", "Endpoint not found", { status: 404, path: "$" });
  const allowed = [...new Set(here.flatMap(({ methods }) => methods))].toSorted();
  throw new HasuraError("method-not-allowed", `Allowed methods: ${allowed.join(", ")}`, {
    status: 405,
    path: "$",
  });
}

/** The body's members are JSON; the path's and the query's are text that the variable's type gives a meaning. */
function readVariables(
  endpoint: Endpoint,
  path: readonly string[],
  { query, body }: RestRequest,
): JsonObject {
  const types = variableTypes(endpoint.query);
  const variables: Record<string, Json> = {};
  const expected = (name: string): TypeNode => {
    const type = types.get(name);
    if (type) return type;
    throw new HasuraError("bad-request", `Unexpected variable ${name}`, { path: "$" });
  };
  for (const [name, value] of Object.entries(bodyObject(body))) {
    expected(name);
    variables[name] = value ?? null;
  }
  const texts = [
    ...query,
    ...endpoint.segments.flatMap((segment, i): [string, string][] =>
      segment.startsWith(":") ? [[segment.slice(1), decoded(path[i] ?? "")]] : [],
    ),
  ];
  for (const [name, text] of texts) {
    const value = fromText(name, text, expected(name));
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}

function bodyObject(body: string): JsonObject {
  try {
    const value = parseJson(body);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function variableTypes(query: string): Map<string, TypeNode> {
  const operation = parse(query, { noLocation: true }).definitions.find(
    (node): node is OperationDefinitionNode => node.kind === Kind.OPERATION_DEFINITION,
  );
  const definitions = operation?.variableDefinitions ?? [];
  return new Map(definitions.map(({ variable, type }) => [variable.name.value, type]));
}

const BOOLEANS: ReadonlySet<string> = new Set(["Boolean", "Bool"]);
const NUMBERS: ReadonlySet<string> = new Set([
  "Int",
  "Float",
  "Number",
  "Double",
  "float8",
  "numeric",
]);

/** @returns `undefined` for the empty text where null will do */
function fromText(name: string, text: string, type: TypeNode): Json | undefined {
  const bare = type.kind === Kind.NON_NULL_TYPE ? type.type : type;
  if (bare.kind === Kind.LIST_TYPE)
    throw new HasuraError(
      "bad-request",
      `List variables are not currently supported in URL or Query parameters. (Variable ${name}, with value ${JSON.stringify(text)})`,
      { path: "$" },
    );
  const typeName = bare.name.value;
  if (text === "" && typeName === "Boolean") return true;
  if (text === "" && type.kind !== Kind.NON_NULL_TYPE) return undefined;
  const value = jsonOf(text);
  if (typeof value === "boolean" && BOOLEANS.has(typeName)) return value;
  return isNumber(value) && NUMBERS.has(typeName) ? value : text;
}

function jsonOf(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
