/** Three processes under mixed operations, with faults and deaths: in the end everything is as it was asked last. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { componentIdOf } from "../../support/described-port.ts";
import { type Plane, startPlane } from "../../support/plane.ts";
import { DATABASE, viewsSql } from "../descriptors.ts";
import {
  differencesFrom,
  exportMetadata,
  holdingOf,
  moveInStrangers,
  NOTHING,
  strangersIn,
} from "../metadata.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { type Asked, type Sent, sendMixed } from "./load.ts";
import { overlapping, writesOf } from "./tap.ts";

const LONG = process.env.TEST_ALL === "1";
const { operations, products, killEvery } = LONG
  ? { operations: 1_000, products: 10, killEvery: 100 }
  : { operations: 60, products: 2, killEvery: 40 };
const REPLICAS = 3;
const ENDS_WITHIN_MS = 240_000;
const SEED = Math.floor(Math.random() * 2 ** 31);

const PORTS = Array.from({ length: products * 5 }, (_, index) => ({
  product: `fleet${Math.floor(index / 5)}`,
  port: index % 5,
}));
const SETTINGS = { OPERATION_DEADLINE: "600", HASURA_TIMEOUT: "5", HASURA_WRITE_TIMEOUT: "10" };

/** What goes wrong with one call in five, each as likely as the others. */
const FAULTS = [
  { action: "reset" },
  { action: "reset", when: "after" },
  { action: "status", status: 503, body: "" },
  { action: "status", status: 200, body: "<html>", when: "after" },
  { action: "delay", ms: 150 },
];
const CHANCE = 1 - 0.8 ** (1 / FAULTS.length);

let plane: Plane;
let fleet: Fleet;
let strangers: string;
let sent: Sent;
let lock: { readonly most: number; readonly holders: number };
const asked: Asked[] = PORTS.map((port) => ({ port, variant: null, subjects: [] }));

beforeAll(async () => {
  plane = await startPlane({ worker: false });
  const { sandbox } = plane;
  await sandbox.addSnowflakeDatabase(DATABASE, viewsSql(PORTS));
  await moveInStrangers(sandbox, { inconsistent: false });
  strangers = strangersIn(await exportMetadata(sandbox), PORTS);
  fleet = await startFleet(sandbox, REPLICAS, SETTINGS);
});
afterAll(async () => {
  await fleet?.stop();
  await plane?.stop();
});

/** Looks again and again who holds the committer's lock, until stopped. */
function watchLock(): () => Promise<{ most: number; holders: number }> {
  const holders = new Set<number>();
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    const client = new Client({ connectionString: plane.sandbox.databaseUrl });
    await client.connect();
    while (!isOver) {
      const { rows } = await client.query<{ pid: number }>(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7206 AND granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      most = Math.max(most, rows.length);
      for (const { pid } of rows) holders.add(pid);
      await sleep(10);
    }
    await client.end();
  })();
  return async () => {
    isOver = true;
    await watching;
    return { most, holders: holders.size };
  };
}

/** How many calls something was done to; the stand-in remembers no more than a thousand. */
async function hits(): Promise<number> {
  const response = await fetch(`${plane.sandbox.url}/sandbox/faults`);
  return ((await response.json()) as { hits: unknown[] }).hits.length;
}

const running = () => plane.ctx.db.operation.count({ where: { status: "RUNNING" } });

describe(`${operations} operations on ${PORTS.length} ports, ${REPLICAS} processes, one call in five fails`, () => {
  it("every operation ends", { timeout: 600_000 }, async () => {
    const began = performance.now();
    const stopWatching = watchLock();
    for (const fault of FAULTS)
      await plane.fault({ ...fault, match: "/v1/metadata", times: 1_000_000, chance: CHANCE });
    const replacing: Promise<void>[] = [];
    sent = await sendMixed(fleet, asked, {
      operations,
      clients: LONG ? 10 : 4,
      seed: SEED,
      onSent: (count) => {
        if (count % killEvery === 0) replacing.push(fleet.replaceOne());
      },
    });
    await Promise.all(replacing);
    const sentMs = performance.now() - began;
    await expect.poll(running, { timeout: ENDS_WITHIN_MS, interval: 100 }).toBe(0);
    const endedMs = performance.now() - began;
    const faults = await hits();
    await plane.clearFaults();
    lock = await stopWatching();
    const writes = writesOf(fleet.taps);
    const taken = writes.filter(({ status }) => status === 200).length;
    const kinds = [...sent.kinds].map(([kind, times]) => `${times} ${kind}`);
    process.stdout.write(
      `replicas (seed ${SEED}): ${kinds.join(", ")}; ${sent.repeated} sent again; ${replacing.length} processes killed; accepted in ${Math.round(sentMs / 1000)} s, ended in ${Math.round(endedMs / 1000)} s; ${writes.length} writes, ${taken} answered 200; ${faults} calls failed or were late; the lock had ${lock.holders} holders one after the other\n`,
    );
  });

  it("as it was asked; only an access list may be overtaken by a teardown", async () => {
    const failed = await plane.ctx.db.operation.findMany({ where: { status: "FAILED" } });
    for (const { kind, code, result } of failed)
      expect([kind, code, result]).toEqual(["UPDATE_ACL", "NOT_PROVISIONED", expect.anything()]);
  });

  it("every token is answered, by every process", async () => {
    for (const service of fleet.all())
      for (const token of sent.tokens.slice(-100))
        expect(await service.status(token)).toMatch(/COMPLETED|FAILED/);
    const tokens = await plane.ctx.db.operation.findMany({ select: { token: true } });
    const known = new Set(tokens.map(({ token }) => token));
    expect(sent.tokens.filter((token) => !known.has(token))).toEqual([]);
  });

  it("Hasura holds the last accepted revision of each port, and nothing else of ours", async () => {
    const metadata = await exportMetadata(plane.sandbox);
    for (const { port, variant } of asked)
      if (variant === null) expect(holdingOf(metadata, port)).toBe(NOTHING);
      else expect(differencesFrom(metadata, { ...port, variant })).toEqual([]);
    expect(strangersIn(metadata, PORTS)).toBe(strangers);
    const empty = metadata.sources.filter(
      ({ name, tables }) => !String(name).startsWith("theirs") && (tables as []).length === 0,
    );
    expect(empty).toEqual([]);
  });

  it("the last accepted access list is in force; nobody reads what is gone", async () => {
    for (const { port, subjects } of asked) {
      const live = await plane.ctx.db.grant.findMany({
        where: { endedAt: null, port: { componentId: componentIdOf(port) } },
        select: { subject: true },
      });
      expect(live.map(({ subject }) => subject).sort()).toEqual([...subjects].sort());
    }
  });

  it("there were never two committers", () => {
    expect(lock.most).toBe(1);
    expect(lock.holders).toBeGreaterThan(LONG ? 2 : 0);
    expect(overlapping(writesOf(fleet.taps))).toEqual([]);
  });
});
