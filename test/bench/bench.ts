import type { Line } from "./harness.ts";
import type { World } from "./world.ts";

export interface Bench {
  readonly name: string;
  /** One sentence for `--help`. */
  readonly about: string;
  run(world: World, options: BenchOptions): Promise<Line[]>;
}

export interface BenchOptions {
  /** Few rounds: shows that the bench works; the figures mean little. */
  readonly short: boolean;
  /** Everything to its end, also what only takes long. */
  readonly full: boolean;
  readonly closing: Closing;
}

/** Takes what must be stopped at the end, however it comes; the last that was handed over goes first. */
export type Closing = (close: () => Promise<unknown>) => void;
