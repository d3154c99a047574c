import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type DesiredPort, desired } from "../../../src/hasura/desired.ts";
import {
  canonical,
  type Metadata,
  parseLossless,
  stringifyLossless,
} from "../../../src/hasura/metadata.ts";
import type { PortChange } from "../../../src/hasura/plan-port.ts";
import {
  aPort,
  carriedOut,
  changeTo,
  owning,
  planOf as plan,
  removalOf,
} from "../../support/ports.ts";

const column = fc.constantFrom("DATE", "LOCATION_KEY", "AGE", "DOSES", "REGION");
const columns = fc.oneof(fc.constant("*" as const), fc.uniqueArray(column, { minLength: 1 }));
const suffix = fc.constantFrom("a", "b", "c");

const ports: fc.Arbitrary<DesiredPort> = fc
  .record({ columns, select: suffix, view: suffix, source: suffix, aggregates: fc.boolean() })
  .map(({ columns, select, view, source, aggregates }) =>
    aPort({
      columns,
      aggregates,
      table: ["DB", "S", `VIEW_${view}`],
      source: { name: `source_${source}`, kind: "snowflake", configuration: { template: source } },
      names: { ...aPort().names, select: `port_${select}` },
    }),
  );

/** Somebody else's metadata: other sources, with 64-bit numbers and keys nobody knows. */
const strangers = fc
  .record({ count: fc.nat({ max: 3 }), big: fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }) })
  .map(
    ({ count, big }): Metadata =>
      parseLossless(
        `{"version":3,"sources":[${Array.from(
          { length: count },
          (_, index) =>
            `{"name":"theirs_${index}","kind":"postgres","x-${index}":${big},"tables":[{"table":{"schema":"public","name":"t"},"limit":${big}}]}`,
        ).join(
          ",",
        )}],"inherited_roles":[{"role_name":"r","role_set":["a"],"n":${big}}],"x-unknown":[1.10,${big}]}`,
      ) as Metadata,
  );

const foreign = (metadata: Metadata): string =>
  canonical({
    ...metadata,
    sources: (metadata.sources as { name: string }[]).filter(({ name }) =>
      name.startsWith("theirs"),
    ),
  });

describe("plan", () => {
  it("is empty once it was carried out, from whatever was there", () => {
    fc.assert(
      fc.property(strangers, fc.array(ports, { minLength: 1, maxLength: 5 }), (start, wishes) => {
        let metadata = start;
        let owned: PortChange["owned"] = [];
        for (const wish of wishes) {
          metadata = carriedOut(metadata, changeTo(wish, owned));
          owned = owning(desired(wish));
          expect(plan(metadata, changeTo(wish, owned))).toEqual({ steps: [], refusals: [] });
        }
        expect(foreign(metadata)).toBe(foreign(start));
      }),
    );
  });

  it("leaves nothing behind after a teardown, and nothing of anybody else's changed", () => {
    fc.assert(
      fc.property(strangers, ports, (start, port) => {
        const live = carriedOut(start, changeTo(port));
        const left = carriedOut(live, removalOf(port, owning(desired(port))));
        expect(canonical(left)).toBe(canonical(start));
      }),
    );
  });

  it("ends with the same metadata, whatever the order of columns", () => {
    fc.assert(
      fc.property(ports, fc.shuffledSubarray(["A", "B", "C"], { minLength: 3 }), (port, order) => {
        const one = carriedOut({ version: 3 }, changeTo({ ...port, columns: ["A", "B", "C"] }));
        const owned = owning(desired(port));
        expect(plan(one, changeTo({ ...port, columns: order }, owned)).steps).toEqual([]);
      }),
    );
  });
});

describe("metadata", () => {
  it("goes round unchanged, with 64-bit numbers and unknown keys", () => {
    fc.assert(
      fc.property(strangers, (metadata) => {
        const text = stringifyLossless(metadata);
        expect(stringifyLossless(parseLossless(text))).toBe(text);
      }),
    );
  });
});
