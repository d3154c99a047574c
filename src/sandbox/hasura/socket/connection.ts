/** One websocket: who it is for is settled once, at its start, and holds for all that it asks. */
import type { WebSocket } from "ws";
import type { UserInfo } from "../auth.ts";
import { graphqlError, HasuraError, toHasuraError } from "../errors.ts";
import type { Headers } from "../headers.ts";
import { type JsonObject, writeJson } from "../json.ts";
import { prepare } from "../query/prepare.ts";
import type { GraphqlRequest } from "../query/request.ts";
import type { SchemaCache } from "../schema-cache.ts";
import type { HasuraSettings } from "../settings.ts";
import { type LiveQuery, startLiveQuery } from "./live-query.ts";
import {
  type ClientMessage,
  type Dialect,
  dialectOf,
  readClientMessage,
  reason,
  type SubProtocol,
} from "./protocol.ts";

export interface ConnectionOptions {
  readonly settings: HasuraSettings;
  current(): SchemaCache;
  /** Called with no GraphQL request to show. @throws HasuraError */
  authenticate(headers: Headers): Promise<UserInfo>;
  onFault(error: unknown): void;
}

interface Connection {
  readonly socket: WebSocket;
  readonly protocol: SubProtocol;
  readonly dialect: Dialect;
  readonly options: ConnectionOptions;
  readonly handshake: Headers;
  readonly running: Map<string, LiveQuery>;
  readonly timers: NodeJS.Timeout[];
  state:
    | { readonly is: "new" }
    | { readonly is: "refused"; readonly cause: string }
    | { readonly is: "ready"; readonly user: UserInfo };
}

/** @param handshake the headers with which the client opened the websocket */
export function serveConnection(
  socket: WebSocket,
  protocol: SubProtocol,
  handshake: Headers,
  options: ConnectionOptions,
): void {
  const connection: Connection = {
    socket,
    protocol,
    dialect: dialectOf(protocol),
    options,
    handshake: handshake.filter(([name]) => !OF_THE_UPGRADE.has(name.toLowerCase())),
    running: new Map(),
    timers: [],
    state: { is: "new" },
  };
  startTimers(connection);
  // One message after the other: what a message starts is known to the next one.
  let last = Promise.resolve();
  socket.on("message", (data) => {
    const text = String(data);
    last = last.then(() => receive(connection, text)).catch(options.onFault);
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const timer of connection.timers) clearTimeout(timer);
    for (const live of connection.running.values()) live.stop();
    connection.running.clear();
  });
}

const OF_THE_UPGRADE: ReadonlySet<string> = new Set([
  "sec-websocket-key",
  "sec-websocket-version",
  "upgrade",
  "connection",
]);

function startTimers(connection: Connection): void {
  const { socket, protocol, dialect, options, timers } = connection;
  const { initTimeoutMs, keepAliveMs } = options.settings;
  send(connection, dialect.keepAlive);
  if (keepAliveMs > 0)
    timers.push(setInterval(() => send(connection, dialect.keepAlive), keepAliveMs).unref());
  if (protocol === "graphql-transport-ws")
    timers.push(
      setTimeout(() => {
        if (connection.state.is === "new")
          socket.close(4408, "Connection initialisation timed out");
      }, initTimeoutMs).unref(),
    );
}

function send({ socket }: Connection, message: JsonObject): void {
  if (socket.readyState === socket.OPEN) socket.send(writeJson(message));
}

async function receive(connection: Connection, text: string): Promise<void> {
  let message: ClientMessage;
  try {
    message = readClientMessage(text);
  } catch (error) {
    misunderstood(connection, toHasuraError(error).message);
    return;
  }
  switch (message.type) {
    case "init":
      await initialise(connection, message.headers);
      return;
    case "start":
      await start(connection, message.id, message.request);
      return;
    case "stop":
      connection.running.get(message.id)?.stop();
      connection.running.delete(message.id);
      return;
    case "ping": {
      const { payload } = message;
      send(connection, { type: "pong", ...(payload === undefined ? {} : { payload }) });
      return;
    }
    case "terminate":
      connection.socket.close(1000, "GQL_CONNECTION_TERMINATE received");
  }
}

function misunderstood(connection: Connection, cause: string): void {
  if (connection.protocol === "graphql-ws")
    send(connection, { type: "connection_error", payload: cause });
  else connection.socket.close(4400, reason(`4400: Parsing client message failed: ${cause}`));
}

/** What the client sends goes before what it opened the websocket with. */
async function initialise(connection: Connection, given: Headers): Promise<void> {
  const { state, handshake, options } = connection;
  try {
    if (state.is === "refused") throw new HasuraError("access-denied", state.cause);
    const headers = state.is === "new" ? [...given, ...handshake] : given;
    const user = await options.authenticate(headers);
    connection.state = { is: "ready", user };
    send(connection, { type: "connection_ack" });
    send(connection, connection.dialect.keepAlive);
    endAt(connection, user.expiresAt);
  } catch (error) {
    if (!(error instanceof HasuraError)) options.onFault(error);
    refuse(connection, toHasuraError(error).message);
  }
}

function refuse(connection: Connection, cause: string): void {
  connection.state = { is: "refused", cause };
  if (connection.protocol === "graphql-transport-ws") {
    connection.socket.close(4403, reason("4403: Forbidden"));
    return;
  }
  send(connection, { type: "connection_error", payload: cause });
  connection.socket.close(4400, reason(`4400: Connection initialization failed: ${cause}`));
}

/** The longest that a timer can wait; a socket does not live to see it. */
const LONGEST_MS = 2 ** 31 - 1;

/** Hasura just stops serving the connection: there is no closing handshake. */
function endAt({ socket, timers }: Connection, expiresAt: number | undefined): void {
  if (expiresAt === undefined) return;
  const left = Math.max(0, expiresAt - Date.now());
  if (left <= LONGEST_MS) timers.push(setTimeout(() => socket.terminate(), left).unref());
}

async function start(connection: Connection, id: string, request: GraphqlRequest): Promise<void> {
  const { state, running, dialect, options } = connection;
  if (running.has(id))
    return notStarted(connection, id, `an operation already exists with this id: ${id}`);
  if (state.is === "refused")
    return notStarted(
      connection,
      id,
      `cannot start as connection_init failed with: ${state.cause}`,
    );
  if (state.is === "new")
    return notStarted(connection, id, "start received before the connection is initialised");
  const failed = (error: unknown): HasuraError => {
    if (!(error instanceof HasuraError)) options.onFault(error);
    return toHasuraError(error);
  };
  try {
    const prepared = prepare(request, state.user, options.current());
    if (prepared.isSubscription) {
      const live = startLiveQuery(prepared.run, options.settings.refetchIntervalMs, {
        data: (data) => send(connection, dialect.data(id, data)),
        failure: (error) => send(connection, dialect.failure(id, failed(error))),
      });
      running.set(id, live);
      return;
    }
    const answer = await prepared.run().then(
      (data) => dialect.data(id, data),
      (error: unknown) => dialect.failure(id, failed(error)),
    );
    send(connection, answer);
  } catch (error) {
    send(connection, dialect.refusal(id, failed(error)));
  }
  send(connection, { type: "complete", id });
}

/** The newer protocol gives such a client up. */
function notStarted(connection: Connection, id: string, cause: string): void {
  if (connection.protocol === "graphql-transport-ws") {
    send(connection, { type: "error", id, payload: cause });
    connection.socket.close(1000, reason(`4400: ${cause}`));
    return;
  }
  const error = new HasuraError("start-failed", cause, { path: "$" });
  send(connection, { type: "error", id, payload: graphqlError(error, false) });
  send(connection, { type: "complete", id });
}
