import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkPortNames,
  derivedNames,
  expectedPrefixes,
  grammarFaults,
  NAME_FIELDS,
  type NameField,
  normalizeName,
  prefixOf,
  roleName,
} from "../../../src/domain/names.ts";

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.stringMatching(/^[a-zA-Z0-9 ._-]{1,40}$/),
  fc.constantFrom("3pl", "__x", "Public Health", "é", ""),
);
const major = fc.nat({ max: 99 }).map(String);
const product = fc.record({
  id: fc.oneof(
    text,
    fc.tuple(text, text, major).map(([d, n, m]) => `urn:dmb:dp:${d}:${n}:${m}`),
  ),
  name: text,
  domain: text,
  major,
});
const port = fc.record({
  id: fc.oneof(
    text,
    fc.tuple(text, text, text).map(([d, n, c]) => `urn:dmb:cmp:${d}:${n}:0:${c}`),
  ),
  name: text,
});

/** Names as people send them: any text, or something near a right one. */
function namesNear(prefix: string) {
  const name = fc.oneof(
    text,
    text.map((suffix) => `${prefix}_${suffix}`),
    fc.constantFrom(prefix, `${prefix}_`, prefix.toUpperCase(), `${prefix}_select`, `${prefix}_x`),
    fc.string({ minLength: 120, maxLength: 300 }).map((suffix) => `${prefix}_${suffix}`),
  );
  const record: Record<NameField, fc.Arbitrary<string>> = {
    customTableName: name,
    select: name,
    selectByPk: name,
    selectAggregate: name,
    selectStream: name,
  };
  return fc.record(record);
}

describe("names", () => {
  it("normalisation is idempotent and leaves letters, digits and underscores", () => {
    fc.assert(
      fc.property(text, (any) => {
        const normal = normalizeName(any);
        expect(normalizeName(normal)).toBe(normal);
        expect(normal).toMatch(/^[a-z0-9_]*$/);
      }),
    );
  });

  it("every prefix can begin a GraphQL name and is offered once", () => {
    fc.assert(
      fc.property(product, port, (aProduct, aPort) => {
        const prefixes = expectedPrefixes(aProduct, aPort);
        for (const { prefix } of prefixes) {
          if (prefix.length < 127) expect(grammarFaults(`${prefix}_x`)).toEqual([]);
          expect(prefix).toBe(prefix.toLowerCase());
        }
        expect(new Set(prefixes.map(({ prefix }) => prefix)).size).toBe(prefixes.length);
      }),
    );
  });

  it("the suggestions, put in place, leave no fault", () => {
    const cases = fc
      .tuple(product, port)
      .map(([aProduct, aPort]) => expectedPrefixes(aProduct, aPort))
      .filter(
        (prefixes) => prefixes.length > 0 && prefixes.every(({ prefix }) => prefix.length < 110),
      )
      .chain((prefixes) => fc.tuple(fc.constant(prefixes), namesNear(prefixes[0]?.prefix ?? "")));
    fc.assert(
      fc.property(cases, ([prefixes, names]) => {
        const where = { path: "p", prefixes };
        const mended: Record<NameField, string> = { ...names };
        for (const { path, suggestion } of checkPortNames(names, where)) {
          const field = NAME_FIELDS.find((known) => path === `p.${known}`);
          if (field !== undefined && suggestion !== undefined) mended[field] = suggestion;
        }
        expect(checkPortNames(mended, where)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("a name without a fault carries a prefix, and what Hasura makes of it is each once", () => {
    fc.assert(
      fc.property(namesNear("a_b_1_c"), (names) => {
        const prefixes = [{ prefix: "a_b_1_c", from: "name" as const }];
        if (checkPortNames(names, { path: "p", prefixes }).length === 0) {
          for (const field of NAME_FIELDS) expect(prefixOf(names[field], prefixes)).not.toBeNull();
        }
        const derived = derivedNames(names);
        const keys = derived.map(({ namespace, name }) => `${namespace} ${name}`);
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it("a role is a GraphQL name, never admin, whatever the port is called", () => {
    fc.assert(
      fc.property(
        product,
        port,
        text,
        fc.nat(3),
        (dataProduct, { id, name }, environment, attempt) => {
          const role = roleName({ environment, componentId: id, name, dataProduct }, attempt);
          expect(grammarFaults(role)).toEqual([]);
          expect(role).toMatch(/_role_[0-9a-f]{8}$/);
        },
      ),
    );
  });
});
