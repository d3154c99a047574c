/** From the n-th call on everything goes wrong: the operation fails by its deadline, says why, and leaves no half. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IMPATIENT, KINDS, LATE_MS, SOURCE_TIMEOUT_MS } from "./kinds.ts";
import { untilQuiet } from "./lane.ts";
import { type Lanes, openLanes } from "./lanes.ts";
import { ask, askAgain, begin, SCENARIOS, type Scenario } from "./scenarios.ts";
import { createTally } from "./tally.ts";

const LONG = process.env.TEST_ALL === "1";
const DEADLINE_S = 3;
/**
 * What was begun in time is not broken off: one look at the source (a login and a question), one at Hasura (three
 * reads), one write, and as long again to see what became of it. Beside that, a busy machine.
 */
const GRACE_MS =
  2 * SOURCE_TIMEOUT_MS +
  1_000 * (3 * Number(IMPATIENT.HASURA_TIMEOUT) + 2 * Number(IMPATIENT.HASURA_WRITE_TIMEOUT)) +
  2_000;

const NAMES = ["cut before it is read", "503 and nothing", "done too late"];
const LASTING = KINDS.filter(({ name }) => NAMES.includes(name));

const tally = createTally("every call from one on goes wrong");
let lanes: Lanes;

beforeAll(async () => {
  if (!LONG) return;
  const settings = { ...IMPATIENT, OPERATION_DEADLINE: String(DEADLINE_S) };
  lanes = await openLanes(4, { settings, sourceTimeoutMs: SOURCE_TIMEOUT_MS });
});
afterAll(async () => {
  await lanes?.stop();
  if (LONG) tally.print();
});

/** @returns whether the change makes so many calls */
function disturb(scenario: Scenario, fault: object, nth: number): Promise<boolean> {
  return lanes.use(async (lane) => {
    const { plane } = lane;
    const changes = scenario.changes(nth);
    await begin(lane, scenario, changes);
    await plane.fault({ ...fault, match: "/", skip: nth, times: 1_000_000 });
    const tokens = await ask(lane, changes);
    const ended = await Promise.all(tokens.map((token) => plane.end(token)));
    const hits = await lane.hits();
    await plane.clearFaults();
    await untilQuiet(hits, LATE_MS);
    if (hits.length === 0) return false;
    tally.case();
    for (const operation of ended) {
      tally.count(operation);
      const { status, code, result, finishedAt, deadlineAt } = operation;
      expect(status).not.toBe("RUNNING");
      expect((finishedAt?.getTime() ?? 0) - deadlineAt.getTime()).toBeLessThan(GRACE_MS);
      if (status === "COMPLETED") continue;
      expect(["HASURA_UNAVAILABLE", "SOURCE_UNAVAILABLE", "DEADLINE"]).toContain(code);
      expect(result).toMatch(/Hasura|Snowflake/);
    }
    const states = changes.map(({ port, from, to }, index) => ({
      port,
      states: ended[index]?.status === "COMPLETED" ? [to] : [from, to],
    }));
    await lane.expectWhole(states);
    await askAgain(
      lane,
      changes.filter((_, index) => ended[index]?.status !== "COMPLETED"),
    );
    return true;
  });
}

// The short form is in test/integration/operations/faults.test.ts.
describe.runIf(LONG).each(SCENARIOS)("$name", (scenario) => {
  it.concurrent.each(LASTING)("$name, from each call on", { timeout: 900_000 }, async (kind) => {
    for (let nth = 0; await disturb(scenario, kind.fault, nth); nth += 1);
  });
});
