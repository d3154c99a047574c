/**
 * What a write costs, told beforehand: Hasura rebuilds its schema after every command of a bulk and once for a
 * `replace_metadata`, which in turn reads every source anew. What a rebuild and a reading cost is learnt from the last
 * writes.
 */
import type { MetadataSize } from "./metadata-index.ts";
import type { Item } from "./plan.ts";

/** A write by what it makes Hasura do. */
export interface WriteShape {
  readonly rebuilds: number;
  /** Sources read anew. */
  readonly introspections: number;
  /** Tables and roles in the metadata: a rebuild goes through all of them. */
  readonly size: number;
}

/** A write that was made, and how long it took in milliseconds. */
export interface WriteSample extends WriteShape {
  readonly ms: number;
}

/** All in milliseconds. */
export interface Costs {
  readonly rebuild: number;
  /** Of a rebuild, for each table and role. */
  readonly rebuildEach: number;
  readonly introspection: number;
}

/** Before anything is known: between what a small Hasura takes and the 30 s that 2,000 tables are reported to take. */
const UNKNOWN_COSTS: Costs = { rebuild: 50, rebuildEach: 2, introspection: 500 };

/** How much the assumption counts against what was measured: as much as this part of one write. */
const ASSUMPTION_WEIGHT = 0.01;
const SWEEPS = 200;

/**
 * The costs that explain the samples best (least squares of relative errors, none below zero, held back by the
 * assumption where the samples say nothing).
 */
export function learnCosts(samples: readonly WriteSample[]): Costs {
  // A row a write, relative to what it took, so that short writes count as much as long ones.
  const rows = samples.map(({ rebuilds, introspections, size, ms }) => {
    const took = Math.max(ms, 1);
    return [rebuilds / took, (rebuilds * size) / took, introspections / took] as const;
  });
  const assumed = [
    UNKNOWN_COSTS.rebuild,
    UNKNOWN_COSTS.rebuildEach,
    UNKNOWN_COSTS.introspection,
  ] as const;
  const costs: [number, number, number] = [...assumed];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1)
    for (const at of [0, 1, 2] as const) {
      const weight = ASSUMPTION_WEIGHT / assumed[at] ** 2;
      let numerator = weight * assumed[at];
      let denominator = weight;
      for (const row of rows) {
        const explained = row[0] * costs[0] + row[1] * costs[1] + row[2] * costs[2];
        numerator += row[at] * (1 - explained + row[at] * costs[at]);
        denominator += row[at] ** 2;
      }
      costs[at] = Math.max(0, numerator / denominator);
    }
  const [rebuild, rebuildEach, introspection] = costs;
  return { rebuild, rebuildEach, introspection };
}

/** How long a write will take, in milliseconds. */
export function estimate({ rebuilds, introspections, size }: WriteShape, costs: Costs): number {
  return (
    rebuilds * (costs.rebuild + size * costs.rebuildEach) + introspections * costs.introspection
  );
}

/** The items as one bulk: every command rebuilds, and reads the source it is about. */
export function bulkShape(items: readonly Item[], size: MetadataSize): WriteShape {
  const commands = items.reduce(
    (sum, { steps }) => sum + steps.reduce((each, step) => each + step.commands.length, 0),
    0,
  );
  return { rebuilds: commands, introspections: commands, size: size.tables + size.roles };
}

/** The items as one `replace_metadata`. */
export function replaceShape(items: readonly Item[], size: MetadataSize): WriteShape {
  const steps = items.flatMap((item) => item.steps);
  const added = (kind: string): number =>
    steps.filter(({ action, object }) => action === "add" && object.kind === kind).length;
  return {
    rebuilds: 1,
    introspections: size.sources + added("SOURCE"),
    size: size.tables + size.roles + added("TABLE") + added("SELECT_PERMISSION"),
  };
}

/** How many of the items fit into a bulk of that length; at least one, or nothing would ever be done. */
export function itemsThatFit(
  items: readonly Item[],
  size: MetadataSize,
  costs: Costs,
  maxMs: number,
): number {
  let total = 0;
  for (const [position, item] of items.entries()) {
    total += estimate(bulkShape([item], size), costs);
    if (total > maxMs && position > 0) return position;
  }
  return items.length;
}
