/**
 * What a GraphQL request asks of Hasura, told from its text alone: the root fields that decide which role is needed.
 * Nobody has checked the text before; whatever is not plainly a query is refused.
 */
import {
  type Asked,
  askedBy,
  REQUEST_LIMITS,
  type ReadDocument,
  type RequestRefusal,
  RequestRefused,
  readDocument,
} from "./graphql-document.ts";

export type AskedResult =
  | { readonly ok: true; readonly asked: Asked }
  | { readonly ok: false; readonly reason: RequestRefusal };

/** Reads a document, or gives one it has read before; `readDocument` says how. */
export type DocumentReader = (
  query: string,
  operationName: string | null,
  tokens: number,
) => ReadDocument;

/** A websocket, a REST endpoint, a persisted query: the request does not say what it asks for. */
const EVERYTHING: Asked = { fields: new Set(), everything: true };

interface Item {
  readonly query: string;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * The root fields asked for by what Hasura's POST hook sends as `request`: `{query, operationName?, variables?}`, an
 * array of those (a batch runs under one role, so its items are united), or nothing.
 */
export function askedRootFields(
  request: unknown,
  read: DocumentReader = readDocument,
): AskedResult {
  try {
    return { ok: true, asked: readRequest(request, read) };
  } catch (error) {
    if (error instanceof RequestRefused) return { ok: false, reason: error.reason };
    throw error;
  }
}

function readRequest(request: unknown, read: DocumentReader): Asked {
  if (request === null || request === undefined) return EVERYTHING;
  if (!Array.isArray(request)) {
    const item = readItem(request);
    return item === null ? EVERYTHING : askedByItem(item, read, { ...REQUEST_LIMITS });
  }
  if (request.length > REQUEST_LIMITS.batch) throw new RequestRefused("REQUEST_TOO_LARGE");
  const items = request.map(readItem);
  const left = { ...REQUEST_LIMITS };
  const fields = new Set<string>();
  let everything = false;
  for (const item of items) {
    const asked = item === null ? EVERYTHING : askedByItem(item, read, left);
    for (const field of asked.fields) fields.add(field);
    everything ||= asked.everything;
  }
  return { fields, everything };
}

/** @param left of the limits of the whole request; what the item uses is taken off */
function askedByItem(
  { query, operationName, variables }: Item,
  read: DocumentReader,
  left: { text: number; tokens: number },
): Asked {
  left.text -= query.length;
  if (left.text < 0) throw new RequestRefused("REQUEST_TOO_LARGE");
  const document = read(query, operationName, left.tokens);
  left.tokens -= document.tokens;
  if (left.tokens < 0) throw new RequestRefused("REQUEST_TOO_LARGE");
  return askedBy(document, variables);
}

/** One item of the request; `null` when it carries no text to read. */
function readItem(value: unknown): Item | null {
  if (!isRecord(value)) throw new RequestRefused("REQUEST_MALFORMED");
  const { query, operationName = null, variables } = value;
  if (operationName !== null && typeof operationName !== "string")
    throw new RequestRefused("REQUEST_MALFORMED");
  if (query === undefined || query === null) return null;
  if (typeof query !== "string") throw new RequestRefused("REQUEST_MALFORMED");
  return { query, operationName, variables: isRecord(variables) ? variables : {} };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
