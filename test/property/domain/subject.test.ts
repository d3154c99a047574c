import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRefs, parseSubject, spelledSubject } from "../../../src/domain/subject.ts";

const name = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9._@# -]{1,30}$/),
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 10 }),
);
const ref = fc.oneof(
  name,
  fc
    .tuple(
      fc.constantFrom("user", "User", " group", "GROUP", "usr", "groups"),
      fc.constantFrom("", "default/", " Default/"),
      name,
    )
    .map(([kind, namespace, its]) => `${kind}:${namespace}${its}`),
);

describe("refs", () => {
  it("any text is a subject or a problem, and a subject's own form is itself", () => {
    fc.assert(
      fc.property(ref, (any) => {
        const parsed = parseSubject(any);
        if (parsed.ok) {
          const { subject, spelling } = spelledSubject(any);
          expect(subject).toBe(parsed.subject);
          expect(parseSubject(spelling)).toEqual(parsed);
          expect(parsed.subject).toMatch(/^(user|group):[^\p{C}]+$/u);
          expect(parseSubject(parsed.subject)).toEqual(parsed);
        } else expect(parsed.problem.message).not.toBe("");
      }),
      { numRuns: 1000 },
    );
  });

  it("a suggested ref that is a ref alone is one", () => {
    fc.assert(
      fc.property(ref, (any) => {
        const parsed = parseSubject(any);
        const suggestion = parsed.ok ? undefined : parsed.problem.suggestion;
        if (suggestion !== undefined && !suggestion.startsWith("`")) {
          expect(parseSubject(suggestion).ok).toBe(true);
        }
      }),
    );
  });

  it("neither order nor repeats change a snapshot", () => {
    const shuffled = fc
      .array(ref, { maxLength: 20 })
      .chain((refs) =>
        fc.tuple(
          fc.constant(refs),
          fc.shuffledSubarray([...refs, ...refs], { minLength: refs.length * 2 }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([refs, again]) => {
        const first = parseRefs(refs);
        const second = parseRefs(again);
        expect(second.ok).toBe(first.ok);
        if (first.ok) expect(second).toEqual(first);
      }),
    );
  });

  it("case, spaces around and the default namespace change nobody", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9._@-]{1,30}$/), (its) => {
        const parsed = parseSubject(`user:${its}`);
        expect(parseSubject(` USER : default/${its.toUpperCase()} `)).toEqual(parsed);
      }),
    );
  });
});
