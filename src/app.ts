/** The service: which faces listen where, and the order in which a request meets them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { createAdminSignIn } from "./access/admin.ts";
import { createBindings, createSlowBindings } from "./access/bindings.ts";
import { createCombinationReporter } from "./access/combinations.ts";
import { createExplain, type ExplainAccess } from "./access/explain.ts";
import { createIdentify } from "./access/groups.ts";
import { createMemberships } from "./access/memberships.ts";
import { type Snapshot, startSnapshot } from "./access/snapshot.ts";
import { startUsage, type Usage } from "./access/usage.ts";
import { createTokenVerifier } from "./access/verify.ts";
import { createWebhook, type Webhook } from "./access/webhook.ts";
import type { Config } from "./config.ts";
import { type Address, isLoopback } from "./config-checks.ts";
import { type Context, createContext } from "./context.ts";
import { createGraphqlHandler } from "./graphql/server.ts";
import { createActorOf, refuseTwoTokens } from "./graphql/sign-in.ts";
import { createHealth, type Health, whyWebhookWaits } from "./health.ts";
import type { Logger } from "./observability/logger.ts";
import { combineOnDemand } from "./operations/submit-combine.ts";
import { createDocsRouter } from "./rest/docs.ts";
import { unknownRoute } from "./rest/problem.ts";
import { createRoleMapperRouter } from "./rest/role-mapper.ts";
import { createRestRouter } from "./rest/witboost.ts";
import type { Face } from "./settings.ts";
import { startWorker, type Worker } from "./worker.ts";

type ListeningFace = Exclude<Face, "worker">;

export interface App {
  /** Base URLs of the faces that run, without a slash at the end. */
  readonly urls: Partial<Record<ListeningFace, string>>;
  /** Stops taking requests, finishes what is at hand, and lets go of everything. Safe to call twice. */
  stop(): Promise<void>;
}

const LOOPBACK_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

interface Parts {
  readonly context: Context;
  readonly snapshot: Snapshot | undefined;
  readonly worker: Worker | undefined;
  readonly webhook: Webhook | undefined;
  readonly usage: Usage | undefined;
  readonly explain: ExplainAccess;
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
  for (const { path, message } of config.warnings)
    log.warn({ setting: path }, `${path} ${message}`);
  const context = await createContext(config, log);
  const parts = await startParts(context);
  const health = createHealth({
    webhook: parts.snapshot,
    db: config.faces.has("rest") || config.faces.has("admin") ? context.operations.db : undefined,
  });
  const servers = new Map<string, Server>();
  const urls: App["urls"] = {};
  for (const [face, { host, port }] of listeners(config)) {
    const key = `${host} ${port}`;
    const server =
      servers.get(key) ??
      (await listen(
        answer(parts, facesAt(config, { host, port }), isLoopback(host), health, options),
        host,
        port,
      ));
    servers.set(key, server);
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
  const usage =
    snapshot === undefined || access.usage === "off"
      ? undefined
      : startUsage({
          db: context.accessDb,
          hasuraId: config.hasura.id,
          detail: access.usage,
          log,
        });
  const { directory, accessDb } = context;
  const memberships = directory === null ? undefined : createMemberships({ directory, log });
  // One for both, so that what is explained is what the webhook beside it takes a token for.
  const verifier = lazily(() => createTokenVerifier({ ...access, log }));
  const webhook =
    snapshot === undefined
      ? undefined
      : createWebhook({
          snapshot,
          verify: verifier(),
          identify: createIdentify(access, {
            memberships,
            subjectsOf: createBindings({ db: accessDb, snapshot, log }),
          }),
          headerNames: access.headerNames,
          socketMaxAge: access.socketMaxAge,
          usage,
          onCombinationMissed:
            config.multiPort.mode === "auto"
              ? createCombinationReporter((ports) => combineOnDemand(operations, ports), log)
              : undefined,
          log,
        });
  const worker = faces.has("worker")
    ? await startWorker(operations, { reconcileSchedule: config.reconcile.schedule })
    : undefined;
  const { db, hasuraId } = operations;
  const explain = createExplain({
    ...{ db, hasuraId, groupMatch: access.groupMatch },
    verify: (token) => verifier()(token),
    identify: createIdentify(access, { memberships, subjectsOf: createSlowBindings(db) }),
  });
  return { context, snapshot, worker, webhook, usage, explain };
}

function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** What listens where. A process that only works listens too, for those who ask how it is. */
function listeners({ faces, addresses }: Config): [ListeningFace, Address][] {
  const chosen = (["rest", "webhook", "admin"] as const).filter((face) => faces.has(face));
  return (chosen.length > 0 ? chosen : (["rest"] as const)).map((face) => [face, addresses[face]]);
}

function facesAt({ faces, addresses }: Config, at: Address): ReadonlySet<ListeningFace> {
  const all = ["rest", "webhook", "admin"] as const;
  return new Set(
    all.filter(
      (face) =>
        faces.has(face) && addresses[face].port === at.port && addresses[face].host === at.host,
    ),
  );
}

/** The webhook first and before Express, for it is asked on every data request; then health, then the rest. */
function answer(
  parts: Parts,
  faces: ReadonlySet<ListeningFace>,
  local: boolean,
  health: Health,
  { graphiql = false }: { graphiql?: boolean },
) {
  const { context, webhook, snapshot } = parts;
  const web = express();
  web.disable("x-powered-by");
  // No answer is kept by anybody, so none needs a digest.
  web.disable("etag");
  if (faces.has("admin")) web.use("/graphql", refuseTwoTokens, adminHandler(parts, graphiql));
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
  if (faces.has("webhook"))
    web.use(
      createRoleMapperRouter({
        operations: context.operations,
        basePath: context.config.basePath,
        token: context.config.roleMapperToken,
        notReady: () => whyWebhookWaits(snapshot),
        log: context.log,
      }),
    );
  if (faces.has("rest") || faces.has("admin")) web.use(createDocsRouter(context.config.basePath));
  web.use(unknownRoute);
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (faces.has("webhook") && (await webhook?.(request, response))) return;
    if (await health(request, response)) return;
    // A page elsewhere can have its name lead to this machine; the browser then sends that name.
    if (local && !LOOPBACK_HOST.test(request.headers.host ?? "")) {
      response.writeHead(403, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ error: "This address answers to names of this machine only." }),
      );
      return;
    }
    web(request, response);
  };
}

/** Where an identity provider is set for admins, whoever asks shows its token; else this machine is enough. */
function adminHandler({ context, explain }: Parts, graphiql: boolean) {
  const { config, operations, log } = context;
  if (config.admin === null) return createGraphqlHandler({ operations, explain, graphiql });
  const { nameClaims } = config.access;
  const signIn = createAdminSignIn({ ...config.admin, nameClaims, log });
  return createGraphqlHandler({ operations, explain, graphiql, actor: createActorOf(signIn) });
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
  await parts.usage?.stop();
  await parts.context.stop();
}
