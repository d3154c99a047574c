import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBindings } from "../../../src/access/bindings.ts";
import { type Snapshot, startSnapshot } from "../../../src/access/snapshot.ts";
import { bumpGeneration } from "../../../src/inventory/access.ts";
import { openDb } from "../../../src/inventory/db.ts";
import { bindGroups, loadBindings, type NewBinding } from "../../../src/inventory/groups.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { startProxy, type TestProxy } from "./hook.ts";
import { createInventory, HASURA, type TestInventory } from "./inventory.ts";

const log = createLogger({ level: "silent" });
const NURSES = "group:nurses";
let inventory: TestInventory;

beforeAll(async () => {
  inventory = await createInventory();
});
afterAll(() => inventory.stop());

const binding = (subject: string, objectId: string): NewBinding => ({
  subject,
  objectId,
  name: subject,
});
/** Binds as an operation does, counting the change of access. */
async function bind(...bindings: NewBinding[]): Promise<bigint> {
  return await inventory.db.$transaction(async (tx) => {
    await bindGroups(tx, bindings, { actor: "test", operationToken: randomUUID() });
    return await bumpGeneration(tx, { groups: true });
  });
}
const liveIdOf = async (subject: string) => {
  const live = await inventory.db.groupBinding.findMany({ where: { subject, endedAt: null } });
  expect(live.length).toBeLessThanOrEqual(1);
  return live[0]?.objectId;
};

describe("bindings in the inventory", () => {
  it("give way while nobody is granted by them, and are kept afterwards", async () => {
    const { ports, grant, revoke, db } = inventory;
    await bind(binding(NURSES, "id-1"));
    await bind(binding(NURSES, "id-2"));
    expect(await liveIdOf(NURSES)).toBe("id-2");
    await grant(ports.health, NURSES);
    await bind(binding(NURSES, "id-3"));
    expect(await liveIdOf(NURSES)).toBe("id-2");
    await revoke(ports.health, NURSES);
    await bind(binding(NURSES, "id-3"));
    expect(await liveIdOf(NURSES)).toBe("id-3");
    const all = await db.groupBinding.findMany({ where: { subject: NURSES } });
    expect(all.map(({ objectId, endedAt }) => [objectId, endedAt === null])).toEqual([
      ["id-1", false],
      ["id-2", false],
      ["id-3", true],
    ]);
  });

  it("are one, however many bind a group at once", async () => {
    const many = Array.from({ length: 4 }, (_, index) =>
      bind(binding("group:rush", `rush-${index}`)),
    );
    await Promise.all(many);
    expect(await liveIdOf("group:rush")).toMatch(/^rush-\d$/);
  });

  it("are found by object id, several names of one group too", async () => {
    await bind(binding("group:a", "shared"), binding("group:b", "shared"), binding("group:c", "c"));
    const generation = await bind();
    const { subjects, ...rest } = await loadBindings(inventory.db, ["shared", "x' OR true --"]);
    expect(rest.generation).toBe(generation);
    expect([...subjects].map(([id, names]) => [id, [...names].sort()])).toEqual([
      ["shared", ["group:a", "group:b"]],
    ]);
    expect((await loadBindings(inventory.db)).subjects.get("c")).toEqual(["group:c"]);
  });
});

describe("bindings at hand", () => {
  let proxy: TestProxy;
  let snapshot: Snapshot;

  beforeAll(async () => {
    proxy = await startProxy(inventory.database.url);
    const { db } = inventory;
    snapshot = startSnapshot({
      db,
      databaseUrl: proxy.url,
      hasuraId: HASURA,
      maxStalenessMs: 300,
      log,
    });
    await snapshot.refresh();
  });
  afterAll(async () => {
    await snapshot.stop();
    await proxy.stop();
  });

  it("are as new as the snapshot: what is bound otherwise is known with the next one", async () => {
    const subjectsOf = createBindings({ db: inventory.db, snapshot, log });
    await bind(binding("group:moved", "old"));
    await snapshot.refresh();
    await expect.poll(() => subjectsOf(["old"])).toEqual(["group:moved"]);
    for (let round = 0; round < 10; round += 1) {
      const [from, to] = round % 2 === 0 ? ["old", "new"] : ["new", "old"];
      await bind(binding("group:moved", to));
      await snapshot.refresh();
      expect([await subjectsOf([from]), await subjectsOf([to])]).toEqual([[], ["group:moved"]]);
    }
  });

  it("need no database while the snapshot is in force, and are not used when it is not", async () => {
    let asked = 0;
    const db = openDb(proxy.url, { poolSize: 2 });
    const counting = {
      $queryRawUnsafe: (sql: string, ...values: unknown[]) => {
        asked += 1;
        return db.$queryRawUnsafe(sql, ...values);
      },
    };
    try {
      await bind(binding("group:kept", "kept"));
      await snapshot.refresh();
      const subjectsOf = createBindings({ db: counting, snapshot, log });
      await expect.poll(() => subjectsOf(["kept"])).toEqual(["group:kept"]);
      await snapshot.refresh();
      await expect.poll(() => Array.isArray(subjectsOf(["kept"]))).toBe(true);
      const before = asked;
      // A change of anything else leaves them as they are.
      await inventory.grant(inventory.ports.health, "group:kept");
      await snapshot.refresh();
      for (let index = 0; index < 100; index += 1)
        if (snapshot.current() !== null) expect(await subjectsOf(["kept"])).toEqual(["group:kept"]);
      expect(asked).toBe(before);
      proxy.turn("silent");
      await expect.poll(() => snapshot.current()).toBeNull();
      expect(await subjectsOf(["kept"])).toBeNull();
      const flood = await Promise.all(Array.from({ length: 100 }, () => subjectsOf(["kept"])));
      expect(flood.every((answer) => answer === null)).toBe(true);
      expect(asked - before).toBeLessThan(40);
    } finally {
      proxy.turn("cut");
      proxy.turn("open");
      await db.$disconnect();
    }
  });
});
