/** Query collections and the REST endpoints that stand on them. */
import {
  type At,
  booleanAt,
  isAbsent,
  listAt,
  member,
  nonEmptyTextAt,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "../decode.ts";
import { listOf, queriesOf, withList } from "../endpoints.ts";
import { HasuraError } from "../errors.ts";
import { refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Check, type Command, modifying } from "./command.ts";

const COLLECTIONS = "query_collections";
const ENDPOINTS = "rest_endpoints";

const TAKING_AWAY: Check = (before, after) => refuseNewlyInconsistent(before, after, 500);

function readQuery(where: At): JsonObject {
  const object = objectAt(where, "ListedQuery");
  return {
    name: nonEmptyTextAt(required(object, where.path, "name")),
    query: textAt(required(object, where.path, "query")),
  };
}

function comment(object: JsonObject, path: string): JsonObject {
  const where = member(object, path, "comment");
  return isAbsent(where) ? {} : { comment: textAt(where) };
}

export function readCreateQueryCollection(args: At): Command {
  const object = objectAt(args, "CreateCollection");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  const at = required(object, args.path, "definition");
  const queries = listAt(required(objectAt(at, "CollectionDef"), at.path, "queries"), readQuery);
  const collection = { name, definition: { queries }, ...comment(object, args.path) };
  return modifying(async ({ session, change }) => {
    const known = listOf(session.metadata, COLLECTIONS);
    if (known.some((each) => each.name === name))
      throw new HasuraError(
        "already-exists",
        `query collection with name ${JSON.stringify(name)} already exists`,
        { path: "$.args.name" },
      );
    const names = queries.map((query) => query.name);
    const twice = names.filter((each, i) => names.indexOf(each) !== i);
    if (twice.length > 0)
      throw new HasuraError(
        "not-supported",
        `found duplicate query names ${twice.map((each) => JSON.stringify(each)).join(", ")}`,
        { path: "$.args.definition.queries" },
      );
    await change(withList(session.metadata, COLLECTIONS, [...known, collection]), TAKING_AWAY);
    return undefined;
  });
}

function noCollection(name: string, key: string): HasuraError {
  return new HasuraError(
    "not-exists",
    `query collection with name ${JSON.stringify(name)} does not exist`,
    { path: `$.args.${key}` },
  );
}

export function readDropQueryCollection(args: At): Command {
  const object = objectAt(args, "DropCollection");
  const name = nonEmptyTextAt(required(object, args.path, "collection"));
  const cascade = optional(member(object, args.path, "cascade"), false, booleanAt);
  return modifying(async ({ session, change }) => {
    const known = listOf(session.metadata, COLLECTIONS);
    const kept = known.filter((each) => each.name !== name);
    if (kept.length === known.length) throw noCollection(name, "collection");
    const allowed = listOf(session.metadata, "allowlist");
    const allowing = allowed.filter((each) => each.collection !== name);
    if (allowing.length < allowed.length && !cascade)
      throw new HasuraError(
        "dependency-error",
        `query collection with name ${JSON.stringify(name)} is present in the allowlist; cannot proceed to drop`,
        { path: "$.args.collection" },
      );
    const without = withList(session.metadata, COLLECTIONS, kept);
    await change(withList(without, "allowlist", allowing), TAKING_AWAY);
    return undefined;
  });
}

export function readAddQuery(args: At): Command {
  const object = objectAt(args, "AddQueryToCollection");
  const query = {
    name: nonEmptyTextAt(required(object, args.path, "query_name")),
    query: textAt(required(object, args.path, "query")),
  };
  return changingQueries(object, args, (queries, collection) => {
    if (queries.some((each) => each.name === query.name))
      throw new HasuraError(
        "already-exists",
        `query with name ${JSON.stringify(query.name)} already exists in collection ${JSON.stringify(collection)}`,
      );
    return [...queries, query];
  });
}

export function readDropQuery(args: At): Command {
  const object = objectAt(args, "DropQueryFromCollection");
  const name = nonEmptyTextAt(required(object, args.path, "query_name"));
  return changingQueries(object, args, (queries, collection) => {
    const kept = queries.filter((each) => each.name !== name);
    if (kept.length === queries.length)
      throw new HasuraError(
        "not-found",
        `query with name ${JSON.stringify(name)} not found in collection ${JSON.stringify(collection)}`,
      );
    return kept;
  });
}

function changingQueries(
  object: JsonObject,
  args: At,
  changed: (queries: readonly JsonObject[], collection: string) => readonly JsonObject[],
): Command {
  const name = nonEmptyTextAt(required(object, args.path, "collection_name"));
  return modifying(async ({ session, change }) => {
    const known = listOf(session.metadata, COLLECTIONS);
    const index = known.findIndex((each) => each.name === name);
    const collection = known[index];
    if (!collection) throw noCollection(name, "collection_name");
    const queries = changed(queriesOf(collection), name);
    const next = known.with(index, { ...collection, definition: { queries } });
    await change(withList(session.metadata, COLLECTIONS, next), TAKING_AWAY);
    return undefined;
  });
}

const METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

export function readCreateEndpoint(args: At): Command {
  const object = objectAt(args, "EndpointMetadata");
  const { path } = args;
  const name = nonEmptyTextAt(required(object, path, "name"));
  const url = nonEmptyTextAt(required(object, path, "url"));
  const endpoint: JsonObject = {
    definition: { query: readReference(required(object, path, "definition")) },
    url,
    methods: listAt(required(object, path, "methods"), readMethod),
    name,
    ...comment(object, path),
  };
  return modifying(async ({ session, change }) => {
    const known = listOf(session.metadata, ENDPOINTS);
    if (known.some((each) => each.name === name))
      throw new HasuraError("already-exists", `Endpoint with name: ${name} already exists`);
    refuseUnusable(url);
    await change(withList(session.metadata, ENDPOINTS, [...known, endpoint]), (before, after) =>
      refuseInconsistent([], before, after),
    );
    return undefined;
  });
}

function readReference(where: At): Json {
  const query = required(objectAt(where, "EndpointDef"), where.path, "query");
  const object = objectAt(query, "QueryReference");
  return {
    collection_name: nonEmptyTextAt(required(object, query.path, "collection_name")),
    query_name: nonEmptyTextAt(required(object, query.path, "query_name")),
  };
}

function readMethod(where: At): string {
  const method = textAt(where);
  if (METHODS.has(method)) return method;
  throw parseFailed(
    where.path,
    `Encountered invalid HTTP method: ${method}. Allowed are GET, POST, PUT, DELETE, PATCH.`,
  );
}

function refuseUnusable(url: string): void {
  const segments = url.split("/");
  if (segments.some((segment) => segment === "" || segment === ":"))
    throw new HasuraError(
      "bad-request",
      `Empty segments or unnamed variables are not allowed: ${url}`,
    );
  const variables = segments.filter((segment) => segment.startsWith(":"));
  if (new Set(variables).size < variables.length)
    throw new HasuraError("bad-request", `Duplicate variables found in endpoint paths: ${url}`);
}

export function readDropEndpoint(args: At): Command {
  const object = objectAt(args, "DropEndpoint");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  return modifying(async ({ session, change }) => {
    const known = listOf(session.metadata, ENDPOINTS);
    const kept = known.filter((each) => each.name !== name);
    if (kept.length === known.length)
      throw new HasuraError("not-exists", `endpoint with name: ${name} does not exist`);
    await change(withList(session.metadata, ENDPOINTS, kept), TAKING_AWAY);
    return undefined;
  });
}
