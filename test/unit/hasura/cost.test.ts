import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bulkShape,
  estimate,
  itemsThatFit,
  learnCosts,
  replaceShape,
  type WriteSample,
} from "../../../src/hasura/cost.ts";
import type { Metadata } from "../../../src/hasura/metadata.ts";
import { planBatch } from "../../../src/hasura/plan.ts";
import { chooseWrite } from "../../../src/operations/choose-write.ts";
import { aPort, changeTo, observing } from "../../support/ports.ts";

const EMPTY: Metadata = { version: 3, sources: [] };
const ports = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    changeTo(aPort({ role: `role_${index}`, table: ["DB", "S", `VIEW_${index}`] })),
  );

describe("what writes cost", () => {
  it("is assumed before any was made, and an assumption is no reason to take it for nothing", () => {
    const { rebuild, rebuildEach, introspection } = learnCosts([]);
    expect(Math.min(rebuild, rebuildEach, introspection)).toBeGreaterThan(0);
  });

  it("is learnt from writes of different kinds, whatever it really is", () => {
    const cost = fc.record({
      rebuild: fc.integer({ min: 20, max: 500 }),
      rebuildEach: fc.double({ min: 0.2, max: 20, noNaN: true }),
      introspection: fc.integer({ min: 20, max: 3_000 }),
    });
    fc.assert(
      fc.property(cost, (real) => {
        const samples = [
          { rebuilds: 3, introspections: 3, size: 10 },
          { rebuilds: 1, introspections: 40, size: 1_000 },
          { rebuilds: 200, introspections: 200, size: 400 },
          { rebuilds: 1, introspections: 2, size: 2_000 },
          { rebuilds: 1, introspections: 0, size: 50 },
        ].map((shape): WriteSample => ({ ...shape, ms: estimate(shape, real) }));
        const learnt = learnCosts(samples);
        for (const sample of samples)
          expect(Math.abs(estimate(sample, learnt) / sample.ms - 1)).toBeLessThan(0.5);
      }),
      { numRuns: 200 },
    );
  });

  it("is never below nothing, whatever was measured", () => {
    const sample = fc.record({
      rebuilds: fc.nat({ max: 500 }),
      introspections: fc.nat({ max: 500 }),
      size: fc.nat({ max: 5_000 }),
      ms: fc.nat({ max: 1_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 20 }), (samples) => {
        for (const cost of Object.values(learnCosts(samples))) {
          expect(cost).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(cost)).toBe(true);
        }
      }),
    );
  });
});

describe("a batch", () => {
  const settings = { commitMaxMs: 120_000, hasuraReplace: true };
  const costs = { rebuild: 50, rebuildEach: 1, introspection: 100 };
  const choose = (
    count: number,
    changes: Partial<typeof settings> & { inconsistent?: boolean; replaceRefused?: boolean } = {},
  ) => {
    const observed = observing(EMPTY);
    const { inconsistent = false, replaceRefused = false, ...rest } = changes;
    const object = {
      type: "source",
      name: "source x",
      reason: "",
      source: "x",
      tableKey: undefined,
      role: undefined,
    };
    return chooseWrite(
      { ...settings, ...rest },
      { ...observed, inconsistent: inconsistent ? [object] : [], resourceVersion: 1n },
      planBatch(observed, ports(count)),
      { costs, replaceRefused },
    );
  };

  it("of many is replaced as a whole where that is safe, and says why", () => {
    const { way, reason, left } = choose(100);
    expect(way).toBe("replace");
    expect(left.size).toBe(0);
    expect(reason).toContain("100 port(s) in one replace_metadata");
    expect(reason).toMatch(/against \d+ s for the 201 rebuilds of a bulk/);
  });

  it("of one is never a reason to send everybody's metadata", () => {
    expect(choose(1).way).toBe("bulk");
  });

  it.each([
    ["something is inconsistent", { inconsistent: true }, "inconsistent"],
    ["a replace was refused for something else", { replaceRefused: true }, "something else"],
    ["the settings say so", { hasuraReplace: false }, "HASURA_REPLACE=never"],
  ])("goes as a bulk when %s", (_why, change, says) => {
    const { way, reason } = choose(20, change);
    expect(way).toBe("bulk");
    expect(reason).toContain(says);
  });

  it("is cut to what fits into the time, and never to nothing", () => {
    const { items } = planBatch(observing(EMPTY), ports(50));
    const size = observing(EMPTY).index.size;
    expect(itemsThatFit(items, size, costs, 3_000)).toBe(10);
    expect(itemsThatFit(items, size, costs, 1)).toBe(1);
    const cut = choose(50, { hasuraReplace: false, commitMaxMs: 3_000 });
    expect(cut.items).toHaveLength(10);
    expect(cut.left.size).toBe(41);
    expect(cut.reason).toContain("41 more port(s) follow");
  });

  it("costs a rebuild a command as a bulk, and a reading a source as a replace", () => {
    const observed = observing({
      version: 3,
      sources: Array.from({ length: 7 }, (_, index) => ({ name: `s${index}`, tables: [{}, {}] })),
    });
    const { items } = planBatch(observed, ports(10));
    expect(bulkShape(items, observed.index.size)).toEqual({
      rebuilds: 21,
      introspections: 21,
      size: 14,
    });
    expect(replaceShape(items, observed.index.size)).toEqual({
      rebuilds: 1,
      introspections: 8,
      size: 34,
    });
  });
});
