/** A bare `node:http` server that reads JSON and answers with it: what any JSON service on Node pays for a request. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { servePart } from "./part.ts";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
});
server.listen(0, "127.0.0.1", () => {
  servePart(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
