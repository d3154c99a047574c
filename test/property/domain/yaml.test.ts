import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { readDescriptor } from "../../../src/domain/descriptor.ts";
import { readYaml } from "../../../src/domain/yaml.ts";
import { fixture } from "../../unit/domain/descriptor-fixture.ts";

/** What YAML is made of, to be put together in ways nobody writes. */
const piece = fc.constantFrom(
  ..."a|b|- |: |? |\n|  |\t|[|]|{|}|,|#|'|\"|\\|&a |*a |!t |!!str |%|---\n|...\n|é|\r\n|a:\n|- a\n|  - b: c\n|~|1|<<: |a: b\n|{a: |a,".split(
    "|",
  ),
  "|",
  "|\n",
  ">\n",
  "\ufeff",
);
const hostile = fc
  .tuple(
    fc.array(piece, { maxLength: 4 }),
    fc.array(piece, { minLength: 1, maxLength: 4 }),
    fc.constantFrom(1, 10, 1000, 40_000),
    fc.array(piece, { maxLength: 3 }),
  )
  .map(
    ([before, unit, times, after]) =>
      before.join("") + unit.join("").repeat(times) + after.join(""),
  );

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1000;
}

describe("any text", () => {
  it("is read or refused within a second of CPU time, and never throws", () => {
    fc.assert(
      fc.property(
        fc.oneof({ weight: 3, arbitrary: hostile }, fc.string({ unit: "binary" })),
        (any) => {
          expect(cpuMs(() => readDescriptor({ descriptor: any }))).toBeLessThan(1000);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it("is refused with at least one problem when it is refused", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const read = readYaml(pieces.join(""));
        if (!read.ok) expect(read.problems[0]?.message).toBeTruthy();
        else expect(() => JSON.stringify(read.value)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe("any JSON value", () => {
  const values = fc.jsonValue({ maxDepth: 5, noUnicodeString: false });
  /** Numbers that are written otherwise than JavaScript does come back as text, so none are compared. */
  const withoutNumbers = values.map((value) =>
    JSON.parse(
      JSON.stringify(value, (_, member) => (typeof member === "number" ? String(member) : member)),
    ),
  );

  it("is read from JSON as it was written", () => {
    fc.assert(
      fc.property(withoutNumbers, (value) => {
        const json = JSON.stringify(value);
        // YAML takes neither control characters nor keys over 1024 characters in JSON's one-line form.
        fc.pre(!/[\u007f-\u009f\u2028\u2029]/.test(json));
        expect(readYaml(json)).toEqual({ ok: true, value });
      }),
    );
  });
});

describe("a descriptor with one value exchanged", () => {
  const places = ["product", "target", "specific", "source", "storage"] as const;

  it("never throws, and is accepted or told of with paths", () => {
    const change = fc.tuple(
      fc.constantFrom(...places),
      fc.oneof(
        fc.constantFrom(
          "id",
          "name",
          "kind",
          "domain",
          "version",
          "environment",
          "specific",
          "dependsOn",
          "dataContract",
          "components",
          "technology",
          "select",
          "selectStream",
          "customTableName",
        ),
        fc.string(),
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const parts = fixture();
        for (const [place, key, value] of changes) {
          Object.defineProperty(parts[place], key, {
            value,
            enumerable: true,
            configurable: true,
            writable: true,
          });
        }
        const read = readDescriptor({
          descriptor: stringify(parts.root, { aliasDuplicateObjects: false }),
        });
        if (read.ok) return;
        expect(read.problems.length).toBeGreaterThan(0);
        for (const { path, message } of read.problems) {
          expect(path).not.toBe("");
          expect(message).not.toBe("");
        }
      }),
      { numRuns: 500 },
    );
  });
});
