import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCombinationReporter } from "../../../src/access/combinations.ts";
import { startUsage, type Usage, type UsageOptions } from "../../../src/access/usage.ts";
import { addBlock } from "../../../src/inventory/blocks.ts";
import { type Db, openDb } from "../../../src/inventory/db.ts";
import {
  replaceExternalGrants,
  upsertExternalRole,
} from "../../../src/inventory/external-roles.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { startHook, startProxy, type TestHook, type TestProxy } from "./hook.ts";
import { ANN, change, createInventory, HASURA, type TestInventory, want } from "./inventory.ts";

const VACCINATIONS = { query: "{ vaccinations { id } }" };
const ORDERS = { query: "{ orders { id } }" };
const BOTH = { query: "{ vaccinations { id } orders { id } }" };

let inventory: TestInventory;
let issuer: TestIssuer;
let way: TestProxy;
let wayDb: Db;
let usage: Usage;
let hook: TestHook;
let ann: { Authorization: string };
const missed: (readonly string[])[] = [];

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  ann = {
    Authorization: `Bearer ${await issuer.sign({ unique_name: "Ann@example.com", groups: ["nurses"] })}`,
  };
  way = await startProxy(inventory.database.url);
  wayDb = openDb(way.url, { poolSize: 1 });
});
afterAll(async () => {
  way.turn("cut");
  await wayDb.$disconnect();
  await Promise.all([way.stop(), issuer.stop(), inventory.stop()]);
});

async function start(options: Partial<UsageOptions> = {}): Promise<void> {
  const log = createLogger({ level: "silent" });
  // Nothing is written but when a test says so.
  const settings = { db: wayDb, hasuraId: HASURA, detail: "subject" as const, log };
  usage = startUsage({ ...settings, flushMs: 3_600_000, ...options });
  const onCombinationMissed = createCombinationReporter(
    async (ports) => void missed.push(ports),
    log,
  );
  const { db, database } = inventory;
  const more = { usage, onCombinationMissed };
  hook = await startHook({ issuer, db, databaseUrl: database.url, more });
  await hook.snapshot.refresh();
}

beforeEach(async () => {
  const { db, ports, grant } = inventory;
  way.turn("open");
  await db.accessUse.deleteMany();
  await db.grant.deleteMany();
  await db.accessBlock.deleteMany();
  await db.combinedRole.deleteMany();
  await change(db, async () => undefined);
  await grant(ports.health, ANN);
  missed.length = 0;
});
afterEach(async () => {
  await hook.stop();
  await usage.stop();
});

async function recorded(): Promise<unknown[]> {
  const { health } = inventory.ports;
  const rows = await inventory.db.accessUse.findMany({
    orderBy: [{ outcome: "asc" }, { portId: "asc" }, { subject: "asc" }],
  });
  return rows.map(({ portId, subject, outcome, count }) => [
    portId === null ? null : portId === health ? "health" : "sales",
    subject,
    outcome,
    Number(count),
  ]);
}

const lastUsed = async (where: object) =>
  (await inventory.db.grant.findFirstOrThrow({ where })).lastUsedAt;

describe("usage", () => {
  it("counts who is let in and who is refused, by port, subject, outcome and day", async () => {
    await start();
    const before = new Date();
    for (let times = 0; times < 3; times += 1) await hook.post(ann, VACCINATIONS);
    await hook.post(ann, ORDERS);
    await hook.post(ann, { query: "{ nothing }" });
    await hook.post(ann, null);
    await hook.post({}, VACCINATIONS);
    await hook.post(ann, { query: "mutation { x }" });
    expect(await recorded()).toEqual([]);
    await usage.flush();
    const expected = [
      ["sales", ANN, "FIELD_NOT_GRANTED", 1],
      [null, ANN, "FIELD_NOT_GRANTED", 1],
      [null, ANN, "REQUEST_NOT_A_QUERY", 1],
      [null, "", "TOKEN_MISSING", 1],
      ["health", ANN, "allowed", 4],
    ];
    expect(await recorded()).toEqual(expected);
    const [row] = await inventory.db.accessUse.findMany({ where: { outcome: "allowed" } });
    expect(row?.firstAt.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(row?.lastAt.getTime()).toBeLessThanOrEqual(Date.now());
    expect(row?.day.toISOString().slice(0, 10)).toBe(row?.firstAt.toISOString().slice(0, 10));

    await hook.post(ann, VACCINATIONS);
    await hook.post(ann, ORDERS);
    await usage.flush();
    await usage.flush();
    expect(await recorded()).toEqual(
      expected.map(([port, subject, outcome, count]) => [
        port,
        subject,
        outcome,
        outcome === "allowed" ? 5 : port === "sales" ? 2 : count,
      ]),
    );
  });

  it("notes when grants were last of use: those that let in, and no others", async () => {
    const { ports, grant, revoke } = inventory;
    await grant(ports.health, "group:nurses");
    await grant(ports.health, "group:others");
    await grant(ports.sales, ANN);
    await revoke(ports.sales, ANN);
    await start();
    const before = Date.now();
    await hook.post(ann, VACCINATIONS);
    await usage.flush();
    expect(
      (await lastUsed({ subject: ANN, portId: ports.health }))?.getTime(),
    ).toBeGreaterThanOrEqual(before);
    expect(await lastUsed({ subject: "group:nurses" })).not.toBeNull();
    expect(await lastUsed({ subject: "group:others" })).toBeNull();
    expect(await lastUsed({ portId: ports.sales })).toBeNull();
  });

  it("does not wait for who holds a grant's row, nor hold anybody up", async () => {
    const { db, ports } = inventory;
    await start();
    await hook.post(ann, VACCINATIONS);
    await db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM "grant" WHERE port_id = ${ports.health}::uuid FOR UPDATE`;
      await usage.flush();
    });
    expect(await lastUsed({ portId: ports.health })).toBeNull();
    expect(await recorded()).toEqual([["health", ANN, "allowed", 1]]);
  });

  it("counts a query over several ports for each port it names, and for the combined role", async () => {
    const { db, ports, grant } = inventory;
    await grant(ports.sales, ANN);
    const { id } = await want(db, [ports.sales, ports.health]);
    const activate = { where: { id }, data: { state: "ACTIVE" as const } };
    await change(db, (tx) => tx.combinedRole.update(activate), { holders: [id] });
    await start();
    expect((await hook.post(ann, BOTH)).status).toBe(200);
    const wished = { ...ann, "X-Hasura-Role": (await db.combinedRole.findFirstOrThrow()).name };
    expect((await hook.post(wished, ORDERS)).status).toBe(200);
    await usage.flush();
    expect(await recorded()).toEqual(
      expect.arrayContaining([
        ["health", ANN, "allowed", 1],
        ["sales", ANN, "allowed", 2],
      ]),
    );
    expect((await db.combinedRole.findFirstOrThrow()).lastUsedAt).not.toBeNull();
    expect(missed).toEqual([]);
  });

  it("counts an external role without a port, and notes its grants", async () => {
    const { db } = inventory;
    const role = { hasuraId: HASURA, role: "older_role" };
    await db.$transaction((tx) =>
      upsertExternalRole(tx, { ...role, componentId: "urn:x", fields: ["old"] }),
    );
    await db.$transaction((tx) =>
      replaceExternalGrants(tx, { ...role, kind: "user", subjects: [ANN], actor: "test" }),
    );
    await start();
    expect((await hook.post(ann, { query: "{ old }" })).status).toBe(200);
    await usage.flush();
    expect(await recorded()).toEqual([[null, ANN, "allowed", 1]]);
    expect(await lastUsed({ externalRole: { name: "older_role" } })).not.toBeNull();
  });

  it("records blocked ones with their port", async () => {
    const { db, ports } = inventory;
    const block = {
      hasuraId: HASURA,
      subject: null,
      portId: ports.health,
      reason: "r",
      actor: "a",
    };
    await change(db, (tx) => addBlock(tx, block), { blocks: true });
    await start();
    await hook.post(ann, VACCINATIONS);
    await usage.flush();
    expect(await recorded()).toEqual([["health", ANN, "BLOCKED", 1]]);
  });

  it("leaves subjects out when they are not to be recorded", async () => {
    await start({ detail: "port" });
    await hook.post(ann, VACCINATIONS);
    await hook.post(ann, ORDERS);
    await usage.flush();
    expect(await recorded()).toEqual([
      ["sales", "", "FIELD_NOT_GRANTED", 1],
      ["health", "", "allowed", 1],
    ]);
    expect(await lastUsed({ subject: ANN })).toBeNull();
  });

  it("keeps what could not be written, and answers meanwhile as ever", async () => {
    await start();
    await hook.post(ann, VACCINATIONS);
    way.turn("cut");
    await usage.flush();
    expect((await hook.post(ann, VACCINATIONS)).status).toBe(200);
    way.turn("open");
    await expect
      .poll(async () => {
        await usage.flush();
        return recorded();
      })
      .toEqual([["health", ANN, "allowed", 2]]);
  });

  it("writes the last of it when it is stopped", async () => {
    await start();
    await hook.post(ann, VACCINATIONS);
    await usage.stop();
    await hook.post(ann, VACCINATIONS);
    await usage.stop();
    expect(await recorded()).toEqual([["health", ANN, "allowed", 1]]);
  });

  it("writes by itself now and then", async () => {
    await start({ flushMs: 20 });
    await hook.post(ann, VACCINATIONS);
    await expect.poll(recorded).toEqual([["health", ANN, "allowed", 1]]);
  });

  it("counts in less detail when there is too much of it", async () => {
    await start({ keptAtMost: 2 });
    for (let user = 0; user < 6; user += 1)
      usage.count({ outcome: user < 5 ? "NO_GRANT" : "allowed", subject: `user:${user}` });
    await usage.flush();
    expect(await recorded()).toEqual([
      [null, "", "NO_GRANT", 3],
      [null, "user:0", "NO_GRANT", 1],
      [null, "user:1", "NO_GRANT", 1],
      [null, "", "allowed", 1],
    ]);
  });

  it("adds up what several replicas count at the same time", async () => {
    await start();
    const { db } = inventory;
    const log = createLogger({ level: "silent" });
    const replicas = Array.from({ length: 4 }, () =>
      startUsage({ db, hasuraId: HASURA, detail: "subject", log, flushMs: 3_600_000 }),
    );
    for (let round = 0; round < 5; round += 1) {
      for (const [index, replica] of replicas.entries())
        for (let user = 0; user < 50; user += 1)
          replica.count({ outcome: "NO_GRANT", subject: `user:${(user * (index + 1)) % 50}` });
      await Promise.all(replicas.map((replica) => replica.flush()));
    }
    await Promise.all(replicas.map((replica) => replica.stop()));
    const rows = await db.accessUse.findMany();
    expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(4 * 5 * 50);
  });
});

describe("a combination that is missed", () => {
  it("is reported after the answer, once for many requests", async () => {
    const { ports, grant } = inventory;
    await grant(ports.sales, ANN);
    await start();
    for (let times = 0; times < 3; times += 1)
      expect((await hook.post(ann, BOTH)).body.reason).toBe("SEVERAL_ROLES_NEEDED");
    expect((await hook.post(ann, null)).body.reason).toBe("SEVERAL_ROLES_NEEDED");
    await expect.poll(() => missed).toEqual([[ports.health, ports.sales].sort()]);
    expect((await hook.post(ann, { query: "{ vaccinations nothing }" })).status).toBe(401);
    expect(missed).toHaveLength(1);
  });

  it("is reported again when the report failed", async () => {
    await start();
    let reports = 0;
    const report = createCombinationReporter(
      async () => {
        reports += 1;
        throw new Error("no");
      },
      createLogger({ level: "silent" }),
    );
    report(["a", "b"]);
    await expect.poll(() => reports).toBe(1);
    report(["a", "b"]);
    report(["a", "b"]);
    await expect.poll(() => reports).toBe(2);
  });
});
