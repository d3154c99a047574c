/** REST endpoints: stored queries of a collection under paths of their own, checked when the schema is built. */
import { Kind, OperationTypeNode, parse } from "graphql";
import { ambiguousEndpoints, type Inconsistency, inconsistentEndpoint } from "./inconsistency.ts";
import { isArray, isObject, type JsonObject } from "./json.ts";
import type { Metadata } from "./metadata.ts";
import { roleSchema } from "./query/role-schema.ts";
import type { Endpoint, SchemaCache } from "./schema-cache.ts";

const ADMIN = "admin";

/** The named lists of the metadata's top level that are kept as they came. */
export function listOf(metadata: Metadata, key: string): readonly JsonObject[] {
  const list = metadata.others[key];
  return isArray(list) ? list.filter(isObject) : [];
}

export function withList(metadata: Metadata, key: string, list: readonly JsonObject[]): Metadata {
  const { [key]: _, ...rest } = metadata.others;
  return { ...metadata, others: list.length > 0 ? { ...rest, [key]: list } : rest };
}

export function queriesOf(collection: JsonObject): readonly JsonObject[] {
  const { definition } = collection;
  return isObject(definition) && isArray(definition.queries)
    ? definition.queries.filter(isObject)
    : [];
}

/** @param cache everything else, already built */
export function buildEndpoints(
  metadata: Metadata,
  cache: SchemaCache,
): Pick<SchemaCache, "endpoints" | "inconsistencies"> {
  const endpoints: (Endpoint & { readonly json: JsonObject })[] = [];
  const inconsistencies: Inconsistency[] = [];
  for (const json of listOf(metadata, "rest_endpoints"))
    try {
      endpoints.push({ ...buildEndpoint(json, metadata, cache), json });
    } catch (error) {
      if (!(error instanceof EndpointFault)) throw error;
      inconsistencies.push(inconsistentEndpoint(json, error.message, error.stage));
    }
  for (const group of ambiguous(endpoints)) {
    const conflicts = group.map(({ json, query }) => ({ ...json, definition: { query } }));
    inconsistencies.push(ambiguousEndpoints(conflicts));
  }
  return { endpoints, inconsistencies };
}

/** The stored query does not fit; the message is Hasura's cause. */
class EndpointFault extends Error {
  /** Whether the query could not be found or read, or asks for what is not there. */
  readonly stage: "endpoint" | "rest_endpoint";

  constructor(stage: EndpointFault["stage"], cause: string) {
    super(cause);
    this.stage = stage;
  }
}

function buildEndpoint(json: JsonObject, metadata: Metadata, cache: SchemaCache): Endpoint {
  const name = String(json.name ?? "");
  const query = storedQuery(json, name, metadata);
  const fields = rootFieldsOf(query.text, query.name, name);
  const schema = roleSchema(cache, ADMIN);
  const missing = fields.find((field) => !field.startsWith("__") && !schema.field("query", field));
  if (missing !== undefined)
    throw new EndpointFault(
      "rest_endpoint",
      `${name} ("Couldn't find field ${missing} in root field query_root")`,
    );
  return {
    name,
    segments: String(json.url ?? "").split("/"),
    methods: isArray(json.methods) ? json.methods.map(String) : [],
    query: query.text,
  };
}

function storedQuery(
  json: JsonObject,
  endpoint: string,
  metadata: Metadata,
): { name: string; text: string } {
  const definition = isObject(json.definition) ? json.definition : {};
  const reference = isObject(definition.query) ? definition.query : {};
  const collectionName = String(reference.collection_name ?? "");
  const name = String(reference.query_name ?? "");
  const collection = listOf(metadata, "query_collections").find(
    (each) => each.name === collectionName,
  );
  if (!collection) throw unread(endpoint, `collection with name ${collectionName} does not exist`);
  const found = queriesOf(collection).find((each) => each.name === name);
  if (!found)
    throw unread(
      endpoint,
      `query with name ${name} does not exist in collection ${collectionName}`,
    );
  return { name, text: String(found.query ?? "") };
}

function unread(endpoint: string, cause: string): EndpointFault {
  return new EndpointFault("endpoint", `in endpoint ${endpoint}: ${cause}`);
}

/** The fields that stand on the root itself; what fragments bring along is looked at when it is asked for. */
function rootFieldsOf(text: string, query: string, endpoint: string): string[] {
  const [definition, ...more] = definitionsOf(text);
  if (!definition) throw unread(endpoint, `query with name ${query} has no definitions.`);
  if (more.length > 0) throw unread(endpoint, `query with name ${query} has multiple definitions.`);
  if (definition.kind !== Kind.OPERATION_DEFINITION) return [];
  if (definition.operation === OperationTypeNode.SUBSCRIPTION)
    throw unread(endpoint, `query with name ${query} is a subscription`);
  if (definition.operation === OperationTypeNode.MUTATION) return [];
  return definition.selectionSet.selections.flatMap((node) =>
    node.kind === Kind.FIELD ? [node.name.value] : [],
  );
}

function definitionsOf(text: string): ReturnType<typeof parse>["definitions"] {
  try {
    return parse(text, { noLocation: true }).definitions;
  } catch {
    return [];
  }
}

/** Endpoints that one request could mean, by groups. */
function ambiguous<T extends Endpoint>(endpoints: readonly T[]): T[][] {
  const groups: T[][] = [];
  for (const endpoint of endpoints) {
    const meeting = groups.filter((group) => group.some((other) => overlap(endpoint, other)));
    for (const group of meeting) groups.splice(groups.indexOf(group), 1);
    groups.push([...meeting.flat(), endpoint]);
  }
  const byUrl = (a: T, b: T): number => (a.segments.join("/") < b.segments.join("/") ? -1 : 1);
  return groups.filter(({ length }) => length > 1).map((group) => group.toSorted(byUrl));
}

function overlap(left: Endpoint, right: Endpoint): boolean {
  const sameMethod = left.methods.some((method) => right.methods.includes(method));
  if (!sameMethod || left.segments.length !== right.segments.length) return false;
  return left.segments.every((segment, i) => {
    const other = right.segments[i] ?? "";
    return segment === other || segment.startsWith(":") || other.startsWith(":");
  });
}
