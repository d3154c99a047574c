/** A plane of its own for one case after the other, with strangers in its Hasura and ports to try on. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { isTransient } from "../../../src/errors.ts";
import type { Operation } from "../../../src/inventory/generated/client.ts";
import { previewPlan } from "../../../src/operations/preview.ts";
import { submitProvision, submitUnprovision } from "../../../src/operations/submit.ts";
import { type Plane, startPlane } from "../../support/plane.ts";
import { DATABASE, describePort, type PortAs, viewsSql } from "../descriptors.ts";
import {
  differencesFrom,
  exportMetadata,
  holdingOf,
  moveInStrangers,
  NOTHING,
  strangersIn,
} from "../metadata.ts";

/** Five ports of one data product, so that they share a source. */
export const PORTS = [0, 1, 2, 3, 4].map((port) => ({ product: "matrix", port }));

export type World = "all works" | "something does not work";

export interface Hit {
  readonly what: string;
  readonly action: string;
  readonly at: number;
}

export interface Lane {
  readonly plane: Plane;
  /** Has Hasura hold only strangers' things, and these. */
  enter(world: World): Promise<void>;
  /** Without any fault. */
  provision(ports: readonly PortAs[]): Promise<void>;
  unprovision(ports: readonly PortAs[]): Promise<void>;
  submitProvision(as: PortAs): Promise<string>;
  submitUnprovision(as: PortAs): Promise<string>;
  hits(): Promise<readonly Hit[]>;
  /** What Hasura holds of the port when it is as asked; found out once, from a provisioning without faults. */
  reference(as: PortAs): Promise<string>;
  /** Holds the world against what must be true whatever went wrong. */
  expectWhole(
    allowed: readonly { port: PortAs; states: readonly (PortAs | null)[] }[],
  ): Promise<void>;
  expectNothingPlanned(operation: Operation, as: PortAs): Promise<void>;
  stop(): Promise<void>;
}

const ACTOR = "matrix";

export async function openLane(options: Parameters<typeof startPlane>[0]): Promise<Lane> {
  const plane = await startPlane(options);
  await plane.sandbox.addSnowflakeDatabase(DATABASE, viewsSql(PORTS));
  const { ctx } = plane;
  const references = new Map<string, string>();
  let world: World | undefined;
  let strangers = "";

  const holding = async (as: PortAs): Promise<string> =>
    holdingOf(await exportMetadata(plane.sandbox), as);
  const provisioning = (as: PortAs) =>
    submitProvision(ctx, { descriptor: describePort(as) }, ACTOR);
  const unprovisioning = (as: PortAs) =>
    submitUnprovision(ctx, { descriptor: describePort(as) }, ACTOR);
  const completed = async (submit: (as: PortAs) => Promise<string>, ports: readonly PortAs[]) => {
    // What only sets the scene may be late on a busy machine.
    for (let left = ports, attempt = 1; left.length > 0; attempt += 1) {
      const ended = await Promise.all(left.map((as) => plane.end(submit(as))));
      if (attempt === 3)
        for (const operation of ended) expect(operation).toMatchObject({ status: "COMPLETED" });
      left = left.filter((_, index) => ended[index]?.status !== "COMPLETED");
    }
  };
  const lane: Lane = {
    plane,
    submitProvision: provisioning,
    submitUnprovision: unprovisioning,
    provision: (ports) => completed(provisioning, ports),
    unprovision: (ports) => completed(unprovisioning, ports),
    async enter(wanted) {
      if (world === wanted) return;
      await lane.unprovision(PORTS.map((port) => ({ ...port, variant: 0 })));
      await moveInStrangers(plane.sandbox, { inconsistent: wanted === "something does not work" });
      strangers = strangersIn(await exportMetadata(plane.sandbox), PORTS);
      world = wanted;
    },
    async hits() {
      const listed = await fetch(`${plane.sandbox.url}/sandbox/faults`);
      return ((await listed.json()) as { hits: Hit[] }).hits;
    },
    async reference(as) {
      const key = JSON.stringify(as);
      const known = references.get(key);
      if (known !== undefined) return known;
      await lane.provision([as]);
      expect(differencesFrom(await exportMetadata(plane.sandbox), as)).toEqual([]);
      const held = await holding(as);
      references.set(key, held);
      return held;
    },
    async expectWhole(allowed) {
      const metadata = await exportMetadata(plane.sandbox);
      expect(strangersIn(metadata, PORTS)).toBe(strangers);
      for (const { port, states } of allowed) {
        const texts = await Promise.all(
          states.map((state) => (state === null ? NOTHING : lane.reference(state))),
        );
        expect(texts).toContain(holdingOf(metadata, port));
      }
    },
    async expectNothingPlanned({ kind }, as) {
      if (kind === "UNPROVISION") return expect(await holding(as)).toBe(NOTHING);
      const question = { provision: { descriptor: describePort(as) } };
      expect((await patiently(() => previewPlan(ctx, question))).steps).toEqual([]);
    },
    stop: () => plane.stop(),
  };
  return lane;
}

/** Under these settings a busy machine can be too slow for a look, which is no fault of what is looked at. */
async function patiently<T>(look: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await look();
    } catch (error) {
      if (attempt === 10 || !isTransient(error)) throw error;
    }
}

/** The source's driver asks again by itself, a second or so later, though nobody waits for it any more. */
const DRIVER_ASKS_AGAIN_MS = 2_000;

/** Waits until no request of the case can arrive any more. */
export async function untilQuiet(hits: readonly Hit[], lateMs: number): Promise<void> {
  const over = hits.map(({ what, action, at }) => {
    if (action === "delay") return at + lateMs + 50;
    return /^.(queries|session)/.test(what) ? at + DRIVER_ASKS_AGAIN_MS : 0;
  });
  await sleep(Math.max(0, Math.max(...over) - Date.now()));
}
