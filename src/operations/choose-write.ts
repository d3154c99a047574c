/** How a batch is written, and how much of it at once. */
import {
  bulkShape,
  type Costs,
  estimate,
  itemsThatFit,
  replaceShape,
  type WriteShape,
} from "../hasura/cost.ts";
import type { BatchPlan, Item } from "../hasura/plan.ts";
import type { Way } from "../hasura/write.ts";
import type { SeenHasura } from "./changes.ts";
import type { OperationsContext } from "./context.ts";

export interface ChosenWrite {
  readonly way: Way;
  readonly items: readonly Item[];
  readonly shape: WriteShape;
  /** For the operations' logs. */
  readonly reason: string;
  /** Ports for which there is no time in this write. */
  readonly left: ReadonlySet<string>;
  /** How many ports are done with this write. */
  readonly ports: number;
}

/** A replace sends everybody's metadata and has every source read anew: it has to be worth it. */
const REPLACE_SAVES_AT_LEAST = 0.5;

export function chooseWrite(
  ctx: Pick<OperationsContext, "commitMaxMs" | "hasuraReplace">,
  { index: { size }, inconsistent }: SeenHasura,
  { items, purges }: BatchPlan,
  known: { readonly costs: Costs; readonly replaceRefused: boolean },
): ChosenWrite {
  const { costs } = known;
  const bulk = bulkShape(items, size);
  const replace = replaceShape(items, size);
  const bulkMs = estimate(bulk, costs);
  const replaceMs = estimate(replace, costs);
  const all = { items, left: new Set<string>(), ports: portsOf(items).size };
  if (purges)
    return {
      ...{ ...all, way: "purge", shape: replace },
      reason: `Writing one replace_metadata, about ${seconds(replaceMs)}: nothing else removes what is inconsistent.`,
    };
  const several = items.filter(({ ports }) => ports.length === 1).length > 1;
  const safe = inconsistent.length === 0 && !known.replaceRefused && ctx.hasuraReplace;
  if (several && safe && replaceMs <= bulkMs * (1 - REPLACE_SAVES_AT_LEAST))
    return {
      ...{ ...all, way: "replace", shape: replace },
      reason: `Writing ${all.ports} port(s) in one replace_metadata: about ${seconds(replaceMs)} for 1 rebuild and ${replace.introspections} source(s) read, against ${seconds(bulkMs)} for the ${bulk.rebuilds} rebuilds of a bulk.`,
    };
  const fitting = items.slice(0, itemsThatFit(items, size, costs, ctx.commitMaxMs));
  const left = new Set(items.slice(fitting.length).flatMap((item) => item.ports));
  const shape = bulkShape(fitting, size);
  const ports = [...portsOf(fitting)].filter((id) => !left.has(id)).length;
  return {
    ...{ way: "bulk", items: fitting, shape, left, ports },
    reason: `Writing ${ports} port(s) in one bulk of ${shape.rebuilds} command(s), about ${seconds(estimate(shape, costs))}${whyNoReplace({ several, inconsistent: inconsistent.length, replaceMs, allowed: ctx.hasuraReplace, refused: known.replaceRefused })}.${left.size > 0 ? ` ${left.size} more port(s) follow: COMMIT_MAX_SECONDS is ${ctx.commitMaxMs / 1000}.` : ""}`,
  };
}

function whyNoReplace(why: {
  several: boolean;
  inconsistent: number;
  replaceMs: number;
  allowed: boolean;
  refused: boolean;
}): string {
  if (!why.several) return "";
  if (!why.allowed) return "; HASURA_REPLACE=never";
  if (why.refused) return "; Hasura refuses a replace_metadata for something else";
  if (why.inconsistent > 0)
    return `; no replace_metadata, for ${why.inconsistent} object(s) are inconsistent`;
  return `; a replace_metadata would take about ${seconds(why.replaceMs)}`;
}

function portsOf(items: readonly Item[]): ReadonlySet<string> {
  return new Set(items.flatMap((item) => item.ports));
}

function seconds(ms: number): string {
  return `${ms < 10_000 ? (ms / 1000).toPrecision(2) : Math.round(ms / 1000)} s`;
}
