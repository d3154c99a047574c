import { describe, expect, it } from "vitest";
import { readIdentity, userSubject } from "../../../src/access/identity.ts";

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

describe("readIdentity", () => {
  it("takes the first claim that holds a name", () => {
    const claims = {
      upn: "upn@example.com",
      email: "mail@example.com",
      preferred_username: "Preferred@example.com",
    };
    expect(readIdentity({ ...claims, unique_name: "Ann@example.com" })?.userId).toBe(
      "user:Ann_example.com",
    );
    expect(readIdentity(claims)?.userId).toBe("user:Preferred_example.com");
    expect(readIdentity({ ...claims, preferred_username: 7 })?.userId).toBe("user:upn_example.com");
    expect(readIdentity({ ...claims, preferred_username: "", upn: null })?.userId).toBe(
      "user:mail_example.com",
    );
    expect(readIdentity(claims, ["email"])?.subjects).toEqual(["user:mail_example.com"]);
  });

  it("knows nobody without a name, nor by an address that was not confirmed", () => {
    expect(readIdentity({ sub: "1", groups: ["a"] })).toBeNull();
    expect(readIdentity({ email: "ann@example.com", email_verified: false })).toBeNull();
    expect(readIdentity({ email: "ann@example.com", email_verified: true })).not.toBeNull();
  });

  it("reads the groups, each once and in lower case", () => {
    const claims = {
      unique_name: "ann@example.com",
      groups: ["Nurses", "nurses", "b c", "/Wards/A"],
    };
    expect(readIdentity(claims)?.subjects).toEqual([
      "user:ann_example.com",
      "group:nurses",
      "group:b c",
      "group:/wards/a",
    ]);
  });

  it("takes no group for another, and nothing but texts for groups", () => {
    const claims = {
      unique_name: "ann@example.com",
      groups: ["", "default/nurses", " nurses", "user:bob_example.com", "group:x", 1, null, ["x"]],
    };
    expect(readIdentity(claims)?.subjects).toEqual(["user:ann_example.com"]);
    expect(readIdentity({ ...claims, groups: "nurses" })?.subjects).toEqual([
      "user:ann_example.com",
    ]);
  });

  it("leaves a user whose name is ambiguous the groups only", () => {
    expect(readIdentity({ unique_name: "ann_example.com", groups: ["nurses"] })).toEqual({
      userId: "user:ann_example.com",
      subjects: ["group:nurses"],
    });
  });
});
