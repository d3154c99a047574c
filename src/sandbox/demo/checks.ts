import type { Printer } from "./print.ts";

/** Runs checks one after the other, numbered and timed. */
export interface Checks {
  /**
   * Runs a check; it holds when `run` returns, and what it returns is printed below it.
   * @throws CheckFailed, after printing why: later checks rest on earlier ones
   */
  check(name: string, run: () => Promise<readonly string[] | undefined>): Promise<void>;
  readonly passed: () => number;
}

export class CheckFailed extends Error {}

export function createChecks(printer: Printer): Checks {
  let passed = 0;
  return {
    passed: () => passed,
    async check(name, run) {
      const began = performance.now();
      const took = (): number => performance.now() - began;
      try {
        const details = await run();
        passed += 1;
        printer.passed(passed, name, took(), details ?? []);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        printer.failed(passed + 1, name, took(), reason);
        throw new CheckFailed(name, { cause: error });
      }
    },
  };
}

/** @throws with both values when they differ */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== should) throw new Error(`${what}: expected ${should}, and it is ${is}`);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
