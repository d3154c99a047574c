/** GraphQL over HTTP: one request or a batch, one identity for all of it. */
import type { UserInfo } from "../auth.ts";
import { at, parseBody } from "../decode.ts";
import { graphqlEnvelope, HasuraError, toHasuraError } from "../errors.ts";
import { isArray, isObject, type Json, type JsonObject } from "../json.ts";
import type { SchemaCache } from "../schema-cache.ts";
import { prepare } from "./prepare.ts";
import { type GraphqlRequest, readRequest } from "./request.ts";

export interface GraphqlAnswer {
  readonly body: Json;
  readonly user: UserInfo | undefined;
  /** What the whole request failed with; `/v1/graphql` answers it with HTTP 200 all the same. */
  readonly error: HasuraError | undefined;
}

export interface GraphqlOptions {
  readonly cache: SchemaCache;
  readonly showsInternal: boolean;
  /** Called once, with the request as an authentication hook may see it. */
  authenticate(graphql: Json): Promise<UserInfo>;
  /** Told of faults of our own, which the answer does not show. */
  onFault(error: unknown): void;
}

export async function answerGraphql(text: string, options: GraphqlOptions): Promise<GraphqlAnswer> {
  const body = attempt(() => readBatch(parseBody(text)));
  return await answering(options, body.ok ? body.value.shown : null, async (user) => {
    if (!body.ok) throw body.error;
    const { requests, single } = body.value;
    if (requests === "persisted") throw persistedQuery();
    if (single) return { data: await runOnce(single, user, options) };
    return await Promise.all(requests.map((request) => answerOne(request, user, options)));
  });
}

/** GET is for persisted queries, which the community edition does not have. */
export async function answerGraphqlGet(options: GraphqlOptions): Promise<GraphqlAnswer> {
  return await answering(options, null, () => Promise.reject(persistedQuery()));
}

function persistedQuery(): HasuraError {
  return new HasuraError("not-supported", "PersistedQueryNotSupported", { path: "$" });
}

async function answering(
  options: GraphqlOptions,
  shown: Json,
  answer: (user: UserInfo) => Promise<Json>,
): Promise<GraphqlAnswer> {
  let user: UserInfo | undefined;
  try {
    user = await options.authenticate(shown);
    return { body: await answer(user), user, error: undefined };
  } catch (error) {
    return { body: errorBody(error, user, options), user, error: toHasuraError(error) };
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
  readonly requests: readonly GraphqlRequest[] | "persisted";
  /** The only one, when the body is no list. */
  readonly single: GraphqlRequest | undefined;
  /** As an authentication hook sees it. */
  readonly shown: Json;
}

function readBatch(body: Json): Batch {
  if (isArray(body)) {
    const requests = body.map((item, index) => readRequest(at(item, `$[${index}]`)));
    return { requests, single: undefined, shown: requests.map(({ json }) => json) };
  }
  if (isObject(body) && isObject(body.extensions) && isObject(body.extensions.persistedQuery)) {
    const shown = body.query === undefined ? null : readRequest(at(body, "$")).json;
    return { requests: "persisted", single: undefined, shown };
  }
  const request = readRequest(at(body, "$"));
  return { requests: [request], single: request, shown: request.json };
}

async function answerOne(
  request: GraphqlRequest,
  user: UserInfo,
  options: GraphqlOptions,
): Promise<JsonObject> {
  try {
    return { data: await runOnce(request, user, options) };
  } catch (error) {
    return errorBody(error, user, options);
  }
}

/** The data of a query. @throws HasuraError */
export async function runOnce(
  request: GraphqlRequest,
  user: UserInfo,
  { cache }: Pick<GraphqlOptions, "cache">,
): Promise<JsonObject> {
  const prepared = prepare(request, user, cache);
  if (prepared.isSubscription)
    throw new HasuraError(
      "unexpected-payload",
      "subscriptions are not supported over HTTP, use websockets instead",
      { path: "$" },
    );
  return await prepared.run();
}

function errorBody(
  error: unknown,
  user: UserInfo | undefined,
  { showsInternal, onFault }: GraphqlOptions,
): JsonObject {
  if (!(error instanceof HasuraError)) onFault(error);
  return graphqlEnvelope(toHasuraError(error), showsInternal && user?.role === "admin");
}
