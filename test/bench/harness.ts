/**
 * What every bench is made of: rounds in which the things compared take turns (ABAB…), so that whatever else the
 * machine does hits all of them alike; medians over the rounds; one JSON object a line on standard output.
 */
import pc from "picocolors";

/** One figure. `target` is the most it may be, or the least where more is better, and `ok` whether it holds. */
export interface Line {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: number;
  readonly ok?: boolean;
}

/**
 * Runs each of the tasks once a round, in their order, for so many rounds.
 * @returns by task what it returned, round by round
 */
export async function interleave<Tasks extends Record<string, () => Promise<unknown>>>(
  tasks: Tasks,
  rounds: number,
): Promise<{ [Name in keyof Tasks]: Awaited<ReturnType<Tasks[Name]>>[] }> {
  const results: Record<string, unknown[]> = {};
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const [name, task] of Object.entries(tasks)) {
      const list = results[name] ?? [];
      list.push(await task());
      results[name] = list;
    }
  }
  return results as { [Name in keyof Tasks]: Awaited<ReturnType<Tasks[Name]>>[] };
}

/** @throws RangeError when there are no values */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new RangeError("a median of no values");
  if (sorted.length % 2 === 1) return middle;
  return (middle + (sorted[(sorted.length >> 1) - 1] ?? middle)) / 2;
}

/**
 * The value below which that share of the values lies.
 * @param share 0.5 for p50, 0.99 for p99
 * @throws RangeError when there are no values
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (found === undefined) throw new RangeError("a percentile of no values");
  return found;
}

/** The median of the values, as a line of that bench; with `atMost` or `atLeast` it has a target to hold. */
export function figure(
  bench: string,
  metric: string,
  unit: string,
  values: readonly number[],
  target: { readonly atMost: number } | { readonly atLeast: number } | Record<string, never> = {},
): Line {
  const value = Number(median(values).toPrecision(4));
  const line = { bench, metric, value, unit };
  if ("atMost" in target) return { ...line, target: target.atMost, ok: value <= target.atMost };
  if ("atLeast" in target) return { ...line, target: target.atLeast, ok: value >= target.atLeast };
  return line;
}

const colours = pc.createColors(process.stderr.isTTY === true);

/** Tells the reader what goes on, on standard error: standard output is for figures. */
export function progress(text: string): void {
  process.stderr.write(`${colours.dim(text)}\n`);
}

/** Explains a figure or tells of a failure, on standard error. */
export function explain(text: string): void {
  process.stderr.write(`${colours.yellow(text)}\n`);
}
