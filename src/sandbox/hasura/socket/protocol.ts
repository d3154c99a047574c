/** What goes over a websocket: the current protocol of GraphQL over websockets, and the older one that Hasura keeps. */
import { type At, at, keyPath, member, objectAt, required, textAt } from "../decode.ts";
import { graphqlError, HasuraError } from "../errors.ts";
import type { Headers } from "../headers.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../json.ts";
import { type GraphqlRequest, readRequest } from "../query/request.ts";

/** The names that clients ask for; the older library is called like the newer package. */
export type SubProtocol = "graphql-transport-ws" | "graphql-ws";

/** @param asked the header Sec-WebSocket-Protocol, taken as a whole */
export function subProtocolOf(asked: string | undefined): SubProtocol {
  return asked === "graphql-transport-ws" ? asked : "graphql-ws";
}

export type ClientMessage =
  | { readonly type: "init"; readonly headers: Headers }
  | { readonly type: "start"; readonly id: string; readonly request: GraphqlRequest }
  | { readonly type: "stop"; readonly id: string }
  | { readonly type: "ping"; readonly payload: Json | undefined }
  | { readonly type: "pong" }
  | { readonly type: "terminate" };

/** Both protocols' types are understood on either. @throws HasuraError parse-failed, with the text for the client */
export function readClientMessage(text: string): ClientMessage {
  try {
    return readMessage(at(parseJson(text), "$"));
  } catch (error) {
    const { path, message } =
      error instanceof HasuraError ? error : { path: "$", message: "not valid JSON" };
    throw new HasuraError(
      "parse-failed",
      `parsing ClientMessage failed: Error in ${path}: ${message}`,
      { path: "$" },
    );
  }
}

function readMessage(where: At): ClientMessage {
  const object = objectAt(where, "ClientMessage");
  const type = textAt(required(object, "$", "type"), "String");
  switch (type) {
    case "connection_init":
      return { type: "init", headers: readHeaders(member(object, "$", "payload")) };
    case "start":
    case "subscribe": {
      const request = readRequest(required(object, "$", "payload"));
      return { type: "start", id: textAt(required(object, "$", "id")), request };
    }
    case "stop":
    case "complete":
      return { type: "stop", id: textAt(required(object, "$", "id")) };
    case "ping":
      return { type: "ping", payload: object.payload };
    case "pong":
      return { type: "pong" };
    case "connection_terminate":
      return { type: "terminate" };
    default:
      throw new HasuraError("parse-failed", `unexpected type for ClientMessage: ${type}`, {
        path: "$",
      });
  }
}

/** Only what stands under `headers` counts; other members of the payload mean nothing to Hasura. */
function readHeaders({ value, path }: At): Headers {
  if (!isObject(value) || !isObject(value.headers)) return [];
  const place = keyPath(path, "headers");
  return Object.entries(value.headers).map(([name, each]) => [
    name,
    textAt(at(each, keyPath(place, name))),
  ]);
}

/** How a connection speaks to its client. */
export interface Dialect {
  readonly keepAlive: JsonObject;
  data(id: string, data: JsonObject): JsonObject;
  /** A request that was refused before anything ran. */
  refusal(id: string, error: HasuraError): JsonObject;
  /** A request that failed while it ran. */
  failure(id: string, error: HasuraError): JsonObject;
}

export function dialectOf(protocol: SubProtocol): Dialect {
  const list = (error: HasuraError): Json => [graphqlError(error, false)];
  if (protocol === "graphql-transport-ws")
    return {
      keepAlive: { type: "ping", payload: { message: "keepalive" } },
      data: (id, data) => ({ type: "next", id, payload: { data } }),
      refusal: (id, error) => ({ type: "error", id, payload: list(error) }),
      failure: (id, error) => ({ type: "error", id, payload: list(error) }),
    };
  return {
    keepAlive: { type: "ka" },
    data: (id, data) => ({ type: "data", id, payload: { data } }),
    refusal: (id, error) => ({ type: "error", id, payload: { errors: list(error) } }),
    failure: (id, error) => ({ type: "data", id, payload: { errors: list(error) } }),
  };
}

/** The longest reason that a close frame can carry, in bytes. */
const MAX_REASON = 123;

/** A close frame's reason, as Hasura writes those of its own. */
export function reason(message: string): string {
  return shortened(JSON.stringify({ server_error_msg: message }));
}

function shortened(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MAX_REASON
    ? text
    : bytes
        .subarray(0, MAX_REASON - 3)
        .toString("utf8")
        .replace(/\uFFFD$/, "");
}
