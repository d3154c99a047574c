import { describe, expect, it } from "vitest";
import { type AccessQuestion, decide, explain, portsOf } from "../../../src/domain/access.ts";
import {
  type AccessFacts,
  arrangeAccess,
  type BlockFacts,
  type HolderFacts,
} from "../../../src/domain/access-index.ts";

const NOW = 1_000_000;
const ANN = "user:ann_example.com";

interface Role {
  readonly id: string;
  readonly name: string;
  readonly fields: readonly string[];
  readonly kind?: HolderFacts["kind"];
  readonly members?: readonly string[];
}

type Grant = readonly [subject: string, holderId: string, until?: number];

const ROLES: readonly Role[] = [
  { id: "1", name: "health_role", fields: ["vaccinations", "vaccinations_by_pk"] },
  { id: "2", name: "sales_role", fields: ["orders"] },
];
const BOTH: Role = { id: "12", name: "both", fields: [], kind: "COMBINED", members: ["1", "2"] };

function factsOf(
  grants: readonly Grant[],
  roles: readonly Role[] = ROLES,
  blocks: readonly Partial<BlockFacts>[] = [],
): AccessFacts {
  return {
    generation: 1n,
    holders: roles.map(({ id, name, fields, kind = "PORT", members = [] }) => ({
      id,
      kind,
      role: name,
      fields,
      members,
      grants: grants
        .filter(([, holderId]) => holderId === id)
        .map(([subject, , until = null]) => ({ class: "ACL", until, subjects: [subject] })),
    })),
    blocks: blocks.map((block, index) => ({
      id: `block${index}`,
      subject: null,
      portId: null,
      until: null,
      ...block,
    })),
  };
}

const fields = (...names: string[]) => ({
  asked: { fields: new Set(names), everything: false },
});
const EVERYTHING = { asked: { fields: new Set<string>(), everything: true } };

function questionOf(question: Partial<AccessQuestion>): AccessQuestion {
  return { subjects: [ANN, "group:nurses"], ...fields(), now: NOW, ...question };
}

function answer(
  grants: readonly Grant[],
  question: Partial<AccessQuestion>,
  roles?: readonly Role[],
  blocks?: readonly Partial<BlockFacts>[],
) {
  const decision = decide(arrangeAccess(factsOf(grants, roles, blocks)), questionOf(question));
  return decision.allow ? decision.role : decision.reason;
}

describe("decide", () => {
  it("gives the role of the port that is asked for", () => {
    expect(answer([["user:ann_example.com", "1"]], fields("vaccinations"))).toBe("health_role");
    expect(answer([["group:nurses", "1"]], fields("vaccinations", "vaccinations_by_pk"))).toBe(
      "health_role",
    );
  });

  it("refuses those who were granted nothing, whatever they ask", () => {
    expect(answer([["user:bob_example.com", "1"]], fields("vaccinations"))).toBe("NO_GRANT");
    expect(answer([["user:bob_example.com", "1"]], EVERYTHING)).toBe("NO_GRANT");
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
    for (const { asked } of [fields(), EVERYTHING]) {
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
    expect(answer(grants, { ...EVERYTHING, wishedRole: "sales_role" })).toBe("sales_role");
    expect(answer(grants, { ...EVERYTHING, wishedRole: "other_role" })).toBe(
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
    const roles = [{ id: "1", name, fields: ["vaccinations"] }];
    const grants = [["user:ann_example.com", "1"]] as const;
    expect(answer(grants, { ...fields("vaccinations"), wishedRole: name }, roles)).toBe("NO_GRANT");
    expect(answer(grants, { ...EVERYTHING, wishedRole: name }, roles)).toBe("NO_GRANT");
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
    expect(
      decide(arrangeAccess(factsOf(renewed)), questionOf(fields("vaccinations"))),
    ).toMatchObject({ allow: true, role: "health_role", until: NOW + 9_000 });
  });

  it("takes the smallest role that will do, and refuses to guess between equals", () => {
    const roles = [
      { id: "1", name: "wide", fields: ["a", "b"] },
      { id: "2", name: "narrow", fields: ["a"] },
      { id: "3", name: "as_narrow", fields: ["a"] },
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
    expect(answer([["user:ann_example.com", "9"]], EVERYTHING)).toBe("NO_GRANT");
  });

  it("takes everything granted for all root fields of the granted roles", () => {
    const roles = [
      { id: "1", name: "wide", fields: ["a", "b"] },
      { id: "2", name: "narrow", fields: ["a"], kind: "EXTERNAL" as const },
      { id: "3", name: "empty", fields: [], kind: "EXTERNAL" as const },
      { id: "4", name: "as_empty", fields: [], kind: "EXTERNAL" as const },
    ];
    const grants: Grant[] = [
      [ANN, "1"],
      [ANN, "2"],
      [ANN, "3"],
    ];
    expect(answer(grants, EVERYTHING, roles)).toBe("wide");
    expect(answer([[ANN, "3"]], EVERYTHING, roles)).toBe("empty");
    expect(
      answer(
        [
          [ANN, "3"],
          [ANN, "4"],
        ],
        EVERYTHING,
        roles,
      ),
    ).toBe("AMBIGUOUS_ROLE");
  });
});

describe("a combined role", () => {
  const both: Grant[] = [
    [ANN, "1", NOW + 9_000],
    ["group:nurses", "2", NOW + 5_000],
  ];
  const two = fields("vaccinations", "orders");
  const roles = [...ROLES, BOTH];

  it("serves a query over its members, for who has them all, as long as the first of the grants", () => {
    expect(answer(both, two, roles)).toBe("both");
    expect(answer(both, EVERYTHING, roles)).toBe("both");
    expect(answer([[ANN, "1"]], two, roles)).toBe("FIELD_NOT_GRANTED");
    expect(decide(arrangeAccess(factsOf(both, roles)), questionOf(two))).toMatchObject({
      until: NOW + 5_000,
      given: [{ subject: ANN }, { subject: "group:nurses" }],
    });
    expect(answer(both, { ...two, now: NOW + 5_000 }, roles)).toBe("FIELD_NOT_GRANTED");
    const reversed = [...ROLES, { ...BOTH, members: ["2", "1"] }];
    expect(decide(arrangeAccess(factsOf(both, reversed)), questionOf(two))).toMatchObject({
      until: NOW + 5_000,
    });
  });

  it("is not taken where a smaller role will do, but may be wished for", () => {
    expect(answer(both, fields("orders"), roles)).toBe("sales_role");
    expect(answer(both, { ...fields("orders"), wishedRole: "both" }, roles)).toBe("both");
    expect(answer([[ANN, "2"]], { ...fields("orders"), wishedRole: "both" }, roles)).toBe(
      "sales_role",
    );
  });

  it("is none while a member is not there, or is no port", () => {
    const [, sales] = ROLES;
    expect(answer(both, two, [...(sales ? [sales] : []), BOTH])).toBe("FIELD_NOT_GRANTED");
    const outside = ROLES.map((role) => ({ ...role, kind: "EXTERNAL" as const }));
    expect(answer(both, two, [...outside, BOTH])).toBe("SEVERAL_ROLES_NEEDED");
    expect(answer(both, EVERYTHING, [{ ...BOTH, members: [] }])).toBe("NO_GRANT");
    expect(answer(both, { ...EVERYTHING, wishedRole: "both" }, [{ ...BOTH, members: [] }])).toBe(
      "NO_GRANT",
    );
  });

  it("is missed by the ports it would need", () => {
    const missed = (kind: "PORT" | "EXTERNAL") =>
      decide(
        arrangeAccess(
          factsOf(both, [...ROLES.slice(0, 1), { id: "2", name: "s", fields: ["orders"], kind }]),
        ),
        questionOf(two),
      );
    expect(missed("PORT")).toEqual({
      allow: false,
      reason: "SEVERAL_ROLES_NEEDED",
      ports: ["1", "2"],
    });
    expect(missed("EXTERNAL")).toEqual({ allow: false, reason: "SEVERAL_ROLES_NEEDED" });
  });
});

describe("a block", () => {
  const grants: Grant[] = [
    [ANN, "1"],
    ["group:nurses", "1"],
    ["group:nurses", "2"],
  ];
  const asksHealth = fields("vaccinations");
  const roles = [...ROLES, BOTH];
  const blocked = (block: Partial<BlockFacts>, question: Partial<AccessQuestion> = asksHealth) =>
    answer(grants, question, roles, [block]);

  it("on a subject refuses whoever is that subject, whatever else they are", () => {
    expect(blocked({ subject: ANN })).toBe("BLOCKED");
    expect(blocked({ subject: "group:nurses" })).toBe("BLOCKED");
    expect(blocked({ subject: "group:others" })).toBe("health_role");
    expect(blocked({ subject: ANN }, { ...asksHealth, wishedRole: "health_role" })).toBe("BLOCKED");
  });

  it("on a port refuses everybody that port, and what is combined with it", () => {
    expect(blocked({ portId: "1" })).toBe("BLOCKED");
    expect(blocked({ portId: "1" }, fields("orders"))).toBe("sales_role");
    expect(blocked({ portId: "1" }, fields("orders", "vaccinations"))).toBe("BLOCKED");
    expect(blocked({ portId: "1" }, { ...asksHealth, wishedRole: "both" })).toBe("BLOCKED");
    expect(blocked({ portId: "1" }, EVERYTHING)).toBe("sales_role");
  });

  it("on a pair refuses that subject that port", () => {
    expect(blocked({ portId: "1", subject: "group:nurses" })).toBe("BLOCKED");
    expect(blocked({ portId: "1", subject: "group:others" })).toBe("health_role");
    expect(blocked({ portId: "2", subject: ANN })).toBe("health_role");
    expect(blocked({ portId: "2", subject: ANN }, fields("orders"))).toBe("BLOCKED");
  });

  it("ends at its time", () => {
    expect(blocked({ subject: ANN, until: NOW + 1 })).toBe("BLOCKED");
    expect(blocked({ subject: ANN, until: NOW })).toBe("health_role");
  });

  it("is no reason where nothing was granted", () => {
    expect(answer([], asksHealth, ROLES, [{ portId: "1" }])).toBe("NO_GRANT");
  });
});

describe("explain", () => {
  const access = arrangeAccess(
    factsOf(
      [
        [ANN, "1", NOW + 5_000],
        [ANN, "1", NOW - 5_000],
        ["group:nurses", "2"],
      ],
      ROLES,
      [
        { portId: "2", subject: ANN },
        { portId: "2", until: NOW },
      ],
    ),
  );

  it("tells which role was taken, and by which grants", () => {
    const { rule, needed, candidates, grants } = explain(
      access,
      questionOf(fields("vaccinations")),
    );
    expect({ rule, needed }).toEqual({ rule: "SMALLEST_ROLE", needed: ["vaccinations"] });
    expect(candidates).toEqual([
      { role: "health_role", holderId: "1", kind: "PORT", verdict: "GRANTED" },
    ]);
    expect(grants).toEqual([
      { holderId: "1", subject: ANN, class: "ACL", until: NOW + 5_000, inForce: true },
      { holderId: "1", subject: ANN, class: "ACL", until: NOW - 5_000, inForce: false },
    ]);
  });

  it("tells what is missing, and which blocks are in the way", () => {
    const explained = explain(access, questionOf(fields("orders", "nothing")));
    expect(explained.decision).toEqual({ allow: false, reason: "BLOCKED" });
    expect(explained.rule).toBe("BLOCKED");
    expect(explained.missing).toEqual(["nothing", "orders"]);
    expect(explained.candidates).toContainEqual({
      role: "sales_role",
      holderId: "2",
      kind: "PORT",
      verdict: "BLOCKED",
    });
    expect(explained.blocks.map(({ id }) => id)).toEqual(["block0"]);
  });

  it("tells that a wish was heard", () => {
    const wished = { ...EVERYTHING, wishedRole: "health_role" };
    expect(explain(access, questionOf(wished)).rule).toBe("WISHED_ROLE");
    expect(explain(access, questionOf(EVERYTHING))).toMatchObject({
      rule: "SMALLEST_ROLE",
      needed: ["vaccinations", "vaccinations_by_pk"],
    });
  });
});

describe("portsOf", () => {
  it("gives the ports that own root fields, whoever may see them", () => {
    const access = arrangeAccess(factsOf([], [...ROLES, BOTH]));
    expect(portsOf(access, new Set(["orders", "vaccinations", "nothing"])).sort()).toEqual([
      "1",
      "2",
    ]);
    expect(portsOf(access, new Set())).toEqual([]);
  });
});
