/** A webhook as it runs: snapshot, verifier and handler behind a real HTTP server; and what Hasura sends to it. */
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import {
  createIdentify,
  type Identify,
  type IdentifySettings,
} from "../../../src/access/groups.ts";
import { type Snapshot, startSnapshot } from "../../../src/access/snapshot.ts";
import { createTokenVerifier, type VerifyToken } from "../../../src/access/verify.ts";
import { createWebhook, type WebhookOptions } from "../../../src/access/webhook.ts";
import type { SqlRunner } from "../../../src/inventory/access.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { AUDIENCE, ISSUER, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { HASURA } from "./inventory.ts";

export interface HookAnswer {
  readonly status: number;
  readonly body: Record<string, string>;
}

export interface TestHook {
  readonly url: string;
  readonly snapshot: Snapshot;
  /** Everything that was logged. */
  log(): string;
  /** What Hasura in POST mode gets for a client's headers and request. */
  post(headers: Record<string, unknown>, request?: unknown): Promise<HookAnswer>;
  stop(): Promise<void>;
}

export function testVerifier({ jwksUrl }: TestIssuer): VerifyToken {
  const expected = { audiences: [AUDIENCE], issuers: [ISSUER], algorithms: ["RS256"] };
  return createTokenVerifier({ jwksUrl, ...expected });
}

export function testIdentify(users: IdentifySettings["users"] = new Map()): Identify {
  return createIdentify({ nameClaims: ["unique_name"], users, groupMatch: "claim" });
}

export async function startHook(options: {
  readonly issuer: TestIssuer;
  readonly db: SqlRunner;
  readonly databaseUrl: string;
  readonly maxStalenessMs?: number;
  readonly headerNames?: readonly string[];
  /** Subjects of users that are set by hand. */
  readonly users?: IdentifySettings["users"];
  /** More of the webhook's own. */
  readonly more?: Pick<WebhookOptions, "usage" | "onCombinationMissed" | "socketMaxAge">;
}): Promise<TestHook> {
  let logged = "";
  const destination = {
    write: (line: string) => {
      logged += line;
    },
  };
  const log = createLogger({ level: "debug" }, destination);
  const { issuer, db, databaseUrl, maxStalenessMs = 5_000 } = options;
  const snapshot = startSnapshot({ db, databaseUrl, hasuraId: HASURA, maxStalenessMs, log });
  const verify = testVerifier(issuer);
  const headerNames = options.headerNames ?? ["Authorization"];
  const identify = testIdentify(options.users);
  const webhook = createWebhook({ snapshot, verify, identify, headerNames, log, ...options.more });
  const server = createServer(async (request, response) => {
    if (!(await webhook(request, response))) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/v1/authenticate`;
  return {
    url,
    snapshot,
    log: () => logged,
    post: async (headers, request) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ headers, request }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, string> };
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await snapshot.stop();
    },
  };
}

export interface TestProxy {
  /** The database's URL, by way of the proxy. */
  readonly url: string;
  /**
   * `cut`: connections end and none is taken; `silent`: nothing passes any more, and nothing ends; `slow`:
   * everything passes late.
   */
  turn(mode: "open" | "cut" | "silent" | "slow"): void;
  stop(): Promise<void>;
}

/** A way to the database that can be cut, or go silent as a network does when packets are lost. */
export async function startProxy(databaseUrl: string): Promise<TestProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let mode = "open";
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createTcpServer((client) => {
    if (mode === "cut") return void client.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on("data", (chunk) => {
        if (mode === "open") to.write(chunk);
        else if (mode === "slow") setTimeout(() => to.write(chunk), 50);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass(client, upstream);
    pass(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.toString(),
    turn: (next) => {
      mode = next;
      if (next === "cut") endAll();
    },
    stop: async () => {
      endAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
