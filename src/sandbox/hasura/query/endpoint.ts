/** POST /v1/graphql: one request or a batch, one identity for all of it, always HTTP 200. */
import { OperationTypeNode } from "graphql";
import type { UserInfo } from "../auth.ts";
import { at, parseBody } from "../decode.ts";
import { graphqlEnvelope, HasuraError, toHasuraError } from "../errors.ts";
import { isArray, isObject, type Json, type JsonObject } from "../json.ts";
import type { SchemaCache } from "../schema-cache.ts";
import { executeSelections } from "./execute.ts";
import { type GraphqlRequest, readOperation, readRequest } from "./request.ts";
import { roleSchema } from "./role-schema.ts";
import { type Selected, selectFields } from "./selection.ts";
import { validationFailed } from "./values.ts";

export interface GraphqlAnswer {
  readonly body: Json;
  readonly user: UserInfo | undefined;
}

/**
 * @param authenticate called once, with the request as an authentication hook may see it
 * @param onFault told of faults of our own, which the answer does not show
 */
export async function answerGraphql(
  text: string,
  cache: SchemaCache,
  authenticate: (graphql: Json) => Promise<UserInfo>,
  onFault: (error: unknown) => void,
): Promise<GraphqlAnswer> {
  const body = attempt(() => readBatch(parseBody(text)));
  let user: UserInfo | undefined;
  try {
    user = await authenticate(body.ok ? forHook(body.value) : null);
    if (!body.ok) throw body.error;
    const asker = user;
    const answer = (request: GraphqlRequest): Promise<JsonObject> =>
      answerOne(request, asker, cache, onFault);
    const { requests, single } = body.value;
    const answers = await Promise.all(requests.map(answer));
    return { body: single ? (answers[0] ?? null) : answers, user };
  } catch (error) {
    return { body: errorBody(error, user, onFault), user };
  }
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

function attempt<T>(make: () => T): Attempt<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    return { ok: false, error };
  }
}

interface Batch {
  readonly requests: readonly GraphqlRequest[];
  readonly single: boolean;
}

function readBatch(body: Json): Batch {
  if (!isArray(body)) return { requests: [readRequest(at(body, "$"))], single: true };
  const requests = body.map((item, index) => readRequest(at(item, `$[${index}]`)));
  return { requests, single: false };
}

function forHook({ requests, single }: Batch): Json {
  const shown = requests.map(({ json }) => json);
  return single ? (shown[0] ?? null) : shown;
}

async function answerOne(
  request: GraphqlRequest,
  user: UserInfo,
  cache: SchemaCache,
  onFault: (error: unknown) => void,
): Promise<JsonObject> {
  try {
    const schema = roleSchema(cache, user.role);
    const operation = readOperation(request);
    refuseOtherThanQueries(operation.definition.operation);
    const selections = selectFields(schema, operation);
    refuseIntrospection(selections, user.role, cache);
    const { session } = user;
    return { data: await executeSelections(selections, { cache, schema, operation, session }) };
  } catch (error) {
    return errorBody(error, user, onFault);
  }
}

function refuseOtherThanQueries(operation: OperationTypeNode): void {
  if (operation === OperationTypeNode.MUTATION) throw validationFailed("$", "no mutations exist");
  if (operation === OperationTypeNode.SUBSCRIPTION)
    throw new HasuraError(
      "unexpected-payload",
      "subscriptions are not supported over HTTP, use websockets instead",
      { path: "$" },
    );
}

/** Metadata may name roles that are not to see their schema; `__typename` is none of that. */
function refuseIntrospection(
  selections: readonly Selected[],
  role: string,
  { metadata }: SchemaCache,
): void {
  const options = metadata.others.graphql_schema_introspection;
  const disabled = isObject(options) ? options.disabled_for_roles : undefined;
  const introspects = selections.some(({ name }) => name === "__schema" || name === "__type");
  if (introspects && isArray(disabled) && disabled.includes(role))
    throw new HasuraError(
      "not-supported",
      `introspection is disabled for role: ${JSON.stringify(role)}`,
      { path: "$" },
    );
}

function errorBody(
  error: unknown,
  user: UserInfo | undefined,
  onFault: (error: unknown) => void,
): JsonObject {
  if (!(error instanceof HasuraError)) onFault(error);
  return graphqlEnvelope(toHasuraError(error), user?.role === "admin");
}
