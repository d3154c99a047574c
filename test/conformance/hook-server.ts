/** The authentication hook that a Hasura under test asks: it answers as a case says and keeps what it was sent. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { HookStep } from "./case.ts";

export interface HookServer {
  readonly url: string;
  /** What it answers from now on; counts calls anew. */
  set(answer: Pick<HookStep, "status" | "body">): void;
  /** What it was last sent: in POST mode the body, parsed; in GET mode `{headers}`. */
  last(): unknown;
  calls(): number;
  stop(): Promise<void>;
}

/** @param port 0 picks one */
export async function startHookServer(host = "127.0.0.1", port = 0): Promise<HookServer> {
  let answer: Pick<HookStep, "status" | "body"> = { status: 401, body: "" };
  let last: unknown;
  let calls = 0;
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      calls += 1;
      last = text === "" ? { headers: request.headers } : JSON.parse(text);
      response.writeHead(answer.status, {
        "Content-Type": "application/json",
        "Set-Cookie": "hook=1",
      });
      response.end(answer.body);
    });
  });
  await new Promise<void>((done) => server.listen(port, host, done));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/`,
    set: (next) => {
      answer = next;
      calls = 0;
    },
    last: () => last,
    calls: () => calls,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
