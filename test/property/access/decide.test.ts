import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AccessFacts,
  type AccessQuestion,
  arrangeAccess,
  decide,
} from "../../../src/domain/access.ts";

const PORTS = ["p1", "p2", "p3", "p4"];
const FIELDS = ["a", "b", "c", "d", "e"];
const SUBJECTS = ["user:u", "group:g", "group:h", "user:other"];
const time = fc.integer({ min: 0, max: 20 });

const roles = fc
  .tuple(
    ...PORTS.map((portId) =>
      fc.record({
        portId: fc.constant(portId),
        name: fc.constant(`role_${portId}`),
        fields: fc.subarray(FIELDS),
      }),
    ),
  )
  .chain((all) => fc.subarray(all))
  .map((some) => some.map((role, index) => (index === 3 ? { ...role, name: "admin" } : role)));
const grants = fc.array(
  fc.record({
    portId: fc.constantFrom(...PORTS),
    subject: fc.constantFrom(...SUBJECTS),
    until: fc.option(time, { nil: null }),
  }),
  { maxLength: 8 },
);
const facts: fc.Arbitrary<AccessFacts> = fc.record({ generation: fc.constant(1n), roles, grants });
const question: fc.Arbitrary<AccessQuestion> = fc.record({
  subjects: fc.subarray(SUBJECTS),
  asked: fc.oneof(
    fc.constant("everything" as const),
    fc.subarray([...FIELDS, "unknown"]).map((names) => new Set(names)),
  ),
  wishedRole: fc.option(fc.constantFrom("role_p1", "role_p2", "admin", "nobody"), {
    nil: undefined,
  }),
  now: time,
});

/** The rule read word for word, over the rows and with nothing prepared. */
function naiveRole(
  { roles, grants }: AccessFacts,
  { subjects, asked, wishedRole, now }: AccessQuestion,
): string | null {
  const granted = roles.filter(
    (role) =>
      role.name !== "admin" &&
      grants.some(
        (grant) =>
          grant.portId === role.portId &&
          subjects.includes(grant.subject) &&
          (grant.until === null || grant.until > now),
      ),
  );
  const names = asked === "everything" ? [] : [...asked];
  const covering = granted.filter((role) => names.every((name) => role.fields.includes(name)));
  if (covering.some((role) => role.name === wishedRole)) return wishedRole ?? null;
  const fitting =
    names.length === 0
      ? covering
      : covering.filter(
          (role) => !covering.some((other) => other.fields.length < role.fields.length),
        );
  return fitting.length === 1 ? (fitting[0]?.name ?? null) : null;
}

describe("decide", () => {
  it("agrees with the rule read word for word", () => {
    fc.assert(
      fc.property(facts, question, (rows, asks) => {
        const decision = decide(arrangeAccess(rows), asks);
        expect(decision.allow ? decision.role : null).toBe(naiveRole(rows, asks));
      }),
      { numRuns: 3_000 },
    );
  });

  it("answers only roles that one of the subjects still holds", () => {
    fc.assert(
      fc.property(facts, question, fc.nat(7), (rows, asks, index) => {
        const fewer = { ...rows, grants: rows.grants.filter((_, at) => at !== index) };
        const after = decide(arrangeAccess(fewer), asks);
        if (!after.allow) return;
        const subjectsRoles = rows.roles.filter((role) =>
          fewer.grants.some(
            (grant) => grant.portId === role.portId && asks.subjects.includes(grant.subject),
          ),
        );
        expect(subjectsRoles.map((role) => role.name)).toContain(after.role);
        expect(after.role).not.toBe("admin");
        expect(after.until).toBeGreaterThan(asks.now);
      }),
      { numRuns: 2_000 },
    );
  });
});
