/**
 * The n-th call to Hasura or to the source goes wrong, for every n of a change: it ends as it was asked for, or FAILED
 * and whole, and nothing of anybody else's has changed.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IMPATIENT, KINDS, type Kind, LATE_MS, SOURCE_TIMEOUT_MS } from "./kinds.ts";
import { type Lane, untilQuiet } from "./lane.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import {
  ask,
  askAgain,
  begin,
  type Change,
  SCENARIOS,
  type Scenario,
  UPDATE,
} from "./scenarios.ts";
import { createTally } from "./tally.ts";

const LONG = process.env.TEST_ALL === "1";
const LANES = LONG ? 4 : 2;

let lanes: Lanes;
const tally = createTally("one call goes wrong");
/** What was hit, by the scenario's name. */
const seen = new Map<string, Set<string>>();

beforeAll(async () => {
  const settings = { ...IMPATIENT, OPERATION_DEADLINE: "10" };
  lanes = await openLanes(LANES, { settings, sourceTimeoutMs: SOURCE_TIMEOUT_MS });
});
afterAll(async () => {
  await lanes?.stop();
  tally.print();
});

/** @returns what was hit; null when the change makes fewer calls */
async function disturb(
  lane: Lane,
  scenario: Scenario,
  kind: Kind,
  nth: number,
): Promise<string | null> {
  const { plane } = lane;
  const changes = scenario.changes(nth);
  await begin(lane, scenario, changes);
  await plane.fault({ ...kind.fault, match: "/", skip: nth });
  const tokens = await ask(lane, changes);
  const ended = await Promise.all(tokens.map((token) => plane.end(token)));
  const hits = await lane.hits();
  await plane.clearFaults();
  await untilQuiet(hits, LATE_MS);

  const failed: Change[] = [];
  for (const [index, operation] of ended.entries()) {
    const change = changes[index];
    if (change === undefined) throw new Error("there is a token too many");
    const { port, from, to } = change;
    tally.count(operation);
    if (operation.status === "COMPLETED") {
      await lane.expectNothingPlanned(operation, port);
      await lane.expectWhole([{ port, states: [to] }]);
      continue;
    }
    expect({ ...operation, mayFail: kind.mayFail }).toMatchObject({
      status: "FAILED",
      mayFail: true,
    });
    await lane.expectWhole([{ port, states: [from, to] }]);
    failed.push(change);
  }
  await askAgain(lane, failed);
  return hits[0]?.what ?? null;
}

/** The cases of one scenario and one kind: every call or, in the short form, one of them. */
async function disturbEach(scenario: Scenario, kind: Kind, first: number, last: number) {
  await lanes.use(async (lane) => {
    for (let nth = first; nth <= last; nth += 1) {
      const hit = await disturb(lane, scenario, kind, nth).catch((cause: unknown) => {
        throw new Error(`${scenario.name}, call ${nth}: ${kind.name}: ${cause}`, { cause });
      });
      if (hit === null) break;
      tally.case();
      seen.set(scenario.name, (seen.get(scenario.name) ?? new Set()).add(hit));
    }
  });
}

if (LONG)
  describe.each(SCENARIOS)("$name, whichever call goes wrong", (scenario) => {
    it.concurrent.each(KINDS)("$name", { timeout: 900_000 }, (kind) =>
      disturbEach(scenario, kind, 0, Number.POSITIVE_INFINITY),
    );

    it("was disturbed at every call it makes", () => {
      expect([...(seen.get(scenario.name) ?? [])].sort()).toEqual(
        [...new Set(scenario.calls)].sort(),
      );
    });
  });
else
  describe("a call that goes wrong", () => {
    // Each kind once, at a write, and each scenario.
    it.concurrent.each(KINDS.map((kind, index) => ({ ...kind, index })))(
      "$name",
      { timeout: 60_000 },
      async ({ index, ...kind }) => {
        const scenario = SCENARIOS[index] ?? UPDATE;
        const write = scenario.calls.length - 1;
        await disturbEach(scenario, kind, write, write);
      },
    );
  });
