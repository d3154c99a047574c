import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Db, openDb } from "../../../src/inventory/db.ts";
import { recordHasura } from "../../../src/inventory/hasuras.ts";
import { migrate } from "../../../src/inventory/migrate.ts";
import { addOperation, endOperation } from "../../../src/inventory/operations.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { awaitOperation, type EndedSignal, listenForEnds } from "../../../src/operations/wait.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

const LONGER_THAN_A_TEST = 600_000;
const NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere";

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createDatabase();
  await migrate(database.url);
  db = openDb(database.url);
  await recordHasura(db, { id: "default", url: "http://127.0.0.1:1" });
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

async function running(): Promise<string> {
  const token = randomUUID();
  const facts = { kind: "VALIDATE" as const, fingerprint: token, request: {}, actor: "test" };
  const where = { hasuraId: "default", environment: "default", portId: null };
  await addOperation(db, { ...facts, ...where, token, deadlineAt: new Date() });
  return token;
}

const end = (token: string): Promise<void> =>
  endOperation(db, token, { status: "COMPLETED", result: "" });

/** Listens, and counts those who wait. */
function listen(url: string): EndedSignal & { readonly waiting: () => number } {
  const signal = listenForEnds(url, db, createLogger({ level: "silent" }));
  let waiting = 0;
  return {
    ...signal,
    waiting: () => waiting,
    expect(token) {
      const expected = signal.expect(token);
      const within = (ms: number): Promise<void> => {
        waiting += 1;
        return expected.within(ms);
      };
      return { ...expected, within };
    },
  };
}

describe("waiting for operations", () => {
  it("is over when they end, for each who waits and not for others", async () => {
    const ended = listen(database.url);
    const [one, other] = [await running(), await running()];
    let isOver = false;
    const another = awaitOperation({ db, ended }, other, LONGER_THAN_A_TEST).then(() => {
      isOver = true;
    });
    const waits = [1, 2].map(() => awaitOperation({ db, ended }, one, LONGER_THAN_A_TEST));
    await expect.poll(ended.waiting).toBe(3);
    await end(one);
    await Promise.all(waits);
    expect(isOver).toBe(false);
    await end(other);
    await another;
    await ended.stop();
  });

  it("is over although nobody tells of an end: the rows are looked at", async () => {
    const ended = listen(NOWHERE);
    const tokens = [await running(), await running()];
    const waits = tokens.map((token) => awaitOperation({ db, ended }, token, LONGER_THAN_A_TEST));
    await expect.poll(ended.waiting).toBe(2);
    await Promise.all(tokens.map(end));
    await Promise.all(waits);
    await ended.stop();
  });

  it("is over after its time, and at once for what has ended or is not known", async () => {
    const ended = listen(NOWHERE);
    await awaitOperation({ db, ended }, await running(), 1);
    const token = await running();
    await end(token);
    await awaitOperation({ db, ended }, token, LONGER_THAN_A_TEST);
    await awaitOperation({ db, ended }, randomUUID(), LONGER_THAN_A_TEST);
    expect(ended.waiting()).toBe(1);
    await ended.stop();
  });
});
