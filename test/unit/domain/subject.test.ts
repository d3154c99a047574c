import { describe, expect, it } from "vitest";
import { canonicalSubjectName, parseRefs, parseSubject } from "../../../src/domain/subject.ts";

describe("a ref in its canonical form", () => {
  it.each([
    ["user:name.surname_domain.tld", "user:name.surname_domain.tld"],
    ["group:bigdata", "group:bigdata"],
    [" User : Mario.Rossi_Corp.com ", "user:mario.rossi_corp.com"],
    ["GROUP:Big Data", "group:big data"],
    ["user:default/alice_x.org", "user:alice_x.org"],
    ["group:Default/ops", "group:ops"],
    ["user:default/default/x", "user:x"],
    ["user:a_b@c.org", "user:a_b@c.org"],
    [
      "user:guest_gmail.com#EXT#@corp.onmicrosoft.com",
      "user:guest_gmail.com#ext#@corp.onmicrosoft.com",
    ],
    ["group:R&D/Ops: Nord", "group:r&d/ops: nord"],
    ["group:Équipe", "group:équipe"],
    ["group:E\u0301quipe", "group:équipe"],
    ["group:Группа", "group:группа"],
    [`user:${"a".repeat(251)}`, `user:${"a".repeat(251)}`],
  ])("%j is %j", (ref, subject) => {
    expect(parseSubject(ref)).toEqual({ ok: true, subject });
  });

  it("is the one that identities are compared in", () => {
    expect(canonicalSubjectName("Mario.Rossi_Corp.com")).toBe("mario.rossi_corp.com");
    expect(canonicalSubjectName("I\u0307")).toBe(canonicalSubjectName("\u0130"));
  });
});

describe("a ref that is refused", () => {
  it.each<[string, string, string | undefined]>([
    ["", "is empty", undefined],
    ["   ", "is empty", undefined],
    [
      "sergio.mejia_agilelab.it",
      "user or a group",
      "`user:sergio.mejia_agilelab.it`, or `group:sergio.mejia_agilelab.it` for a group",
    ],
    ["user:", "no name", undefined],
    ["group: ", "no name", undefined],
    ["user:default/", "no name", undefined],
    [":x", "unknown kind", undefined],
    ["role:x", "unknown kind", undefined],
    ["usr:X", "unknown kind", "user:x"],
    ["groups:ops", "unknown kind", "group:ops"],
    ["user:user:x", "twice", undefined],
    ["user:default/Group:x", "twice", undefined],
    ["user:a\u0000b", "invisible", undefined],
    ["user:a\nb", "invisible", undefined],
    ["user:a\u200bb", "invisible", undefined],
    ["user:\u202egro.live", "invisible", undefined],
    ["user:a\u2028b", "invisible", undefined],
    ["user:a\u00a0b", "space", undefined],
    ["user:\ud800", "invisible", undefined],
    ["user\uff1ax", "only look like", undefined],
    ["user:\uff41lice", "only look like", undefined],
    ["user:\u212aate", "only look like", undefined],
    ["user:o\ufb03ce", "only look like", undefined],
    ["user:\u0430lice_x.org", "several alphabets", undefined],
    ["group:\u0391dmins", "several alphabets", undefined],
    [`user:${"a".repeat(252)}`, "longer than 256", undefined],
  ])("%j", (ref, message, suggestion) => {
    expect(parseSubject(ref)).toEqual({
      ok: false,
      problem: { path: "ref", message: expect.stringContaining(message), suggestion },
    });
  });

  it("is shown without what could forge a log line", () => {
    const parsed = parseSubject("user:a\n2026 INFO granted\u202e");
    expect(parsed.ok ? "" : parsed.problem.message).not.toMatch(/[\n\u202e]/);
  });
});

describe("a snapshot of refs", () => {
  it("is deduplicated and sorted", () => {
    expect(parseRefs(["user:b", "group:z", "USER:default/B", "user:a"])).toEqual({
      ok: true,
      subjects: ["group:z", "user:a", "user:b"],
    });
  });

  it("may be of nobody", () => {
    expect(parseRefs([])).toEqual({ ok: true, subjects: [] });
  });

  it("is all or nothing: each bad ref is told of at its place", () => {
    expect(parseRefs(["user:a", "bare", "group:b", ""])).toMatchObject({
      ok: false,
      problems: [{ path: "refs.1" }, { path: "refs.3" }],
    });
  });
});
