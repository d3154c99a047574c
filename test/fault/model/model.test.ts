/** Random commands of everybody who acts on a Hasura that is shared, against a naive model of what must come of them. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";
import { cancel, pause, updateAcl } from "./asked.ts";
import { changeAll, provision, unprovision } from "./change.ts";
import type { Command } from "./command.ts";
import { EDIT_NAMES, edit, restore } from "./edits.ts";
import { FOUND } from "./found.ts";
import { reconcile } from "./reconciled.ts";
import { runCommands } from "./run.ts";
import { openWorld, PORTS, type World } from "./world.ts";

const LONG = process.env.TEST_ALL === "1";
const SEEDS = LONG ? [1, 2, 3, 4] : [1];
const RANDOM = Math.floor(Math.random() * 2 ** 31);
const RUNS = LONG ? 50 : 2;
const MAX_COMMANDS = LONG ? 25 : 15;

let world: World;
let runs = 0;
let commands = 0;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world?.stop();
  const told = [...world.tally].sort().map(([what, times]) => `${times} ${what}`);
  process.stdout.write(
    `model: ${runs} runs of ${commands} commands; random seed ${RANDOM}; ${told.join(", ")}\n`,
  );
});

/** Mostly the same one: what happens to one port is what meets. */
const anyPort = fc.constantFrom(...PORTS.keys(), 0, 0, 0);
const anyVariant = fc.nat({ max: 3 });
const anySubjects = fc.subarray(["user:alice_example.com", "user:bob_example.com", "group:a"]);

/** Of several ports, each once. */
const anyChanges = fc.uniqueArray(
  fc.tuple(fc.constantFrom(...PORTS.keys()), fc.option(anyVariant, { freq: 3 })),
  { selector: ([port]) => port, minLength: 2, maxLength: PORTS.length },
);

/** The rarer ones stand once, the others as often as they are to come. */
const ANY: fc.Arbitrary<Command>[] = [
  ...Array.from({ length: 4 }, () =>
    fc.tuple(anyPort, anyVariant).map(([port, variant]) => provision(port, variant)),
  ),
  fc.tuple(anyPort, anySubjects).map(([port, subjects]) => updateAcl(port, subjects)),
  anyPort.map(unprovision),
  ...Array.from({ length: 3 }, () => anyChanges.map(changeAll)),
  ...Array.from({ length: 8 }, () =>
    fc.tuple(anyPort, fc.constantFrom(...EDIT_NAMES)).map(([port, name]) => edit(port, name)),
  ),
  fc.nat({ max: 5 }).map((back) => restore(back)),
  fc.constant(reconcile("report")),
  fc.constant(reconcile("repair")),
  anyPort.map((port) => reconcile("report", port)),
  anyPort.map((port) => reconcile("repair", port)),
  fc.tuple(anyPort, fc.boolean()).map(([port, paused]) => pause(port, paused)),
  fc.tuple(anyPort, anyVariant).map(([port, variant]) => cancel(port, variant)),
];

describe("what is known", () => {
  it.each(FOUND)("%s", async (_what, sequence) => {
    await runCommands(world, sequence, false);
  });
});

describe("whatever is done in whatever order", () => {
  it.each([...SEEDS, RANDOM])("seed %i", { timeout: 600_000 }, async (seed) => {
    const property = fc.asyncProperty(
      fc.commands(ANY, { maxCommands: MAX_COMMANDS, size: "max" }),
      fc.record({ inconsistent: fc.boolean(), there: fc.tuple(...PORTS.map(() => fc.boolean())) }),
      async (sequence, { inconsistent, there }) => {
        runs += 1;
        commands += [...sequence].length;
        const first = there.flatMap((isThere, index) => (isThere ? [provision(index, 0)] : []));
        await runCommands(world, [...first, ...sequence], inconsistent);
      },
    );
    await fc.assert(property, { seed, numRuns: RUNS, endOnFailure: false });
  });
});
