import { describe, expect, it } from "vitest";
import {
  asList,
  asProse,
  asText,
  hasInvisible,
  isRecord,
  member,
} from "../../../src/domain/fields.ts";

describe("reading what others wrote", () => {
  it("a member is an own one, never what every object inherits", () => {
    expect(member({}, "constructor")).toBeUndefined();
    expect(member({}, "__proto__")).toBeUndefined();
    expect(member({ constructor: 1 }, "constructor")).toBe(1);
  });

  it("a record is neither a list nor null", () => {
    expect([{}, { a: 1 }, [], null, "x", undefined].map(isRecord)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it("a scalar is text, a structure is not", () => {
    expect(["a", 1.5, true, null, undefined, {}, []].map(asText)).toEqual([
      "a",
      "1.5",
      "true",
      null,
      null,
      null,
      null,
    ]);
  });

  it("a list is a list, a scalar one of one, nothing an empty one", () => {
    expect([[1], "a", 0, null, undefined, "", {}, { a: 1 }].map(asList)).toEqual([
      [1],
      ["a"],
      [0],
      [],
      [],
      [],
      [],
      null,
    ]);
  });

  it("prose keeps its lines and loses control characters", () => {
    expect(asProse(" a\n\tb\u0000\u001b\ud800 ")).toBe("a\n\tb");
    expect(asProse("\u0000")).toBeNull();
    expect(asProse(["a"])).toBeNull();
  });

  it.each(["a\u0000", "a\u200b", "\ufeffa", "a\u2028b", "\ud800"])(
    "%j holds something nobody sees",
    (text) => {
      expect(hasInvisible(text)).toBe(true);
    },
  );
});
