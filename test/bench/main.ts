/**
 * `npm run bench [-- NAME…]`. Exit code 0: every target holds; 1: one is missed, or a bench could not be run; 2: the
 * command was not understood.
 */
import { parseArgs } from "node:util";
import { authenticate } from "./authenticate.ts";
import type { Bench, Closing } from "./bench.ts";
import { commit } from "./commit.ts";
import { explain, progress } from "./harness.ts";
import { provision } from "./provision.ts";
import { restValidate } from "./rest-validate.ts";
import { startWorld } from "./world.ts";

const BENCHES: readonly Bench[] = [restValidate, provision, authenticate, commit];

const USAGE = `Usage: npm run bench [-- NAME…] [--short | --full] [--profile DIR]

Prints one JSON object a line: {bench, metric, value, unit, target?, ok?}. Progress goes to standard error.

${BENCHES.map(({ name, about }) => `  ${name.padEnd(15)} ${about}`).join("\n")}

  --short         few rounds: shows that the benches work; the figures mean little
  --full          what is otherwise measured on a part is measured on the whole: commit takes an hour then
  --profile DIR   the service writes a CPU profile there (for Chrome's DevTools)
  --help          this text
`;

interface Wish {
  readonly benches: readonly Bench[];
  readonly short: boolean;
  readonly full: boolean;
  readonly profileDir: string | undefined;
}

function readCommandLine(args: readonly string[]): Wish | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const benches = positionals.map((wanted) => {
    const bench = BENCHES.find(({ name }) => name === wanted);
    if (bench === undefined) throw new Error(`There is no bench ${JSON.stringify(wanted)}.`);
    return bench;
  });
  return {
    benches: benches.length === 0 ? BENCHES : benches,
    short: values.short,
    full: values.full,
    profileDir: values.profile,
  };
}

/** What is open, the last one last; a command that is interrupted closes it too. */
const open: (() => Promise<unknown>)[] = [];
const closing: Closing = (close) => void open.push(close);

async function closeDownTo(left: number): Promise<void> {
  while (open.length > left)
    await open
      .pop()?.()
      .catch((error: unknown) => explain(`something did not stop: ${error}`));
}

/** @returns whether all of them could be run and every target holds */
async function runAll({ benches, short, full, profileDir }: Wish): Promise<boolean> {
  let good = true;
  try {
    const world = await startWorld(closing, profileDir);
    for (const bench of benches) {
      const before = open.length;
      progress(`${bench.name}: ${bench.about}`);
      for (const line of await bench.run(world, { short, full, closing })) {
        process.stdout.write(`${JSON.stringify(line)}\n`);
        good &&= line.ok ?? true;
      }
      await closeDownTo(before);
    }
  } catch (error) {
    explain(`not to the end: ${error instanceof Error ? error.stack : error}`);
    good = false;
  }
  await closeDownTo(0);
  return good;
}

async function main(): Promise<number> {
  let wish: Wish | "help";
  try {
    wish = readCommandLine(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (wish === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  return (await runAll(wish)) ? 0 : 1;
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => void closeDownTo(0).then(() => process.exit(code)));
process.exitCode = await main();
