/** What webhooks counted, as admins ask for it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startUsage, type Usage } from "../../../src/access/usage.ts";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { startHook, type TestHook } from "./hook.ts";
import { ANN, createInventory, HASURA, type TestInventory } from "./inventory.ts";

let inventory: TestInventory;
let issuer: TestIssuer;
let hook: TestHook;
let usage: Usage;
let handler: ReturnType<typeof createGraphqlHandler>;

const HEALTH = "urn:dmb:cmp:health";
const SALES = "urn:dmb:cmp:sales";
const BOB = "user:bob_example.com";
const today = new Date().toISOString().slice(0, 10);

interface Answer {
  readonly data?: Record<string, Record<string, unknown>> | null;
  readonly errors?: { extensions: { code: string } }[];
}

async function ask(query: string, variables: object = {}): Promise<Answer> {
  const response = await handler.fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  const { db, database, ports, grant } = inventory;
  const log = createLogger({ level: "silent" });
  const settings = { db, hasuraId: HASURA, detail: "subject" as const, log };
  usage = startUsage({ ...settings, flushMs: 3_600_000 });
  hook = await startHook({ issuer, db, databaseUrl: database.url, more: { usage } });
  const operations = { db, log, hasuraId: HASURA, publicUrl: null } as unknown as OperationsContext;
  handler = createGraphqlHandler({ operations, graphiql: false });
  await grant(ports.health, ANN);
  await grant(ports.health, "group:others");
  await grant(ports.sales, ANN);
  await hook.snapshot.refresh();
  const bearer = async (unique_name: string) => ({
    Authorization: `Bearer ${await issuer.sign({ unique_name })}`,
  });
  const [ann, bob] = [await bearer("ann@example.com"), await bearer("bob@example.com")];
  for (let times = 0; times < 3; times += 1)
    await hook.post(ann, { query: "{ vaccinations { id } }" });
  await hook.post(ann, { query: "{ nothing }" });
  for (let times = 0; times < 2; times += 1)
    await hook.post(bob, { query: "{ vaccinations { id } }" });
  // What is written later is listed earlier within its day; what is written together is in no order.
  await usage.flush();
  await hook.post(bob, { query: "{ orders { id } }" });
  await hook.post({}, null);
  await usage.flush();
  const row = (day: string, portId: string, subject: string, outcome: string, count: number) => ({
    ...{ hasuraId: HASURA, portId, subject, outcome, count, day: new Date(day) },
    firstAt: new Date(`${day}T08:00:00Z`),
    lastAt: new Date(`${day}T09:00:00.123Z`),
  });
  await db.accessUse.createMany({
    data: [
      row("2026-01-01", ports.health, ANN, "allowed", 3_000_000_000),
      row("2026-01-01", ports.health, ANN, "BLOCKED", 2),
      row("2026-01-01", ports.health, ANN, "NO_GRANT", 5),
      row("2026-01-01", ports.sales, ANN, "allowed", 1),
      row("2026-01-02", ports.health, BOB, "NO_GRANT", 7),
      row("2026-01-03", ports.health, ANN, "allowed", 4),
    ],
  });
});
afterAll(async () => {
  await hook?.stop();
  await usage?.stop();
  await Promise.all([inventory?.stop(), issuer?.stop()]);
});

const SUMS = "allowed refused reasons { reason count }";
const DAYS = `days(first: 50) { totalCount edges { node { day subject outputPort { name } ${SUMS} } } }`;

describe("usage", () => {
  it("counts what the webhook answered, by port, subject and day", async () => {
    const { data } = await ask(
      `query ($health: ID!, $ann: ID!, $from: Date) {
        outputPort(componentId: $health) { usage(from: $from) { ${SUMS} firstAt lastAt ${DAYS} } }
        subject(ref: $ann) { usage(from: $from) { ${SUMS} ${DAYS} } }
        usage(filter: { from: $from }) { ${SUMS} }
      }`,
      { health: HEALTH, ann: ANN, from: today },
    );
    const annDay = {
      ...{ day: today, subject: ANN, outputPort: { name: "health" } },
      ...{ allowed: 3, refused: 0, reasons: [] },
    };
    const bobRefused = { allowed: 0, refused: 2, reasons: [{ reason: "NO_GRANT", count: 2 }] };
    const bobDay = { day: today, subject: BOB, outputPort: { name: "health" }, ...bobRefused };
    expect(data?.outputPort?.usage).toEqual({
      ...{ allowed: 3, refused: 2, reasons: [{ reason: "NO_GRANT", count: 2 }] },
      firstAt: expect.stringContaining(today),
      lastAt: expect.stringContaining(today),
      days: { totalCount: 2, edges: [{ node: annDay }, { node: bobDay }] },
    });
    const lost = { refused: 1, reasons: [{ reason: "FIELD_NOT_GRANTED", count: 1 }] };
    const nowhere = { day: today, subject: ANN, outputPort: null, allowed: 0, ...lost };
    expect(data?.subject?.usage).toEqual({
      ...{ allowed: 3, ...lost },
      days: { totalCount: 2, edges: [{ node: nowhere }, { node: annDay }] },
    });
    expect(data?.usage).toEqual({
      ...{ allowed: 3, refused: 5 },
      reasons: [
        { reason: "NO_GRANT", count: 3 },
        { reason: "FIELD_NOT_GRANTED", count: 1 },
        { reason: "TOKEN_MISSING", count: 1 },
      ],
    });
  });

  it("is of the days that are asked for, with counts beyond an Int", async () => {
    const { data } = await ask(
      `query ($health: ID!) {
        outputPort(componentId: $health) { usage(from: "2026-01-01", to: "2026-01-02") { ${SUMS} firstAt lastAt ${DAYS} } }
        none: usage(filter: { to: "2025-12-31" }) { ${SUMS} firstAt }
      }`,
      { health: HEALTH },
    );
    expect(data?.outputPort?.usage).toMatchObject({
      ...{ allowed: 3_000_000_000, refused: 14 },
      reasons: [
        { reason: "NO_GRANT", count: 12 },
        { reason: "BLOCKED", count: 2 },
      ],
      firstAt: "2026-01-01T08:00:00.000Z",
      lastAt: "2026-01-02T09:00:00.123Z",
      days: {
        totalCount: 2,
        edges: [
          { node: { day: "2026-01-02", subject: BOB, allowed: 0, refused: 7 } },
          { node: { day: "2026-01-01", subject: ANN, allowed: 3_000_000_000, refused: 7 } },
        ],
      },
    });
    expect(data?.none).toEqual({ allowed: 0, refused: 0, reasons: [], firstAt: null });
  });

  it.each([
    [
      "days",
      (args: string) =>
        `usage { page: days(${args}) { edges { cursor node { day subject outputPort { name } } } } }`,
    ],
    [
      "refusals",
      (args: string) => `page: refusals(${args}) { edges { cursor node { day subject reason } } }`,
    ],
  ])("%s come page by page, each once, forwards and backwards", async (_, field) => {
    const page = async (args: string) => {
      const { data } = await ask(`{ ${field(args)} }`);
      const { page: found } = (data?.usage ?? data) as {
        page: { edges: { cursor: string; node: unknown }[] };
      };
      return found.edges;
    };
    const all = await page("first: 50");
    expect(all.length).toBeGreaterThan(5);
    const seen = { forwards: [] as unknown[], backwards: [] as unknown[] };
    for (let after = ""; seen.forwards.length < all.length; ) {
      const edges = await page(`first: 2${after}`);
      seen.forwards.push(...edges);
      after = `, after: "${edges.at(-1)?.cursor}"`;
    }
    for (let before = ""; seen.backwards.length < all.length; ) {
      const edges = await page(`last: 2${before}`);
      seen.backwards.unshift(...edges);
      before = `, before: "${edges[0]?.cursor}"`;
    }
    expect(seen).toEqual({ forwards: all, backwards: all });
    for (const bad of [
      "x",
      btoa("GPC:S:x"),
      btoa("[1]"),
      btoa("2026-01-01 x"),
      btoa("2026-13-01 1"),
    ]) {
      const { errors } = await ask(`{ ${field(`first: 1, after: "${bad}"`)} }`);
      expect([bad, errors?.[0]?.extensions.code]).toEqual([bad, "BAD_REQUEST"]);
    }
  });
});

describe("refusals", () => {
  const list = async (filter: string) => {
    const { data } = await ask(
      `{ refusals(filter: ${filter}) { totalCount edges { node { day subject reason count outputPort { name } } } } }`,
    );
    const edges = data?.refusals?.edges as { node: Record<string, unknown> }[];
    expect(data?.refusals?.totalCount).toBe(edges.length);
    return edges.map(({ node }) => [node.day, node.subject, node.reason, node.count]);
  };

  it("are chosen by reason, subject, port, environment and day, the newest day first", async () => {
    expect(await list('{ reasons: ["BLOCKED"] }')).toEqual([["2026-01-01", ANN, "BLOCKED", 2]]);
    expect(await list(`{ subject: "${BOB.toUpperCase().replace("USER", "user")}" }`)).toEqual([
      [today, BOB, "NO_GRANT", 1],
      [today, BOB, "NO_GRANT", 2],
      ["2026-01-02", BOB, "NO_GRANT", 7],
    ]);
    expect(await list(`{ componentId: "${SALES.toUpperCase()}" }`)).toEqual([
      [today, BOB, "NO_GRANT", 1],
    ]);
    expect(await list('{ environment: "Default", to: "2026-01-01" }')).toHaveLength(2);
    expect(await list('{ environment: "production" }')).toEqual([]);
    expect(await list(`{ from: "${today}", reasons: ["TOKEN_MISSING"] }`)).toEqual([
      [today, null, "TOKEN_MISSING", 1],
    ]);
    expect(await list('{ reasons: ["allowed"] }')).toEqual([]);
  });
});

describe("unused grants", () => {
  it("are those in force that let nobody in since a moment", async () => {
    const unused = async (since: Date) => {
      const { data } = await ask(
        "query ($since: DateTime) { grants(filter: { unusedSince: $since }) { edges { node { subject lastUsedAt outputPort { name } } } } }",
        { since },
      );
      const edges = data?.grants?.edges as {
        node: { subject: string; outputPort: { name: string } };
      }[];
      return edges.map(({ node }) => `${node.subject} ${node.outputPort.name}`).sort();
    };
    await inventory.db.grant.updateMany({ data: { since: new Date("2026-01-01") } });
    expect(await unused(new Date("2025-01-01"))).toEqual([]);
    expect(await unused(new Date(today))).toEqual(["group:others health", `${ANN} sales`]);
    expect(await unused(new Date(Date.now() + 60_000))).toContain(`${ANN} health`);
    await inventory.revoke(inventory.ports.sales, ANN);
    expect(await unused(new Date(today))).toEqual(["group:others health"]);
  });
});
