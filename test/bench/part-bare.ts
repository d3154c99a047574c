/** A bare `node:http` server that reads a body to its end and answers a constant: the least an answer on Node costs. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { servePart } from "./part.ts";

const ANSWER = JSON.stringify({
  "X-Hasura-Role": "role_1234",
  "X-Hasura-User-Id": "user:user1234_example.com",
  "Cache-Control": "max-age=300",
});
const HEADERS = {
  "Content-Type": "application/json",
  "Content-Length": Buffer.byteLength(ANSWER),
  "Cache-Control": "no-store",
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    Buffer.concat(chunks).toString("utf8");
    response.writeHead(200, HEADERS).end(ANSWER);
  });
});
server.listen(0, "127.0.0.1", () => {
  servePart(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
