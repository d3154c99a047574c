import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { awaitEnforced, laggingReplicas } from "../../../src/inventory/access.ts";
import { addBlock, endBlocks } from "../../../src/inventory/blocks.ts";
import { type Db, openDb } from "../../../src/inventory/db.ts";
import {
  removeExternalRole,
  replaceExternalGrants,
  upsertExternalRole,
} from "../../../src/inventory/external-roles.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { startHook, startProxy, type TestHook, type TestProxy } from "./hook.ts";
import { ANN, change, createInventory, HASURA, type TestInventory, want } from "./inventory.ts";

const STALENESS_MS = 600;
const VACCINATIONS = { query: "{ vaccinations { id } }" };

let inventory: TestInventory;
let issuer: TestIssuer;
/** The way of the lease, and the way on which the database is asked in the middle of a request. */
let leaseWay: TestProxy;
let askWay: TestProxy;
let askDb: Db;
let hook: TestHook;
let ann: { Authorization: string };

const status = async () => (await hook.post(ann, VACCINATIONS)).status;

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  ann = { Authorization: `Bearer ${await issuer.sign({ unique_name: "ann@example.com" })}` };
});
afterAll(async () => await Promise.all([issuer.stop(), inventory.stop()]));

beforeEach(async () => {
  await inventory.db.replica.deleteMany();
  await inventory.revoke(inventory.ports.health, ANN);
  await inventory.grant(inventory.ports.health, ANN);
  [leaseWay, askWay] = await Promise.all([
    startProxy(inventory.database.url),
    startProxy(inventory.database.url),
  ]);
  askDb = openDb(askWay.url, { poolSize: 2 });
  hook = await startHook({
    issuer,
    db: askDb,
    databaseUrl: leaseWay.url,
    maxStalenessMs: STALENESS_MS,
  });
  await hook.snapshot.refresh();
});
afterEach(async () => {
  leaseWay.turn("cut");
  await hook.stop();
  askWay.turn("cut");
  await askDb.$disconnect();
  await Promise.all([leaseWay.stop(), askWay.stop()]);
});

describe("the snapshot", () => {
  it("follows a change without being asked", async () => {
    const generation = await change(inventory.db, async () => undefined);
    await expect.poll(() => hook.snapshot.generation(), { interval: 5 }).toBe(generation);
    // It decides by the change before it says so.
    await expect.poll(() => laggingReplicas(inventory.db, generation)).toEqual([]);
  });

  it("stays usable for as long as the database can be followed", async () => {
    const until = performance.now() + 3 * STALENESS_MS;
    while (performance.now() < until) {
      expect(hook.snapshot.ready()).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  it.each(["cut", "silent"] as const)(
    "is used to the end of its bound and no longer when the way is %s",
    async (mode) => {
      leaseWay.turn(mode);
      askWay.turn(mode);
      const cutAt = performance.now();
      expect(await status()).toBe(200);
      await expect.poll(() => hook.snapshot.ready(), { interval: 5, timeout: 5_000 }).toBe(false);
      expect(performance.now() - cutAt).toBeLessThan(STALENESS_MS + 100);
      const asked = performance.now();
      expect(await hook.post(ann, VACCINATIONS)).toEqual({
        status: 401,
        body: { reason: "ACCESS_UNKNOWN" },
      });
      expect(performance.now() - asked).toBeLessThan(1_000);
      expect(hook.snapshot.generation()).toBeGreaterThan(0n);
      leaseWay.turn("open");
      askWay.turn("open");
      await expect.poll(() => hook.snapshot.ready(), { timeout: 20_000 }).toBe(true);
      expect(await status()).toBe(200);
    },
  );

  it("is not needed while the database answers: it is asked instead, and its word is the newest", async () => {
    leaseWay.turn("cut");
    await expect.poll(() => hook.snapshot.ready(), { interval: 5, timeout: 5_000 }).toBe(false);
    expect(await status()).toBe(200);
    await inventory.revoke(inventory.ports.health, ANN);
    expect(await hook.post(ann, VACCINATIONS)).toEqual({
      status: 401,
      body: { reason: "NO_GRANT" },
    });
  });

  it("makes the barrier wait for a replica that was cut off, until that decides by it no more", async () => {
    leaseWay.turn("cut");
    askWay.turn("cut");
    const generation = await inventory.revoke(inventory.ports.health, ANN);
    expect(await laggingReplicas(inventory.db, generation)).toHaveLength(1);
    expect(await status()).toBe(200);
    await awaitEnforced(inventory.db, generation, { timeoutMs: 10_000 });
    expect(await status()).toBe(401);
  });

  it("decides by a change before it tells the database that it knows of it", async () => {
    leaseWay.turn("slow");
    await hook.snapshot.refresh();
    const generation = await inventory.revoke(inventory.ports.health, ANN);
    await awaitEnforced(inventory.db, generation, { timeoutMs: 10_000 });
    expect(await status()).toBe(401);
    expect(hook.snapshot.generation()).toBe(generation);
  });

  it("takes its lease again after its connection was ended by the server", async () => {
    await inventory.db.$queryRawUnsafe(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portcullis-access' AND datname = current_database()",
    );
    const generation = await inventory.revoke(inventory.ports.health, ANN);
    await awaitEnforced(inventory.db, generation, { timeoutMs: 10_000 });
    expect(await status()).toBe(401);
    await expect.poll(() => hook.snapshot.generation()).toBe(generation);
    expect(hook.snapshot.ready()).toBe(true);
  });

  it("registers anew when its row was removed", async () => {
    await inventory.db.replica.deleteMany();
    await expect.poll(async () => await inventory.db.replica.count()).toBe(1);
    await hook.snapshot.refresh();
    expect(hook.snapshot.ready()).toBe(true);
  });

  it("gets its lease while changes never pause", async () => {
    let stop = false;
    const changing = Array.from({ length: 3 }, async () => {
      while (!stop) await change(inventory.db, async () => undefined, { holders: [] });
    });
    const until = performance.now() + 4 * STALENESS_MS;
    const seen = new Set<bigint>();
    const looks = { ready: 0, all: 0 };
    while (performance.now() < until) {
      looks.all += 1;
      if (hook.snapshot.ready()) looks.ready += 1;
      seen.add(hook.snapshot.generation());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop = true;
    await Promise.all(changing);
    expect(seen.size).toBeGreaterThan(10);
    // All of them, unless the machine has no time to spare.
    expect(looks.ready / looks.all).toBeGreaterThan(0.8);
  });

  it("is read anew from a database that was put back to an earlier state", async () => {
    const { db, ports } = inventory;
    const generation = await change(db, async () => undefined, { holders: [ports.health] });
    await hook.snapshot.refresh();
    // Another history came to the same number: there Ann's grant had ended.
    await db.$transaction([
      db.grant.updateMany({
        where: { subject: ANN, endedAt: null },
        data: { endedAt: new Date() },
      }),
      db.accessChange.update({ where: { generation }, data: { stamp: randomUUID() } }),
      db.$queryRaw`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'portcullis-access' AND datname = current_database()`,
    ]);
    await expect.poll(status, { timeout: 10_000 }).toBe(401);
    await expect.poll(() => hook.snapshot.ready(), { timeout: 10_000 }).toBe(true);
    expect(hook.snapshot.generation()).toBe(generation);
    expect(await status()).toBe(401);
  });

  it("ends its lease when it is stopped, and decides no more", async () => {
    expect(await inventory.db.replica.count()).toBe(1);
    await hook.snapshot.stop();
    expect(hook.snapshot.current()).toBeNull();
    expect(await inventory.db.replica.count()).toBe(0);
    await expect(hook.snapshot.refresh()).rejects.toThrow();
  });

  it("says so when it cannot be refreshed", async () => {
    leaseWay.turn("cut");
    await expect(hook.snapshot.refresh()).rejects.toMatchObject({ code: "INTERNAL" });
  });
});

describe("a change", () => {
  const orders = { query: "{ orders { id } vaccinations { id } }" };
  const ask = async (request: unknown) => {
    const { status: code, body } = await hook.post(ann, request);
    return code === 200 ? body["X-Hasura-Role"] : body.reason;
  };
  const enforced = async (generation: bigint) => {
    await awaitEnforced(inventory.db, generation, { timeoutMs: 10_000 });
  };

  it("of blocks is taken up, and so is their end", async () => {
    const { db, ports } = inventory;
    const target = { hasuraId: HASURA, subject: ANN, portId: ports.health };
    const block = { ...target, reason: "leaked", actor: "test" };
    await enforced(await change(db, (tx) => addBlock(tx, block), { blocks: true }));
    expect(await ask(VACCINATIONS)).toBe("BLOCKED");
    await enforced(await change(db, (tx) => endBlocks(tx, target, "over"), { blocks: true }));
    expect(await ask(VACCINATIONS)).toBe("health_role");
  });

  it("of an external role is taken up: its fields, who has it, its end", async () => {
    const { db } = inventory;
    const role = { hasuraId: HASURA, role: "older_role" };
    const component = { ...role, componentId: "urn:dmb:cmp:older" };
    await db.$transaction((tx) => upsertExternalRole(tx, { ...component, fields: ["old_a"] }));
    const users = { ...role, kind: "user" as const, actor: "test" };
    await enforced(
      (await db.$transaction((tx) => replaceExternalGrants(tx, { ...users, subjects: [ANN] })))
        .generation,
    );
    expect(await ask({ query: "{ old_a }" })).toBe("older_role");
    await enforced(
      (await db.$transaction((tx) => upsertExternalRole(tx, { ...component, fields: ["old_b"] })))
        .generation,
    );
    expect(await ask({ query: "{ old_a }" })).toBe("FIELD_NOT_GRANTED");
    expect(await ask({ query: "{ old_b }" })).toBe("older_role");
    await enforced(
      (await db.$transaction((tx) => removeExternalRole(tx, { ...role, reason: "gone" })))
        .generation,
    );
    expect(await ask({ query: "{ old_b }" })).toBe("FIELD_NOT_GRANTED");
  });

  it("that makes a combined role is taken up, and so is the loss of a member", async () => {
    const { db, ports, grant, revoke } = inventory;
    await enforced(await grant(ports.sales, ANN));
    expect(await ask(orders)).toBe("SEVERAL_ROLES_NEEDED");
    const { id, name } = await want(db, [ports.sales, ports.health]);
    const state = (to: "ACTIVE" | "UNWANTED") =>
      change(db, (tx) => tx.combinedRole.update({ where: { id }, data: { state: to } }), {
        holders: [id],
      });
    await enforced(await state("ACTIVE"));
    expect(await ask(orders)).toBe(name);
    await enforced(await state("UNWANTED"));
    expect(await ask(orders)).toBe("SEVERAL_ROLES_NEEDED");
    await enforced(await state("ACTIVE"));
    await enforced(await revoke(ports.sales, ANN));
    expect(await ask(orders)).toBe("FIELD_NOT_GRANTED");
  });

  it("of more than is changed in place is read as a whole", async () => {
    const { db, ports } = inventory;
    const many = Array.from({ length: 1_500 }, () => randomUUID());
    const generation = await change(
      db,
      (tx) =>
        tx.grant.updateMany({
          where: { subject: ANN, endedAt: null },
          data: { endedAt: new Date() },
        }),
      { holders: [...many, ports.health] },
    );
    await enforced(generation);
    expect(await ask(VACCINATIONS)).toBe("NO_GRANT");
  });

  it("is not read again and again: a replica loads only what changed", async () => {
    const { db, ports, revoke } = inventory;
    // Nobody was told of this one, so it is not seen until the port is read for another reason.
    await db.outputPort.update({ where: { id: ports.health }, data: { role: "renamed" } });
    await enforced(await change(db, async () => undefined, { holders: [ports.sales] }));
    expect(await ask(VACCINATIONS)).toBe("health_role");
    await enforced(await revoke(ports.health, "user:nobody"));
    expect(await ask(VACCINATIONS)).toBe("renamed");
    await db.outputPort.update({ where: { id: ports.health }, data: { role: "health_role" } });
    await enforced(await change(db, async () => undefined));
    expect(await ask(VACCINATIONS)).toBe("health_role");
  });
});
