import { Client } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Locks, openLocks } from "../../../src/inventory/locks.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

const LOCK = { kind: 1, name: "hasura" };

let database: TestDatabase;
let opened: Locks[] = [];
beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  await Promise.all(opened.map((locks) => locks.stop()));
  opened = [];
});
afterAll(() => database?.drop());

/** As each process has them. */
function open(name = "locks"): Locks {
  const locks = openLocks(database.url, name);
  opened.push(locks);
  return locks;
}

const nothing = async (): Promise<void> => undefined;

describe("a lock", () => {
  it("is held by one at a time, in whichever process, and free again afterwards", async () => {
    const [one, other] = [open(), open()];
    const meanwhile: boolean[] = [];
    const wasFree = await one.hold(LOCK, async () => {
      meanwhile.push(await one.hold(LOCK, nothing), await other.hold(LOCK, nothing));
      meanwhile.push(await other.hold({ ...LOCK, name: "another" }, nothing));
    });
    expect(wasFree).toBe(true);
    expect(meanwhile).toEqual([false, false, true]);
    expect(await other.hold(LOCK, nothing)).toBe(true);
    expect(await one.hold(LOCK, nothing)).toBe(true);
  });

  it("is free again when the work fails", async () => {
    const fault = new Error("the work failed");
    await expect(open().hold(LOCK, () => Promise.reject(fault))).rejects.toBe(fault);
    expect(await open().hold(LOCK, nothing)).toBe(true);
  });

  it("is lost with its connection: its holder can tell, and another can have it", async () => {
    const one = open("doomed");
    const free = await one.hold(LOCK, async (isLost) => {
      expect(isLost()).toBe(false);
      const admin = new Client({ connectionString: database.url });
      await admin.connect();
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'",
      );
      await admin.end();
      await expect.poll(isLost).toBe(true);
      expect(await open().hold(LOCK, nothing)).toBe(true);
    });
    expect(free).toBe(true);
    expect(await one.hold(LOCK, nothing)).toBe(true);
  });
});
