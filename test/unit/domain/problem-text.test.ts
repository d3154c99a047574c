import { describe, expect, it } from "vitest";
import { problemText, quoted } from "../../../src/domain/problem-text.ts";
import { nearest } from "../../../src/domain/suggestion.ts";

describe("a problem in one sentence", () => {
  it.each([
    [{ path: "a.b", message: "is missing", suggestion: "c" }, "a.b: is missing. Suggestion: c"],
    [{ path: "a.b", message: "is missing." }, "a.b: is missing."],
    [{ path: "", message: "cannot be read" }, "cannot be read."],
  ])("%j", (problem, text) => {
    expect(problemText(problem)).toBe(text);
  });
});

describe("what somebody sent, in quotes", () => {
  it.each([
    ["plain", '"plain"'],
    ['a"b', '"a\\"b"'],
    ["a\nb", '"a\\nb"'],
    ["a\u202eb\u200b", '"a\\u{202e}b\\u{200b}"'],
    ["a\u2028b", '"a\\u{2028}b"'],
    ["é😀", '"é😀"'],
  ])("%j is shown as %s", (value, shown) => {
    expect(quoted(value)).toBe(shown);
  });

  it("is cut to 80 characters, never inside one", () => {
    expect(quoted("x".repeat(500))).toHaveLength(83);
    expect(quoted(`${"x".repeat(79)}😀😀`)).not.toMatch(/ud83d|\\u\{d83d/i);
  });
});

describe("the nearest of several", () => {
  it.each([
    ["selectByPK", ["select", "selectByPk"], "selectByPk"],
    ["selct", ["select", "selectByPk"], "select"],
    ["entirely else", ["select"], undefined],
    ["x", [], undefined],
    ["x".repeat(300), ["x".repeat(300)], undefined],
  ])("to %j among %j is %j", (word, candidates, expected) => {
    expect(nearest(word, candidates)).toBe(expected);
  });

  it("is looked for among the first 500 only", () => {
    const candidates = [...Array.from({ length: 500 }, (_, i) => `other-${i}-entirely`), "wanted"];
    expect(nearest("wanted", candidates)).toBeUndefined();
  });
});
