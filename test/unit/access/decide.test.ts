import { describe, expect, it } from "vitest";
import {
  type AccessFacts,
  type AccessQuestion,
  arrangeAccess,
  decide,
} from "../../../src/domain/access.ts";

const NOW = 1_000_000;
const ROLES = [
  { portId: "1", name: "health_role", fields: ["vaccinations", "vaccinations_by_pk"] },
  { portId: "2", name: "sales_role", fields: ["orders"] },
];

function answer(
  grants: readonly (readonly [subject: string, portId: string, until?: number])[],
  question: Partial<AccessQuestion>,
  roles: AccessFacts["roles"] = ROLES,
) {
  const facts: AccessFacts = {
    generation: 1n,
    roles,
    grants: grants.map(([subject, portId, until = null]) => ({ subject, portId, until })),
  };
  const decision = decide(arrangeAccess(facts), {
    subjects: ["user:ann_example.com", "group:nurses"],
    asked: new Set<string>(),
    now: NOW,
    ...question,
  });
  return decision.allow ? decision.role : decision.reason;
}

const fields = (...names: string[]) => ({ asked: new Set(names) });

describe("decide", () => {
  it("gives the role of the port that is asked for", () => {
    expect(answer([["user:ann_example.com", "1"]], fields("vaccinations"))).toBe("health_role");
    expect(answer([["group:nurses", "1"]], fields("vaccinations", "vaccinations_by_pk"))).toBe(
      "health_role",
    );
  });

  it("refuses those who were granted nothing, whatever they ask", () => {
    expect(answer([["user:bob_example.com", "1"]], fields("vaccinations"))).toBe("NO_GRANT");
    expect(answer([["user:bob_example.com", "1"]], { asked: "everything" })).toBe("NO_GRANT");
    expect(answer([["user:bob_example.com", "1"]], {})).toBe("NO_GRANT");
  });

  it("does not tell a field that others may see from one that does not exist", () => {
    const grants = [["user:ann_example.com", "1"]] as const;
    expect(answer(grants, fields("orders"))).toBe("FIELD_NOT_GRANTED");
    expect(answer(grants, fields("nothing"))).toBe("FIELD_NOT_GRANTED");
    expect(answer(grants, fields("vaccinations", "orders"))).toBe("FIELD_NOT_GRANTED");
  });

  it("refuses fields of two ports in one request, even to those who may see both", () => {
    const grants = [
      ["user:ann_example.com", "1"],
      ["group:nurses", "2"],
    ] as const;
    expect(answer(grants, fields("vaccinations", "orders"))).toBe("SEVERAL_ROLES_NEEDED");
    expect(answer(grants, fields("vaccinations"))).toBe("health_role");
    expect(answer(grants, fields("orders"))).toBe("sales_role");
  });

  it("takes introspection, and a request that says nothing, for everything that was granted", () => {
    for (const asked of [new Set<string>(), "everything"] as const) {
      expect(answer([["user:ann_example.com", "1"]], { asked })).toBe("health_role");
      expect(
        answer(
          [
            ["user:ann_example.com", "1"],
            ["group:nurses", "1"],
          ],
          { asked },
        ),
      ).toBe("health_role");
      expect(
        answer(
          [
            ["user:ann_example.com", "1"],
            ["group:nurses", "2"],
          ],
          { asked },
        ),
      ).toBe("SEVERAL_ROLES_NEEDED");
    }
  });

  it("hears a wished role only among those that would do", () => {
    const grants = [
      ["user:ann_example.com", "1"],
      ["user:ann_example.com", "2"],
    ] as const;
    const everything = { asked: "everything" } as const;
    expect(answer(grants, { ...everything, wishedRole: "sales_role" })).toBe("sales_role");
    expect(answer(grants, { ...everything, wishedRole: "other_role" })).toBe(
      "SEVERAL_ROLES_NEEDED",
    );
    expect(answer(grants, { ...fields("vaccinations"), wishedRole: "sales_role" })).toBe(
      "health_role",
    );
    expect(
      answer([["user:ann_example.com", "1"]], { ...fields("orders"), wishedRole: "sales_role" }),
    ).toBe("FIELD_NOT_GRANTED");
    expect(answer(grants, { ...fields("orders"), wishedRole: "admin" })).toBe("sales_role");
  });

  it.each(["admin", "Admin", " admin "])("never answers the role %j", (name) => {
    const roles = [{ portId: "1", name, fields: ["vaccinations"] }];
    const grants = [["user:ann_example.com", "1"]] as const;
    expect(answer(grants, { ...fields("vaccinations"), wishedRole: name }, roles)).toBe("NO_GRANT");
    expect(answer(grants, { asked: "everything", wishedRole: name }, roles)).toBe("NO_GRANT");
  });

  it("ends a grant at its time, and goes by the last of several", () => {
    expect(answer([["user:ann_example.com", "1", NOW + 1]], fields("vaccinations"))).toBe(
      "health_role",
    );
    expect(answer([["user:ann_example.com", "1", NOW]], fields("vaccinations"))).toBe("NO_GRANT");
    const renewed = [
      ["user:ann_example.com", "1", NOW + 5_000],
      ["user:ann_example.com", "1", NOW - 1],
      ["group:nurses", "1", NOW + 9_000],
    ] as const;
    const facts = {
      generation: 1n,
      roles: ROLES,
      grants: renewed.map(([subject, portId, until]) => ({ subject, portId, until })),
    };
    const question = {
      subjects: ["user:ann_example.com", "group:nurses"],
      ...fields("vaccinations"),
      now: NOW,
    };
    expect(decide(arrangeAccess(facts), question)).toEqual({
      allow: true,
      role: "health_role",
      until: NOW + 9_000,
    });
  });

  it("takes the smallest role that will do, and refuses to guess between equals", () => {
    const roles = [
      { portId: "1", name: "wide", fields: ["a", "b"] },
      { portId: "2", name: "narrow", fields: ["a"] },
      { portId: "3", name: "as_narrow", fields: ["a"] },
    ];
    const both = [
      ["group:nurses", "1"],
      ["group:nurses", "2"],
    ] as const;
    expect(answer(both, fields("a"), roles)).toBe("narrow");
    expect(answer(both, { ...fields("a"), wishedRole: "wide" }, roles)).toBe("wide");
    expect(answer([...both, ["group:nurses", "3"]], fields("a"), roles)).toBe("AMBIGUOUS_ROLE");
  });

  it("ignores grants on ports that have no role", () => {
    expect(answer([["user:ann_example.com", "9"]], { asked: "everything" })).toBe("NO_GRANT");
  });
});
