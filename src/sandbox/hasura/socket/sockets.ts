/** The websockets of one Hasura: opened on its GraphQL paths, closed together when the metadata change. */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { requestUrl } from "../../http.ts";
import { graphqlEnvelope, HasuraError } from "../errors.ts";
import { headersOf } from "../headers.ts";
import { writeJson } from "../json.ts";
import { type ConnectionOptions, serveConnection } from "./connection.ts";
import { subProtocolOf } from "./protocol.ts";

export interface Sockets {
  /** Opens a websocket, or refuses to on a path that has none. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every client to connect again. */
  closeAll(cause: string): void;
  stop(): Promise<void>;
}

const PATHS: ReadonlySet<string> = new Set(["/v1/graphql", "/v1alpha1/graphql"]);

/** "Service restart". */
const RECONNECT = 1012;

/** How long a client has to answer the closing handshake when all is stopped. */
const FAREWELL_MS = 200;

export function openSockets(options: ConnectionOptions): Sockets {
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (_, request) => subProtocolOf(request.headers["sec-websocket-protocol"]),
  });
  const closeAll = (cause: string): void => {
    for (const socket of server.clients) socket.close(RECONNECT, cause);
  };
  return {
    upgrade: (request, socket, head) => {
      const { pathname } = requestUrl(request);
      if (!PATHS.has(pathname)) return refuse(socket);
      server.handleUpgrade(request, socket, head, (opened) => {
        const protocol = subProtocolOf(request.headers["sec-websocket-protocol"]);
        serveConnection(opened, protocol, headersOf(request), options);
      });
    },
    closeAll,
    stop: async () => {
      closeAll("shutting server down");
      const clients = [...server.clients];
      const timer = setTimeout(() => {
        for (const client of clients) client.terminate();
      }, FAREWELL_MS);
      await Promise.all(clients.map((client) => new Promise((done) => client.once("close", done))));
      clearTimeout(timer);
      server.close();
    },
  };
}

function refuse(socket: Duplex): void {
  const error = new HasuraError(
    "not-found",
    "only '/v1/graphql', '/v1alpha1/graphql' and '/v1beta1/relay' are supported on websockets",
    { status: 404, path: "$" },
  );
  const body = writeJson(graphqlEnvelope(error, false));
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
