/** Plans for several ports at once: what is written together, in which order, and what has to wait or is refused. */
import type { Problem } from "../errors.ts";
import { tableKey } from "./metadata-index.ts";
import { keyed, type SourceRef, type Step } from "./objects.ts";
import { type Observed, type PortChange, type PortPlan, planPort } from "./plan-port.ts";

/** Steps that hold together or not at all, and the ports they are for. */
export interface Item {
  readonly ports: readonly string[];
  readonly steps: readonly Step[];
}

export interface BatchPlan {
  /** Everything that is to be done for a port, now or later, as a person reads it. */
  readonly steps: ReadonlyMap<string, readonly Step[]>;
  /** In the order in which they are written: the ports, each after the sources it shares; sources that nobody needs. */
  readonly items: readonly Item[];
  /** Why a port cannot be done without touching what is not ours. */
  readonly refused: ReadonlyMap<string, readonly Problem[]>;
  /** Ports that Hasura agrees with already. */
  readonly agreed: ReadonlySet<string>;
  /** Ports that need another plan after this one was written. */
  readonly later: ReadonlySet<string>;
  /** Whether it removes what is inconsistent, which only a `replace_metadata` that lets inconsistencies be can do. */
  readonly purges: boolean;
}

/** Plans one batch against the Hasura that was found. */
export function planBatch(observed: Observed, changes: readonly PortChange[]): BatchPlan {
  const keptSources = new Set(changes.flatMap(({ desired }) => desired?.source.name ?? []));
  const plans = new Map(
    changes.map((change) => [change.id, planPort(observed, change, keptSources)]),
  );
  const refused = new Map<string, readonly Problem[]>();
  const agreed = new Set<string>();
  const wishing = new Map<string, PortPlan>();
  for (const [id, planned] of plans)
    if (planned.refusals.length > 0) refused.set(id, planned.refusals);
    else if (stepsOf(planned).length === 0) agreed.add(id);
    else wishing.set(id, planned);
  const purges = [...wishing.values()].some((planned) => planned.purges);
  const { now, later } = together(wishing, purges);
  for (const id of waitingForDrops(observed, now)) later.add(id);
  const steps = new Map([...plans].map(([id, planned]) => [id, stepsOf(planned)]));
  return { steps, items: itemsOf(now), refused, agreed, later, purges };
}

function stepsOf({ sources, steps, drops }: PortPlan): Step[] {
  return [...sources, ...steps, ...drops];
}

/** Splits off what cannot be in one write with the rest. */
function together(
  wishing: ReadonlyMap<string, PortPlan>,
  purges: boolean,
): { now: Map<string, PortPlan>; later: Set<string> } {
  const now = new Map<string, PortPlan>();
  const later = new Set<string>();
  const roles = new Set<string>();
  for (const [id, planned] of wishing) {
    // Two ports that change one inherited role: the second has to see what the first made of it.
    const overlaps = planned.inheritedRoles.some((role) => roles.has(role));
    if (overlaps || planned.purges !== purges) {
      later.add(id);
      continue;
    }
    for (const role of planned.inheritedRoles) roles.add(role);
    now.set(id, planned);
    // What was purged is gone, not replaced yet.
    if (purges) later.add(id);
  }
  return { now, later };
}

/**
 * Ports whose source is left empty by several of them together: it is dropped by the next plan, which sees it empty. A
 * drop takes tables with it, so it must not be in a write in which one of them may be refused.
 */
function waitingForDrops({ index }: Observed, now: ReadonlyMap<string, PortPlan>): string[] {
  const going = new Set(
    [...now.values()].flatMap(({ steps }) =>
      steps.flatMap(({ action, object }) =>
        action === "remove" && object.kind === "TABLE"
          ? [placeOf(object.source, object.table)]
          : [],
      ),
    ),
  );
  const isEmptied = (source: string): boolean =>
    index.tableKeys(source).every((key) => going.has(`${source} ${key}`));
  return [...now].flatMap(([id, { givenUp }]) => (givenUp.some(isEmptied) ? [id] : []));
}

function placeOf(source: string, table: readonly string[]): string {
  return `${source} ${tableKey(table)}`;
}

function itemsOf(plans: ReadonlyMap<string, PortPlan>): Item[] {
  const sources = shared([...plans].map(([id, { sources }]) => [id, sources]));
  const drops = shared([...plans].map(([id, { drops }]) => [id, drops]));
  const ports = [...plans].map(([id, planned]) => ({
    ports: [id],
    steps: [
      ...planned.sources.filter((step) => !sources.has(keyed(step.object))),
      ...planned.steps,
      ...planned.drops.filter((step) => !drops.has(keyed(step.object))),
    ],
  }));
  const needed = withSourcesFirst(ports, [...sources.values()]);
  return [...needed.filter(({ steps }) => steps.length > 0), ...drops.values()];
}

/** Each source stands before the first port that needs it: wherever the items are cut, ports before the cut are whole. */
function withSourcesFirst(ports: readonly Item[], sources: readonly Item[]): Item[] {
  const placed = new Set<Item>();
  return ports.flatMap((item) => {
    const its = sources.filter(
      (source) => !placed.has(source) && item.ports.some((id) => source.ports.includes(id)),
    );
    for (const source of its) placed.add(source);
    return [...its, item];
  });
}

/** What several ports want done to one source is done once, as an item of its own. */
function shared(
  wishes: readonly (readonly [string, readonly Step<SourceRef>[]])[],
): Map<string, Item> {
  const users = new Map<string, { step: Step; ports: string[] }>();
  for (const [id, steps] of wishes)
    for (const step of steps) {
      const key = keyed(step.object);
      const known = users.get(key);
      if (known === undefined) users.set(key, { step, ports: [id] });
      else known.ports.push(id);
    }
  const items = [...users].filter(([, { ports }]) => ports.length > 1);
  return new Map(items.map(([key, { step, ports }]) => [key, { ports, steps: [step] }]));
}
