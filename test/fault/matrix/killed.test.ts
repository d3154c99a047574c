/** The service is killed while its n-th call is held: whoever is started next ends what was accepted. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Service, startService } from "../service.ts";
import { type Lane, openLane, untilQuiet } from "./lane.ts";
import { ask, begin, SCENARIOS, type Scenario, UPDATE } from "./scenarios.ts";
import { createTally } from "./tally.ts";

const LONG = process.env.TEST_ALL === "1";
/** Longer than the next process takes to look: a held write arrives when it has made its plan. */
const HELD_MS = 3_500;
const ENDS_WITHIN_MS = 20_000;
const SETTINGS = { HASURA_TIMEOUT: "2", HASURA_WRITE_TIMEOUT: "6", OPERATION_DEADLINE: "30" };

const tally = createTally("the service is killed");
let lane: Lane;
let service: Service;

beforeAll(async () => {
  lane = await openLane({ worker: false, settings: SETTINGS });
  service = await startService(lane.plane.sandbox, SETTINGS);
});
afterAll(async () => {
  await service?.program.end();
  await lane?.stop();
  tally.print();
});

/** @returns what was held; null when the change makes fewer calls */
async function kill(
  scenario: Scenario,
  nth: number,
  when: "before" | "after",
): Promise<string | null> {
  const changes = scenario.changes(nth);
  await begin(lane, scenario, changes);
  await lane.plane.fault({ match: "/", skip: nth, action: "delay", when, ms: HELD_MS });
  const tokens = await ask(lane, changes);
  const ended = Promise.all(tokens.map((token) => lane.plane.end(token))).then(() => true);
  while ((await lane.hits()).length === 0)
    if (await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20, false))]))
      break;
  const hits = await lane.hits();
  await lane.plane.clearFaults();
  if (hits.length > 0) {
    await service.program.end("SIGKILL");
    service = await startService(lane.plane.sandbox, SETTINGS);
  }
  for (const [index, token] of tokens.entries()) {
    await expect
      .poll(() => service.status(token), { timeout: ENDS_WITHIN_MS, interval: 50 })
      .toBe("COMPLETED");
    const operation = await lane.plane.end(token);
    tally.count(operation);
    const change = changes[index];
    if (change === undefined) throw new Error("there is a token too many");
    await lane.expectNothingPlanned(operation, change.port);
  }
  await untilQuiet(hits, HELD_MS);
  await lane.expectWhole(changes.map(({ port, to }) => ({ port, states: [to] })));
  if (hits.length > 0) tally.case();
  return hits[0]?.what ?? null;
}

describe("kill -9 of the service", () => {
  it.each(LONG ? SCENARIOS : [UPDATE])(
    "$name: is ended by the next one, wherever it was",
    { timeout: 600_000 },
    async (scenario) => {
      const write = scenario.calls.length - 1;
      const first = LONG ? 0 : write;
      for (let nth = first; LONG || nth === write; nth += 1) {
        // Held before it is done, a write arrives though its sender is dead; held after it, the answer is lost.
        const held = await kill(scenario, nth, "before");
        if (held === null) break;
        if (LONG && held === scenario.calls[write]) await kill(scenario, nth, "after");
      }
    },
  );
});
