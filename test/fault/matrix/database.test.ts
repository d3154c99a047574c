/** The service loses its connections to PostgreSQL while it carries something out: it ends as asked all the same. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPERATION_SWEEP_MS } from "../../../src/operations/queue.ts";
import { type CuttableWay, openCuttableWay } from "../cuttable.ts";
import { type Service, startService } from "../service.ts";
import { type Lane, openLane } from "./lane.ts";
import { ask, begin, SCENARIOS, type Scenario, UPDATE } from "./scenarios.ts";
import { createTally } from "./tally.ts";

const LONG = process.env.TEST_ALL === "1";
/** A lost wake-up costs a sweep at most. */
const ENDS_WITHIN_MS = OPERATION_SWEEP_MS + 5_000;
const HELD_MS = 300;
const VICTIM = "portcullis-victim";
const SETTINGS = { HASURA_TIMEOUT: "2", HASURA_WRITE_TIMEOUT: "5", OPERATION_DEADLINE: "60" };

const tally = createTally("PostgreSQL's connections are cut");
let lane: Lane;
let way: CuttableWay;
let service: Service;

beforeAll(async () => {
  lane = await openLane({ worker: false, settings: SETTINGS });
  const { sandbox } = lane.plane;
  way = await openCuttableWay(sandbox.databaseUrl);
  const url = new URL(way.url);
  url.searchParams.set("application_name", VICTIM);
  service = await startService({ ...sandbox, databaseUrl: url.toString() }, SETTINGS);
});
afterAll(async () => {
  await service?.program.end("SIGTERM");
  await way?.stop();
  await lane?.stop();
  tally.print();
});

/** As an administrator ends sessions, or a server that is shut down. */
async function terminate(): Promise<void> {
  const client = new Client({ connectionString: lane.plane.sandbox.databaseUrl });
  await client.connect();
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name IN ($1, 'portcullis-locks')`,
    [VICTIM],
  );
  await client.end();
}

const WAYS: readonly { readonly name: string; readonly cut: () => Promise<void> }[] = [
  { name: "sessions ended", cut: terminate },
  { name: "connections cut", cut: async () => way.cut(0) },
  { name: "away for a second", cut: async () => way.cut(1_000) },
];

/** It goes on living through all of it. */
function expectAlive(): void {
  const { child, output } = service.program;
  const end = child.exitCode ?? child.signalCode;
  if (end !== null)
    throw new Error(
      `the service has ended (${end}): ${output().split("\n").slice(-20).join("\n")}`,
    );
}

async function expectEnded(scenario: Scenario, nth: number, tokens: readonly string[]) {
  const changes = scenario.changes(nth);
  for (const [index, token] of tokens.entries()) {
    await expect
      .poll(() => service.status(token).catch(String), { timeout: ENDS_WITHIN_MS, interval: 50 })
      .toBe("COMPLETED");
    tally.count(await lane.plane.end(token));
    const change = changes[index];
    if (change === undefined) throw new Error("there is a token too many");
    await lane.expectNothingPlanned(await lane.plane.end(token), change.port);
  }
  await lane.expectWhole(changes.map(({ port, to }) => ({ port, states: [to] })));
  expectAlive();
  tally.case();
}

/** @returns whether a call was held meanwhile */
async function cutAtCall(scenario: Scenario, nth: number, cut: () => Promise<void>) {
  const changes = scenario.changes(nth);
  await begin(lane, scenario, changes);
  await lane.plane.fault({ match: "/", skip: nth, action: "delay", ms: HELD_MS });
  const tokens = await ask(lane, changes);
  const ended = Promise.all(tokens.map((token) => lane.plane.end(token))).then(() => true);
  let isOver = false;
  while (!isOver && (await lane.hits()).length === 0)
    isOver = await Promise.race([ended, sleep(10, false)]).finally(expectAlive);
  const wasHeld = (await lane.hits()).length > 0;
  await lane.plane.clearFaults();
  if (!wasHeld) return false;
  await cut();
  await expectEnded(scenario, nth, tokens);
  return true;
}

async function cutAtMoment(scenario: Scenario, nth: number, afterMs: number) {
  const changes = scenario.changes(nth);
  await begin(lane, scenario, changes);
  const tokens = await ask(lane, changes);
  await sleep(afterMs);
  await terminate();
  await expectEnded(scenario, nth, tokens);
}

/** How often, one cut after the other: more often than what is unexpected is tried. */
const CUTS = 8;

async function cutAgainAndAgain(scenario: Scenario, nth: number, pauseMs: number) {
  const changes = scenario.changes(nth);
  await begin(lane, scenario, changes);
  const tokens = await ask(lane, changes);
  for (let cut = 0; cut < CUTS; cut += 1) {
    await sleep(pauseMs);
    await terminate();
  }
  await expectEnded(scenario, nth, tokens);
}

describe("connections to PostgreSQL cut", () => {
  describe.each(LONG ? SCENARIOS : [UPDATE])("$name", (scenario) => {
    it.each(LONG ? WAYS : WAYS.slice(-1))(
      "$name, at each call: it ends as it was asked",
      { timeout: 900_000 },
      async ({ cut }) => {
        const first = LONG ? 0 : scenario.calls.length - 1;
        for (let nth = first; LONG || nth === first; nth += 1)
          if (!(await cutAtCall(scenario, nth, cut))) break;
      },
    );

    it.runIf(LONG)(
      "sessions ended at any moment: it ends as it was asked",
      { timeout: 900_000 },
      async () => {
        for (let nth = 0; nth < 12; nth += 1) await cutAtMoment(scenario, nth, nth * 20);
      },
    );

    it.runIf(LONG)(
      "sessions ended again and again: it ends as it was asked",
      { timeout: 900_000 },
      async () => {
        for (let nth = 0; nth < 12; nth += 1) await cutAgainAndAgain(scenario, nth, 40 + 15 * nth);
      },
    );
  });
});
