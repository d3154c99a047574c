import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ACCESS_CHANNEL,
  awaitEnforced,
  bumpGeneration,
  forgetReplica,
  laggingReplicas,
  readGeneration,
  registerReplica,
  renewLease,
} from "../../../src/inventory/access.ts";
import { change, createInventory, type TestInventory } from "./inventory.ts";

let inventory: TestInventory;
beforeAll(async () => {
  inventory = await createInventory();
});
afterAll(async () => await inventory.stop());

/** A replica with a lease on the newest generation. */
async function leasedReplica(ms: number): Promise<{ id: string; generation: bigint }> {
  const id = randomUUID();
  await registerReplica(inventory.db, id);
  const generation = await readGeneration(inventory.db);
  expect((await renewLease(inventory.db, id, generation, ms)).generation).toBe(generation);
  return { id, generation };
}

describe("the access generation", () => {
  it("is counted in the order of the commits, however many transactions change access at once", async () => {
    const before = await readGeneration(inventory.db);
    const counted = await Promise.all(
      Array.from({ length: 8 }, () => change(inventory.db, async () => undefined)),
    );
    const sorted = [...counted].sort((a, b) => Number(a - b));
    expect(sorted).toEqual(Array.from({ length: 8 }, (_, index) => before + BigInt(index + 1)));
    expect(await readGeneration(inventory.db)).toBe(before + 8n);
  });

  it("is told when the transaction is committed, and not when it is rolled back", async () => {
    const client = new Client({ connectionString: inventory.database.url });
    await client.connect();
    const told: (string | undefined)[] = [];
    client.on("notification", ({ payload }) => told.push(payload));
    await client.query(`LISTEN ${ACCESS_CHANNEL}`);
    const rolledBack = inventory.db.$transaction(async (tx) => {
      await bumpGeneration(tx, "everything");
      throw new Error("rolled back");
    });
    await expect(rolledBack).rejects.toThrow("rolled back");
    const generation = await change(inventory.db, async () => undefined);
    await expect.poll(() => told).toEqual([String(generation)]);
    await client.end();
  });
});

describe("a replica's lease", () => {
  it("is not given before it is asked for, and holds the barrier until it ends", async () => {
    const { db } = inventory;
    const id = randomUUID();
    await registerReplica(db, id);
    const next = await change(db, async () => undefined);
    expect(await laggingReplicas(db, next)).not.toContain(id);
    await renewLease(db, id, next, 60_000);
    expect(await laggingReplicas(db, next)).not.toContain(id);
    expect(await laggingReplicas(db, next + 1n)).toContain(id);
    await forgetReplica(db, id);
    expect(await laggingReplicas(db, next + 1n)).not.toContain(id);
  });

  it("is not prolonged for a replica that is behind", async () => {
    const { db } = inventory;
    const { id, generation } = await leasedReplica(400);
    const next = await change(db, async () => undefined);
    expect((await renewLease(db, id, generation, 60_000)).generation).toBe(next);
    expect(await laggingReplicas(db, next)).toEqual([id]);
    await awaitEnforced(db, next, { timeoutMs: 5_000 });
    expect((await renewLease(db, id, generation, 60_000)).generation).toBe(next);
    expect(await laggingReplicas(db, next)).toEqual([]);
  });

  it("is refused to those who are not registered", async () => {
    await expect(renewLease(inventory.db, randomUUID(), 1n, 1_000)).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  it("waits for a change that is being committed, and is not given for what was before", async () => {
    const { db } = inventory;
    const { id, generation } = await leasedReplica(1);
    let finish = (): void => undefined;
    const hold = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let counted = (): void => undefined;
    const inside = new Promise<void>((resolve) => {
      counted = resolve;
    });
    const changing = db.$transaction(async (tx) => {
      const bumped = await bumpGeneration(tx, {});
      counted();
      await hold;
      return bumped;
    });
    await inside;
    const renewing = renewLease(db, id, generation, 60_000);
    const early = await Promise.race([renewing, new Promise((r) => setTimeout(r, 150, "waits"))]);
    expect(early).toBe("waits");
    finish();
    const next = await changing;
    expect(next).toBe(generation + 1n);
    expect((await renewing).generation).toBe(next);
    expect(await laggingReplicas(db, next)).toEqual([]);
  });
});

describe("awaitEnforced", () => {
  it("fails when a replica does not follow in time, and passes when it does", async () => {
    const { db } = inventory;
    const { id } = await leasedReplica(60_000);
    const next = await change(db, async () => undefined);
    await expect(awaitEnforced(db, next, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "DEADLINE",
    });
    const waiting = awaitEnforced(db, next, { timeoutMs: 10_000 });
    await renewLease(db, id, next, 60_000);
    await waiting;
    await forgetReplica(db, id);
  });
});
