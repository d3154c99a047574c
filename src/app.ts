/** The service: which faces listen where, and the order in which a request meets them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { type Snapshot, startSnapshot } from "./access/snapshot.ts";
import { createTokenVerifier } from "./access/verify.ts";
import { createWebhook, type Webhook } from "./access/webhook.ts";
import type { Config } from "./config.ts";
import { type Context, createContext } from "./context.ts";
import { createGraphqlHandler } from "./graphql/server.ts";
import { createHealth, type Health } from "./health.ts";
import type { Logger } from "./observability/logger.ts";
import { unknownRoute } from "./rest/problem.ts";
import { createRestRouter } from "./rest/witboost.ts";
import type { Face } from "./settings.ts";
import { startWorker, type Worker } from "./worker.ts";

export interface App {
  /** Base URLs of the faces that run, without a slash at the end. */
  readonly urls: Partial<Record<Exclude<Face, "worker">, string>>;
  /** Stops taking requests, finishes what is at hand, and lets go of everything. Safe to call twice. */
  stop(): Promise<void>;
}

interface Parts {
  readonly context: Context;
  readonly snapshot: Snapshot | undefined;
  readonly worker: Worker | undefined;
  readonly webhook: Webhook | undefined;
}

/**
 * Starts the faces that the configuration names.
 * @param options.graphiql whether /graphql answers a browser with GraphiQL
 */
export async function startApp(
  config: Config,
  log: Logger,
  options: { graphiql?: boolean } = {},
): Promise<App> {
  if (config.sources.credentials === "inline")
    log.warn("SOURCE_CREDENTIALS=inline: credentials are written into Hasura's metadata in clear");
  const context = await createContext(config, log);
  const parts = await startParts(context);
  const health = createHealth({
    webhook: parts.snapshot,
    db: config.faces.has("rest") || config.faces.has("admin") ? context.operations.db : undefined,
  });
  const servers = new Map<number, Server>();
  const urls: App["urls"] = {};
  for (const face of ["rest", "webhook", "admin"] as const) {
    if (!config.faces.has(face)) continue;
    const wanted = config.ports[face];
    // Without an identity provider for admins, their face never leaves this machine.
    const host = face === "admin" && wanted !== config.ports.rest ? "127.0.0.1" : config.host;
    const faces = facesOn(config, wanted);
    const server =
      servers.get(wanted) ??
      (await listen(answer(parts, faces, health, options.graphiql ?? false), host, wanted));
    servers.set(wanted, server);
    urls[face] =
      `http://${host === "::1" ? "[::1]" : host}:${(server.address() as AddressInfo).port}`;
  }
  log.info({ urls, faces: [...config.faces] }, "serving");
  let stopped: Promise<void> | undefined;
  return {
    urls,
    stop() {
      stopped ??= stop([...servers.values()], parts);
      return stopped;
    },
  };
}

async function startParts(context: Context): Promise<Parts> {
  const { config, log, operations } = context;
  const { faces, access } = config;
  const snapshot = faces.has("webhook")
    ? startSnapshot({
        db: context.accessDb,
        databaseUrl: config.databaseUrl,
        hasuraId: config.hasura.id,
        maxStalenessMs: access.maxStalenessMs,
        log,
      })
    : undefined;
  const webhook =
    snapshot === undefined
      ? undefined
      : createWebhook({
          snapshot,
          verify: createTokenVerifier(access),
          headerNames: access.headerNames,
          log,
        });
  const worker = faces.has("worker") ? await startWorker(operations) : undefined;
  return { context, snapshot, worker, webhook };
}

function facesOn(config: Config, port: number): ReadonlySet<Face> {
  const all = ["rest", "webhook", "admin"] as const;
  return new Set(all.filter((face) => config.faces.has(face) && config.ports[face] === port));
}

/** Health first, then the webhook (before Express: it is asked on every data request), then the rest. */
function answer(parts: Parts, faces: ReadonlySet<Face>, health: Health, graphiql: boolean) {
  const { context, webhook } = parts;
  const web = express();
  web.disable("x-powered-by");
  if (faces.has("admin"))
    web.use("/graphql", createGraphqlHandler({ operations: context.operations, graphiql }));
  if (faces.has("rest"))
    web.use(
      createRestRouter({
        operations: context.operations,
        basePath: context.config.basePath,
        operationWaitMs: context.config.operationWaitMs,
        witboostToken: context.config.witboostToken,
        log: context.log,
      }),
    );
  web.use(unknownRoute);
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (await health(request, response)) return;
    if (faces.has("webhook") && (await webhook?.(request, response))) return;
    web(request, response);
  };
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  host: string,
  port: number,
): Promise<Server> {
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return server;
}

async function stop(servers: readonly Server[], parts: Parts): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeIdleConnections();
        }),
    ),
  );
  await parts.worker?.stop();
  await parts.snapshot?.stop();
  await parts.context.stop();
}
