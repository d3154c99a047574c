import { describe, expect, it } from "vitest";
import { groupSubject, readUser, userSubject } from "../../../src/access/identity.ts";

describe("userSubject", () => {
  it.each([
    ["ann.lee@example.com", "user:ann.lee_example.com"],
    ["Ann.Lee@Example.COM", "user:ann.lee_example.com"],
    ["ann_lee@example.com", "user:ann_lee_example.com"],
    ["JOSÉ@example.com", "user:josé_example.com"],
    ["guest_gmail.com#EXT#@tenant.example", "user:guest_gmail.com#ext#_tenant.example"],
  ])("maps %s to the ref Witboost writes", (name, subject) => {
    expect(userSubject(name)).toBe(subject);
  });

  it.each([
    ["ann_example.com", "no @: it is what ann@example.com becomes"],
    ["ann@lee@example.com", "two of them"],
    ["ann@lee_example.com", "a _ in the domain: ann_lee@example.com becomes the same"],
    ["@example.com", "no local part"],
    ["ann@", "no domain"],
    ["default/ann@example.com", "a ref would lose its namespace"],
    ["ann@example.com ", "a ref would be trimmed"],
    ["user:ann@example.com", "the kind twice"],
    ["\u212Aate@example.com", "the Kelvin sign passes for a k"],
    ["ann\u200b@example.com", "an invisible character"],
    ["аnn@example.com", "a Cyrillic а among Latin letters"],
  ])("maps %j to nobody: %s", (name) => {
    expect(userSubject(name)).toBeNull();
  });
});

describe("groupSubject", () => {
  it.each([
    ["Nurses", "group:nurses"],
    ["b c", "group:b c"],
    ["/Wards/A", "group:/wards/a"],
    ["a_b@c", "group:a_b@c"],
  ])("maps %s to its ref", (name, subject) => {
    expect(groupSubject(name)).toBe(subject);
  });

  it.each(["", "default/nurses", " nurses", "user:bob_example.com", "group:x", "nu\u200brses"])(
    "takes %j for no group",
    (name) => {
      expect(groupSubject(name)).toBeNull();
    },
  );
});

const settings = {
  nameClaims: ["unique_name", "preferred_username", "upn", "email"],
  users: new Map<string, `user:${string}`>(),
};

describe("readUser", () => {
  it("takes the first claim that holds a name", () => {
    const claims = {
      upn: "upn@example.com",
      email: "mail@example.com",
      preferred_username: "Preferred@example.com",
    };
    const userId = (more: object, nameClaims = settings.nameClaims) =>
      readUser({ ...claims, ...more }, { ...settings, nameClaims })?.userId;
    expect(userId({ unique_name: "Ann@example.com" })).toBe("user:Ann_example.com");
    expect(userId({})).toBe("user:Preferred_example.com");
    expect(userId({ preferred_username: 7 })).toBe("user:upn_example.com");
    expect(userId({ preferred_username: "", upn: null })).toBe("user:mail_example.com");
    expect(userId({}, ["email", "upn"])).toBe("user:mail_example.com");
  });

  it("knows nobody without a name, nor by an address that was not confirmed", () => {
    expect(readUser({ sub: "1", groups: ["a"] }, settings)).toBeNull();
    expect(readUser({ email: "ann@example.com", email_verified: false }, settings)).toBeNull();
    expect(readUser({ email: "ann@example.com", email_verified: true }, settings)).not.toBeNull();
    expect(readUser({ unique_name: "a@b.c" }, { ...settings, nameClaims: ["oid"] })).toBeNull();
  });

  it("gives Hasura the user id as the older service did, in the token's own spelling", () => {
    expect(readUser({ unique_name: "Ann@lee@Example.com" }, settings)?.userId).toBe(
      "user:Ann_lee@Example.com",
    );
    expect(readUser({ unique_name: "ann_example.com" }, settings)).toEqual({
      userId: "user:ann_example.com",
      subject: null,
    });
  });

  it("takes a subject that is set by hand, in any case of the name, and before any rule", () => {
    const guest = "Ann_Corp.example#EXT#@tenant.example";
    const users = new Map([
      [guest.toLowerCase(), "user:ann_corp.example" as const],
      ["service", "user:reporting" as const],
      ["bob@example.com", "user:robert_example.com" as const],
    ]);
    const subjectOf = (unique_name: string) =>
      readUser({ unique_name }, { ...settings, users })?.subject;
    expect(subjectOf(guest)).toBe("user:ann_corp.example");
    expect(subjectOf("SERVICE")).toBe("user:reporting");
    expect(subjectOf("bob@example.com")).toBe("user:robert_example.com");
    expect(subjectOf("services")).toBeNull();
    expect(readUser({ unique_name: guest }, { ...settings, users })?.userId).toBe(
      "user:Ann_Corp.example#EXT#_tenant.example",
    );
  });
});
