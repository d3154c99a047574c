/**
 * Two committers at once, because one was paused and has lost its lock without knowing: the version that its write was
 * planned on keeps it from undoing what the other has written meanwhile.
 */
import { Client } from "pg";
import { afterEach, expect, it } from "vitest";
import { readConfig } from "../../../src/config.ts";
import { createContext } from "../../../src/context.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { submitProvision } from "../../../src/operations/submit.ts";
import { awaitOperation } from "../../../src/operations/wait.ts";
import { sandboxEnvironment } from "../../../src/sandbox/environment.ts";
import { startWorker, type Worker } from "../../../src/worker.ts";
import { startTestSandbox, type TestSandbox } from "../../support/sandbox.ts";
import { DATABASE, describePort, type PortAs, viewsSql } from "../descriptors.ts";
import {
  command,
  differencesFrom,
  exportMetadata,
  moveInStrangers,
  strangersIn,
} from "../metadata.ts";
import { openTap, type Tap, writesOf } from "./tap.ts";

const PORTS = [0, 1, 2].map((port) => ({ product: "fence", port }));
const FIRST = { product: "fence", port: 0, variant: 0 };
const ENDS_WITHIN_MS = 20_000;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Replica {
  readonly ctx: OperationsContext;
  readonly tap: Tap;
  work(): Promise<Worker>;
}

async function openSandbox(): Promise<TestSandbox> {
  const sandbox = await startTestSandbox();
  closing.push(() => sandbox.stop());
  await sandbox.addSnowflakeDatabase(DATABASE, viewsSql(PORTS));
  await moveInStrangers(sandbox, { inconsistent: false });
  return sandbox;
}

async function openReplica(
  sandbox: TestSandbox,
  who: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Replica> {
  const tap = await openTap(sandbox.url, who);
  closing.push(() => tap.stop());
  const settings = { ...sandboxEnvironment({ ...sandbox, hasuraUrl: tap.url }), ...more };
  const context = await createContext(readConfig(settings), createLogger({ level: "silent" }));
  closing.push(() => context.stop());
  return {
    tap,
    ctx: context.operations,
    async work() {
      const worker = await startWorker(context.operations, { reconcileSchedule: null });
      closing.push(() => worker.stop());
      return worker;
    },
  };
}

function ask({ ctx }: Replica, as: PortAs): Promise<string> {
  return submitProvision(ctx, { descriptor: describePort(as) }, "test");
}

async function expectEnded({ ctx }: Replica, token: string, status: string): Promise<void> {
  await awaitOperation(ctx, token, ENDS_WITHIN_MS);
  const operation = await ctx.db.operation.findUniqueOrThrow({ where: { token } });
  expect(operation).toMatchObject({ status });
}

function expectCompleted(replica: Replica, token: string): Promise<void> {
  return expectEnded(replica, token, "COMPLETED");
}

/** The committer's session ends; it does not notice. */
async function loseLock(sandbox: TestSandbox): Promise<void> {
  const client = new Client({ connectionString: sandbox.databaseUrl });
  await client.connect();
  const { rowCount } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'portcullis-locks'`,
  );
  await client.end();
  expect(rowCount).toBe(1);
}

it.each([
  ["bulk_keep_going", [FIRST]],
  ["replace_metadata", PORTS.map((port) => ({ ...port, variant: 0 }))],
] as const)("a late %s is refused, and nothing newer is lost", async (type, wanted) => {
  const sandbox = await openSandbox();
  const paused = await openReplica(sandbox, "paused");
  const other = await openReplica(sandbox, "other");
  const held = paused.tap.hold(type);
  const tokens = await Promise.all(wanted.map((as) => ask(paused, as)));
  const worker = await paused.work();
  await held.come;
  // What it has begun is its last: whatever is asked for from now on is the other's.
  const stopped = worker.stop();
  await loseLock(sandbox);

  await other.work();
  for (const token of tokens) await expectCompleted(other, token);
  const newer = { ...FIRST, variant: 1 };
  await expectCompleted(other, await ask(other, newer));
  const table = ["MOBILITY", "TRIPS_1", "CITY_TRIPS_VIEW"];
  await command(
    sandbox,
    JSON.stringify({
      type: "snowflake_create_select_permission",
      args: {
        ...{ source: "theirs_mobility", table, role: "late_comer" },
        permission: { columns: ["TRIP_ID"], filter: {} },
      },
    }),
  );
  const before = strangersIn(await exportMetadata(sandbox), PORTS);
  expect(before).toContain("late_comer");
  expect(writesOf([paused.tap])).toMatchObject([{ type, status: null }]);

  held.release();
  await stopped;
  // It planned again, and found that nothing of it was left to do.
  expect(writesOf([paused.tap])).toMatchObject([{ type, status: 409 }]);
  const metadata = await exportMetadata(sandbox);
  expect(strangersIn(metadata, PORTS)).toBe(before);
  for (const as of [...wanted.slice(1), newer]) expect(differencesFrom(metadata, as)).toEqual([]);
  for (const token of tokens) await expectCompleted(paused, token);
});

it("a write that was given up cannot undo what was found to be so later", async () => {
  const sandbox = await openSandbox();
  const settings = { OPERATION_DEADLINE: "4", HASURA_TIMEOUT: "1", HASURA_WRITE_TIMEOUT: "1" };
  const replica = await openReplica(sandbox, "only", settings);
  await replica.work();
  await expectCompleted(replica, await ask(replica, FIRST));

  const held = replica.tap.hold("bulk_keep_going");
  const changing = await ask(replica, { ...FIRST, variant: 1 });
  await held.come;
  const away = { match: "/v1/metadata", times: 1_000_000, action: "status", status: 503, body: "" };
  await fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", body: JSON.stringify(away) });
  await expectEnded(replica, changing, "FAILED");
  await fetch(`${sandbox.url}/sandbox/faults`, { method: "DELETE" });

  // Hasura holds this all the time; that is no proof while the write may still come.
  await expectCompleted(replica, await ask(replica, FIRST));
  const [given] = writesOf([replica.tap]).filter(({ status }) => status === null);
  held.release();
  await expect.poll(() => given?.status).toBe(409);
  expect(differencesFrom(await exportMetadata(sandbox), FIRST)).toEqual([]);
});
