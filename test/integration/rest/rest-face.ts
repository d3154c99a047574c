/** The REST face on a listener of its own, over a real control plane. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { createLogger } from "../../../src/observability/logger.ts";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { unknownRoute } from "../../../src/rest/problem.ts";
import { createRestRouter, type RestDeps } from "../../../src/rest/witboost.ts";

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: Headers;
  /** The body as JSON; undefined when it is none. */
  readonly json: Record<string, unknown> | undefined;
}

export interface RestFace {
  readonly url: string;
  /** Sends a body: text as it is, anything else as JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  stop(): Promise<void>;
}

export async function startRestFace(
  operations: OperationsContext,
  options: Partial<Omit<RestDeps, "operations">> = {},
): Promise<RestFace> {
  const web = express();
  web.use(
    createRestRouter({
      operations,
      basePath: "",
      operationWaitMs: 10_000,
      witboostToken: null,
      log: createLogger({ level: "silent" }),
      ...options,
    }),
  );
  web.use(unknownRoute);
  const server = createServer(web);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    post: (path, body, headers) =>
      reply(
        fetch(`${url}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
      ),
    get: (path, headers) => reply(fetch(`${url}${path}`, { headers: headers ?? {} })),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export async function reply(answered: Promise<Response>): Promise<Reply> {
  const response = await answered;
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const json = text !== "" && type.startsWith("application/json") ? JSON.parse(text) : undefined;
  return { status: response.status, type, text, headers: response.headers, json };
}
