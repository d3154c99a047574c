/** Changes that the matrix disturbs. */

import { expect } from "vitest";
import type { PortAs } from "../descriptors.ts";
import { together } from "../together.ts";
import { type Lane, PORTS, type World } from "./lane.ts";

/** One change of one port. */
export interface Change {
  readonly port: PortAs;
  /** How the port stands before, and how it is to stand; null is not at all. */
  readonly from: PortAs | null;
  readonly to: PortAs | null;
}

export interface Scenario {
  readonly name: string;
  readonly world: World;
  /** The changes of the n-th case. */
  readonly changes: (nth: number) => readonly Change[];
  /** Whether the session with the source is new. */
  readonly logsIn?: boolean;
  /** What the service sends when nothing goes wrong, in its order, the write last. */
  readonly calls: readonly string[];
}

const [first = { product: "", port: 0 }] = PORTS;
const usual = { ...first, variant: 0 };
const other = { ...first, variant: 1 };
const batch = PORTS.map((port) => {
  const wanted = { ...port, variant: 0 };
  return { port: wanted, from: null, to: wanted };
});

const QUERY = "/queries/v1/query-request";
const LOOK = ["export_metadata", "/healthz"];
/** Where something does not work it is also asked what. */
const LONG_LOOK = [...LOOK, "get_inconsistent_metadata"];
const BULK = "bulk_keep_going";

export const UPDATE: Scenario = {
  name: "update",
  world: "something does not work",
  // There and back: each case begins where the one before has ended.
  changes: (nth) =>
    nth % 2 === 0
      ? [{ port: other, from: usual, to: other }]
      : [{ port: usual, from: other, to: usual }],
  calls: [QUERY, ...LONG_LOOK, BULK],
};

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "provision",
    world: "something does not work",
    changes: () => [{ port: usual, from: null, to: usual }],
    logsIn: true,
    calls: ["/session/v1/login-request", "/telemetry/send", QUERY, ...LONG_LOOK, BULK],
  },
  UPDATE,
  {
    name: "unprovision",
    world: "all works",
    changes: () => [{ port: usual, from: usual, to: null }],
    calls: [...LOOK, BULK],
  },
  {
    name: "a batch of five, as a bulk",
    world: "something does not work",
    changes: () => batch,
    calls: [...batch.map(() => QUERY), ...LONG_LOOK, BULK],
  },
  {
    name: "a batch of five, as a replace",
    world: "all works",
    changes: () => batch,
    calls: [...batch.map(() => QUERY), ...LOOK, "replace_metadata"],
  },
];

/** Brings the ports to where the changes begin, and all others away. */
export async function begin(lane: Lane, { world, logsIn }: Scenario, changes: readonly Change[]) {
  await lane.enter(world);
  const staying = changes.flatMap(({ from }) => from ?? []);
  const going = PORTS.filter(({ port }) => !staying.some((stay) => stay.port === port));
  await lane.unprovision(going.map((port) => ({ ...port, variant: 0 })));
  // What it is compared with is found out before anything is disturbed.
  for (const { from, to } of changes)
    for (const state of [to, from]) if (state !== null) await lane.reference(state);
  await lane.unprovision(changes.flatMap(({ port, from }) => (from === null ? [port] : [])));
  await lane.provision(staying);
  if (logsIn) await lane.plane.logOutOfSources();
}

/** Asks for the changes. @returns their tokens, in their order */
export function ask(lane: Lane, changes: readonly Change[]): Promise<string[]> {
  const askOne = ({ port, to }: Change): Promise<string> =>
    to === null ? lane.submitUnprovision(port) : lane.submitProvision(to);
  const askAll = () => Promise.all(changes.map(askOne));
  return changes.length === 1 ? askAll() : together(lane.plane, askAll);
}

/** What failed can be asked for again, and then it is. */
export async function askAgain(lane: Lane, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return;
  for (const token of await ask(lane, changes))
    expect(await lane.plane.end(token)).toMatchObject({ status: "COMPLETED" });
  await lane.expectWhole(changes.map(({ port, to }) => ({ port, states: [to] })));
}
