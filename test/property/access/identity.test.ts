import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { userSubject } from "../../../src/access/identity.ts";
import { canonicalSubjectName } from "../../../src/domain/subject.ts";

const name = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "a",
        "A",
        "b",
        "_",
        "@",
        ".",
        "/",
        ":",
        " ",
        "é",
        "e\u0301",
        "\u212A",
        "k",
        "İ",
      ),
      fc.string({ minLength: 1, maxLength: 2 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

describe("userSubject", () => {
  it("never gives two different names one subject", () => {
    const owners = new Map<string, string>();
    fc.assert(
      fc.property(name, (candidate) => {
        const subject = userSubject(candidate);
        if (subject === null) return;
        const owner = owners.get(subject) ?? canonicalSubjectName(candidate);
        owners.set(subject, owner);
        expect(canonicalSubjectName(candidate)).toBe(owner);
      }),
      { numRuns: 20_000 },
    );
    expect(owners.size).toBeGreaterThan(100);
  });
});
