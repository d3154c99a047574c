/**
 * What a data request costs at the webhook, beside a bare `node:http` server that reads the same body: with tokens it
 * has seen, and with every token new; with an inventory of 1,000 grants, and of 1,000,000 over 20,000 ports. And what
 * the large one takes: time until it decides, memory, latency while ports are being committed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import {
  fillInventory,
  type InventorySize,
  portOfUser,
  roleOf,
  rootFieldOf,
  userName,
} from "./access-inventory.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { explain, figure, interleave, type Line, percentile, progress } from "./harness.ts";
import { type Connections, openConnections, repeat } from "./load.ts";
import { type Measured, startPart, startService } from "./processes.ts";
import { startTokenIssuer, type TokenIssuer } from "./token-issuer.ts";
import type { World } from "./world.ts";

const NAME = "authenticate";
/** Requests under way at once, each on a connection of its own. */
const AT_ONCE = 8;
const USERS = 1_000;
/** Requests in a turn; with every token new, as many as there are users. */
const REQUESTS = 5_000;
/** Until V8 has compiled what is used: some 50,000 requests. */
const WARM_UP = 10;
const ROUNDS = 9;
/** Requests a second while ports are committed: as many as leave the machine time for the rest. */
const STEADY_RATE = 400;

interface Sizes {
  readonly small: InventorySize;
  readonly large: InventorySize;
}

const SIZES: Sizes = {
  small: { ports: 20, grants: 1_000, users: 1_000 },
  large: { ports: 20_000, grants: 1_000_000, users: 200_000 },
};
const SHORT_SIZES: Sizes = {
  small: { ports: 20, grants: 1_000, users: 1_000 },
  large: { ports: 400, grants: 5_000, users: 1_000 },
};

/** One turn of one of those that are compared. */
interface Turn {
  readonly cpuMs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function run(world: World, options: BenchOptions): Promise<Line[]> {
  const { short, closing } = options;
  const sizes = short ? SHORT_SIZES : SIZES;
  const issuer = await startTokenIssuer(closing);
  progress("inventories are filled");
  const small = await startReplica(world, options, issuer, "small", sizes.small);
  const large = await startReplica(world, options, issuer, "large", sizes.large);
  const bare = await startPart("bare");
  closing(() => bare.stop());

  const requests = short ? 200 : REQUESTS;
  const known = { small: tokensOf(issuer, sizes.small), large: tokensOf(issuer, sizes.large) };
  const sent = { small: bodies(sizes.small, known.small), large: bodies(sizes.large, known.large) };
  const hookOf = ({ url }: Measured): string => `${url}${HOOK}`;
  const tasks = {
    bare: () => turn(bare, bare.url, sent.large, requests, sizes.large),
    small: () => turn(small.service, hookOf(small.service), sent.small, requests, sizes.small),
    large: () => turn(large.service, hookOf(large.service), sent.large, requests, sizes.large),
    newTokens: () => {
      const tokens = tokensOf(issuer, sizes.large).slice(0, requests);
      const fresh = bodies(sizes.large, tokens);
      return turn(large.service, hookOf(large.service), fresh, tokens.length, sizes.large);
    },
  };
  if (!short) await interleave(tasks, WARM_UP);
  const rounds = await interleave(tasks, short ? 1 : ROUNDS);
  const committing = await whileCommitting(large, sent.large, options, sizes);
  explain(`${NAME}: shares are CPU time of the bare server / CPU time of the webhook`);
  return [
    ...linesOf(rounds),
    ...committing,
    figure(NAME, "ready_large", "s", [large.readyS], { atMost: 5 }),
    figure(NAME, "ready_small", "s", [small.readyS]),
    figure(NAME, "memory_peak_large", "MB", [await large.service.peakMb()], { atMost: 600 }),
    figure(NAME, "memory_peak_small", "MB", [await small.service.peakMb()]),
  ];
}

const HOOK = "/v1/authenticate";

function linesOf(rounds: Record<"bare" | "small" | "large" | "newTokens", Turn[]>): Line[] {
  const all = (name: keyof typeof rounds, value: keyof Turn): number[] =>
    rounds[name].map((each) => each[value]);
  const ratio = (above: keyof typeof rounds, below: keyof typeof rounds, value: keyof Turn) =>
    all(above, value).map((each, n) => each / (all(below, value)[n] ?? 0));
  return [
    figure(NAME, "share_of_bare_warm", "x", ratio("bare", "large", "cpuMs"), { atLeast: 0.5 }),
    figure(NAME, "share_of_bare_new_tokens", "x", ratio("bare", "newTokens", "cpuMs"), {
      atLeast: 0.15,
    }),
    figure(NAME, "p50_large_to_small", "x", ratio("large", "small", "p50"), { atMost: 1.2 }),
    ...(["bare", "small", "large", "newTokens"] as const).flatMap((name) => {
      const metric = name === "newTokens" ? "new_tokens" : name;
      return [
        figure(NAME, `${metric}_cpu`, "ms/request", all(name, "cpuMs")),
        figure(NAME, `${metric}_p50`, "ms", all(name, "p50")),
        figure(NAME, `${metric}_p99`, "ms", all(name, "p99")),
        figure(NAME, `${metric}_requests`, "1/s", all(name, "perSecond")),
      ];
    }),
  ];
}

interface Replica {
  readonly service: Measured;
  readonly databaseUrl: string;
  /** From the start of the process until it decides. */
  readonly readyS: number;
}

async function startReplica(
  { databaseUrl, profileDir }: World,
  { closing }: BenchOptions,
  issuer: TokenIssuer,
  name: string,
  size: InventorySize,
): Promise<Replica> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(`CREATE DATABASE access_${name}`);
  await client.end();
  const url = new URL(databaseUrl);
  url.pathname = `/access_${name}`;
  await fillInventory(url.toString(), size);
  const nowhere = "http://127.0.0.1:1";
  const settings = {
    DATABASE_URL: url.toString(),
    FACES: "webhook",
    HASURA_URL: nowhere,
    HASURA_ADMIN_SECRET: "nobody-is-asked",
    SNOWFLAKE_HOST: nowhere,
    SNOWFLAKE_USER: "NOBODY",
    SNOWFLAKE_PASSWORD: "nobody-is-asked",
    LOG_LEVEL: "warn",
    ...issuer.settings,
  };
  const began = performance.now();
  const service = await startService({ ...settings, LOG_LEVEL: "info" }, profileDir);
  closing(() => service.stop());
  const connections = openConnections(1);
  while ((await connections.get(`${service.url}/readyz`)).status !== 200);
  const readyS = (performance.now() - began) / 1000;
  connections.close();
  return { service, databaseUrl: url.toString(), readyS };
}

function tokensOf(issuer: TokenIssuer, size: InventorySize): string[] {
  return Array.from({ length: Math.min(USERS, size.users) }, (_, n) =>
    issuer.sign(userName(userAt(n, size))),
  );
}

/** The users are spread over the inventory. */
function userAt(n: number, { users }: InventorySize): number {
  return Math.floor((n * users) / Math.min(USERS, users));
}

interface Sent {
  readonly body: string;
  readonly role: string;
}

/** What Hasura sends for each user's token: a usual client's headers, and a query for the port the user has. */
function bodies(size: InventorySize, tokens: readonly string[]): Sent[] {
  return tokens.map((token, n) => {
    const port = portOfUser(userAt(n, size), size);
    const headers = {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      Accept: "application/json, multipart/mixed",
      "Accept-Encoding": "gzip, deflate, br",
      "Accept-Language": "en",
      "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
      Origin: "https://dashboard.example.com",
      Referer: "https://dashboard.example.com/reports",
      "X-Forwarded-For": "10.1.2.3",
      "X-Forwarded-Proto": "https",
      "X-Request-Id": "6f2c2a7e-3b86-4c5f-9a53-d9d3c1c7b0f4",
    };
    const query = `query Report($since: date!, $limit: Int = 100) {
  rows: ${rootFieldOf(port)}(where: { DATE: { _gte: $since } }, order_by: { DATE: desc }, limit: $limit) {
    DATE
    LOCATION_KEY
    NEW_PERSONS_VACCINATED
    CUMULATIVE_PERSONS_VACCINATED
  }
}`;
    const variables = { since: "2026-01-01", limit: 50 };
    const body = JSON.stringify({
      headers,
      request: { query, operationName: "Report", variables },
    });
    return { body, role: roleOf(port) };
  });
}

async function turn(
  process: Measured,
  url: string,
  sent: readonly Sent[],
  requests: number,
  size: InventorySize,
): Promise<Turn> {
  // For one turn: between turns a server closes connections that idle.
  const connections = openConnections(AT_ONCE);
  const latencies: number[] = [];
  const [cpuBefore, began] = [await process.cpuMs(), performance.now()];
  await repeat(requests, AT_ONCE, async (index) => {
    latencies.push(await ask(connections, url, sent[index % sent.length], size));
  }).finally(connections.close);
  const seconds = (performance.now() - began) / 1000;
  return {
    cpuMs: ((await process.cpuMs()) - cpuBefore) / requests,
    perSecond: requests / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

/** @returns how long the answer took, in ms. @throws Error when it is not the user's role */
async function ask(
  connections: Connections,
  url: string,
  sent: Sent | undefined,
  { ports }: InventorySize,
): Promise<number> {
  const { body = "", role = "" } = sent ?? {};
  const began = performance.now();
  const { status, text } = await connections.post(url, body);
  const took = performance.now() - began;
  // The bare server has one answer for all.
  const right = url.endsWith(HOOK) ? `"X-Hasura-Role":"${role}"` : "X-Hasura-Role";
  if (status !== 200 || !text.includes(right))
    throw new Error(`${url} answered ${status}: ${text}, with ${ports} ports`);
  return took;
}

/** Latency while a process of its own commits 200 ports, one by one and all at once. */
async function whileCommitting(
  { service, databaseUrl }: Replica,
  sent: readonly Sent[],
  { short, closing }: BenchOptions,
  { large }: Sizes,
): Promise<Line[]> {
  // The last ports are those that are committed; nobody's access may depend on that.
  const asked = sent.slice(0, sent.length / 2);
  const url = `${service.url}${HOOK}`;
  const lines: Line[] = [];
  for (const how of ["one_by_one", "together"]) {
    const committer = await startPart("commit", [
      databaseUrl,
      how,
      String(large.ports),
      short ? "20" : "200",
    ]);
    closing(() => committer.stop());
    const p99: number[] = [];
    for (let round = 0; round < (short ? 1 : 5); round += 1)
      p99.push(percentile(await askSteadily(url, asked, large, committer.work(1)), 0.99));
    lines.push(figure(NAME, `p99_while_committing_${how}`, "ms", p99, { atMost: 10 }));
  }
  return lines;
}

/** Asks at a steady rate, whatever becomes of what was asked before, until the work is done. @returns the latencies */
async function askSteadily(
  url: string,
  sent: readonly Sent[],
  size: InventorySize,
  work: Promise<void>,
): Promise<number[]> {
  const connections = openConnections(AT_ONCE);
  const asking: Promise<number>[] = [];
  let done = false;
  const working = work.finally(() => {
    done = true;
  });
  const began = performance.now();
  while (!done) {
    const due = ((performance.now() - began) * STEADY_RATE) / 1000;
    while (asking.length < due) {
      const one = ask(connections, url, sent[asking.length % sent.length], size);
      // Whoever waits for all of them is told.
      one.catch(() => undefined);
      asking.push(one);
    }
    await sleep(1);
  }
  await working;
  const latencies = await Promise.all(asking);
  connections.close();
  return latencies;
}

export const authenticate: Bench = {
  name: NAME,
  about: "a request at the webhook beside a bare server, with 1,000 and 1,000,000 grants",
  run,
};
