import { describe, expect, it } from "vitest";
import {
  canonicalJson,
  fingerprint,
  isEnded,
  mayBecome,
  OPERATION_DEADLINES_MS,
  OPERATION_KINDS,
  OPERATION_STATUSES,
} from "../../../src/domain/operation.ts";

describe("an operation's status", () => {
  it("goes from RUNNING to an end, once", () => {
    const allowed = OPERATION_STATUSES.flatMap((from) =>
      OPERATION_STATUSES.filter((to) => mayBecome(from, to)).map((to) => `${from}>${to}`),
    );
    expect(allowed).toEqual(["RUNNING>COMPLETED", "RUNNING>FAILED"]);
  });

  it("is ended unless it is running", () => {
    expect(OPERATION_STATUSES.map(isEnded)).toEqual([false, true, true]);
  });
});

it("every kind of operation has a deadline; an ACL change has 2 minutes, a provision 10", () => {
  for (const kind of OPERATION_KINDS) expect(OPERATION_DEADLINES_MS[kind]).toBeGreaterThan(0);
  expect(OPERATION_DEADLINES_MS).toMatchObject({
    VALIDATE: 120_000,
    PROVISION: 600_000,
    UNPROVISION: 600_000,
    UPDATE_ACL: 120_000,
  });
});

describe("a fingerprint", () => {
  it("is the SHA-256 of canonical JSON", () => {
    expect(canonicalJson({ b: [1, { d: null, c: "é" }], a: undefined })).toBe(
      '{"b":[1,{"c":"é","d":null}]}',
    );
    expect(fingerprint({})).toBe(
      "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    );
  });

  it("does not see the order of keys, and sees that of lists", () => {
    expect(fingerprint({ a: 1, b: { c: 2, d: 3 } })).toBe(fingerprint({ b: { d: 3, c: 2 }, a: 1 }));
    expect(fingerprint([1, 2])).not.toBe(fingerprint([2, 1]));
  });

  it("tells texts from numbers, and null from absent", () => {
    const prints = [{ a: 1 }, { a: "1" }, { a: null }, {}, { a: [] }, { a: {} }].map(fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("x"), undefined])(
    "is refused for %s, which JSON cannot say",
    (value) => {
      expect(() => fingerprint({ a: [value === undefined ? Number.NaN : value] })).toThrow(
        TypeError,
      );
    },
  );

  it("takes a date as its text", () => {
    const date = new Date(0);
    expect(canonicalJson({ date })).toBe('{"date":"1970-01-01T00:00:00.000Z"}');
  });
});
