import { randomUUID } from "node:crypto";
import type { JWTPayload } from "jose";
import { describe, expect, it } from "vitest";
import { createIdentify, type Identified, type IdentifyParts } from "../../../src/access/groups.ts";
import type { DirectoryGroup } from "../../../src/directory/directory.ts";
import type { GroupMatch } from "../../../src/settings.ts";

const OID = "6e5f1c9a-0000-4000-8000-00000000abcd";
const NURSES = "aaaaaaaa-0000-4000-8000-000000000001";
const DOCTORS = "aaaaaaaa-0000-4000-8000-000000000002";
const ann = { unique_name: "ann@example.com", oid: OID };
const OVERAGE = [
  { hasgroups: true },
  { hasgroups: "true" },
  { _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint: "https://x/" } } },
];

const bindings = (ids: readonly string[]) =>
  ids.flatMap((id): `group:${string}`[] =>
    id === NURSES ? ["group:nurses", "group:carers"] : id === DOCTORS ? ["group:doctors"] : [],
  );
const memberOf = (...groups: DirectoryGroup[]) => ({ of: () => groups });

async function identify(
  groupMatch: GroupMatch,
  claims: JWTPayload,
  parts: IdentifyParts = {},
): Promise<string[] | string> {
  const nameClaims = ["unique_name"];
  const identity: Identified = await createIdentify(
    { nameClaims, users: new Map(), groupMatch },
    parts,
  )(claims);
  return identity.ok ? [...identity.identity.subjects] : identity.reason;
}

describe("groups by their names in the token", () => {
  it("are read each once and in lower case, and nothing but texts is taken", async () => {
    const groups = ["Nurses", "nurses", "b c", "", "default/x", 1, null, ["y"], "group:z"];
    expect(await identify("claim", { ...ann, groups })).toEqual([
      "user:ann_example.com",
      "group:nurses",
      "group:b c",
    ]);
    for (const none of [undefined, "nurses", { 0: "nurses" }])
      expect(await identify("claim", { ...ann, groups: none })).toEqual(["user:ann_example.com"]);
  });

  it("leave a user whose name is ambiguous the groups only", async () => {
    const claims = { unique_name: "ann_example.com", groups: ["nurses"] };
    expect(await identify("claim", claims)).toEqual(["group:nurses"]);
  });

  it.each(OVERAGE)("are not known when the token has no room for them: %j", async (more) => {
    const memberships = memberOf({ id: NURSES, name: "nurses" });
    const parts = { memberships, subjectsOf: bindings };
    expect(await identify("claim", { ...ann, ...more }, parts)).toBe("GROUPS_UNAVAILABLE");
  });
});

describe("groups by what they are bound to", () => {
  const parts = { subjectsOf: bindings };

  it("are those whose object ids the token holds, in any case", async () => {
    const groups = [NURSES.toUpperCase(), randomUUID(), DOCTORS];
    expect(await identify("bound", { ...ann, groups }, parts)).toEqual([
      "user:ann_example.com",
      "group:nurses",
      "group:carers",
      "group:doctors",
    ]);
  });

  it("are none by a name in the token: names are no proof", async () => {
    const groups = ["nurses", "group:nurses", `${NURSES} `, `${NURSES}'--`];
    expect(await identify("bound", { ...ann, groups }, parts)).toEqual(["user:ann_example.com"]);
    expect(await identify("bound", { ...ann, groups })).toEqual(["user:ann_example.com"]);
  });

  it.each(OVERAGE)(
    "are asked for in the directory when the token has no room: %j",
    async (more) => {
      const asked: string[] = [];
      const memberships = {
        of: (id: string) => {
          asked.push(id);
          return Promise.resolve([{ id: NURSES, name: "renamed since" }]);
        },
      };
      const claims = { ...ann, ...more, oid: OID.toUpperCase(), groups: [DOCTORS] };
      expect(await identify("bound", claims, { ...parts, memberships })).toEqual([
        "user:ann_example.com",
        "group:nurses",
        "group:carers",
      ]);
      expect(asked).toEqual([OID]);
    },
  );

  it("are not known, and nobody is answered, when somebody who has to tell does not", async () => {
    const unknown = "GROUPS_UNAVAILABLE";
    const many = { ...ann, hasgroups: true };
    const some = { ...ann, groups: [NURSES] };
    expect(await identify("bound", many, parts)).toBe(unknown);
    expect(await identify("bound", many, { ...parts, memberships: { of: () => null } })).toBe(
      unknown,
    );
    expect(await identify("bound", some)).toBe(unknown);
    expect(await identify("bound", some, { subjectsOf: () => Promise.resolve(null) })).toBe(
      unknown,
    );
    const memberships = memberOf({ id: NURSES, name: "nurses" });
    expect(await identify("bound", many, { memberships, subjectsOf: () => null })).toBe(unknown);
  });

  it.each([undefined, 7, "", "ann@example.com", "../groups", `${OID}/x`])(
    "are not asked for by an object id that is none: %j",
    async (oid) => {
      const memberships = memberOf({ id: NURSES, name: "nurses" });
      const claims = { ...ann, oid, hasgroups: true };
      expect(await identify("bound", claims, { ...parts, memberships })).toBe("GROUPS_UNAVAILABLE");
    },
  );

  it("are looked up anew for each request, while the rest is remembered", async () => {
    let bound = ["group:nurses" as const];
    const identifyBy = createIdentify(
      { nameClaims: ["unique_name"], users: new Map(), groupMatch: "bound" },
      { subjectsOf: () => bound },
    );
    const claims = { ...ann, groups: [NURSES] };
    const expected = () => ({ identity: { subjects: ["user:ann_example.com", ...bound] } });
    expect(identifyBy(claims)).toMatchObject(expected());
    bound = [];
    expect(identifyBy(claims)).toMatchObject(expected());
    const nobody = { groups: [NURSES] };
    expect(identifyBy(nobody)).toBe(identifyBy(nobody));
  });
});

describe("groups by their names in the directory", () => {
  it("are the directory's, whatever the token says", async () => {
    const memberships = memberOf(
      { id: NURSES, name: "Ward Nurses" },
      { id: DOCTORS, name: "" },
      { id: DOCTORS, name: "user:x" },
    );
    const claims = { ...ann, groups: ["doctors", DOCTORS] };
    expect(await identify("displayName", claims, { memberships, subjectsOf: bindings })).toEqual([
      "user:ann_example.com",
      "group:ward nurses",
    ]);
  });

  it("are not known when the directory does not tell, or the token does not say whose", async () => {
    expect(await identify("displayName", ann)).toBe("GROUPS_UNAVAILABLE");
    const memberships = memberOf({ id: NURSES, name: "nurses" });
    const claims = { ...ann, oid: undefined };
    expect(await identify("displayName", claims, { memberships })).toBe("GROUPS_UNAVAILABLE");
  });
});
