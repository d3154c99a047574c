import { describe, expect, it } from "vitest";
import { isTooLarge, readYaml, YAML_LIMITS } from "../../../src/domain/yaml.ts";

function value(text: string): unknown {
  const read = readYaml(text);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

function faults(text: string) {
  const read = readYaml(text);
  return read.ok ? [] : read.problems;
}

describe("YAML 1.2, core schema", () => {
  it.each<[string, unknown]>([
    ["a: 2023-03-02T15:54:17.447Z", { a: "2023-03-02T15:54:17.447Z" }],
    [
      "a: Yes\nb: off\nc: true\nd: NULL\ne: ~\nf:",
      { a: "Yes", b: "off", c: true, d: null, e: null, f: null },
    ],
    ["a: 1\nb: 1.5\nc: -3", { a: 1, b: 1.5, c: -3 }],
    [
      "a: 1.10\nb: 007\nc: 0x1F\nd: .inf\ne: 1e3\nf: 12345678901234567890",
      {
        a: "1.10",
        b: "007",
        c: "0x1F",
        d: ".inf",
        e: "1e3",
        f: "12345678901234567890",
      },
    ],
    [
      "%YAML 1.1\n---\na: yes\nb: 2020-01-01\nc: !!timestamp 2020-01-01",
      { a: "yes", b: "2020-01-01", c: "2020-01-01" },
    ],
    ["a: &x [1, {b: 2}]\nc: *x", { a: [1, { b: 2 }], c: [1, { b: 2 }] }],
    ["<<: {a: 1}", { "<<": { a: 1 } }],
    ["a: !thing b\nc: !!binary aGk=", { a: "b", c: "aGk=" }],
    ["1: a\ntrue: b", { 1: "a", true: "b" }],
    ["a: |\n  x\n  y\nb: >\n  x\n  y\n", { a: "x\ny\n", b: "x y\n" }],
    ['{\n\t"a": [\n\t\t1,\n\t\t"\\ud83d\\ude00"\n\t]\n}', { a: [1, "😀"] }],
    ["\ufeffa: 1\r\nb: 2\r\n", { a: 1, b: 2 }],
    ["---\na: 1\n...\n", { a: 1 }],
    ["", null],
    ["# only a comment", null],
  ])("%j is read", (text, expected) => {
    expect(value(text)).toEqual(expected);
  });

  it("a key `__proto__` is a key as any other", () => {
    const read = value("__proto__: {polluted: true}") as Record<string, unknown>;
    expect(Object.keys(read)).toEqual(["__proto__"]);
    expect("polluted" in read).toBe(false);
  });

  it("an alias means the last anchor before it", () => {
    expect(value("- &a 1\n- *a\n- &a 2\n- *a")).toEqual([1, 1, 2, 2]);
  });

  it("an alias is a copy: the value is a tree", () => {
    const [first, second] = value("- &a {x: 1}\n- *a") as [unknown, unknown];
    expect(first).toEqual(second);
    expect(first).not.toBe(second);
  });
});

describe("bad input is refused, with the place", () => {
  it.each<[string, string, string]>([
    [
      "a tab for indentation",
      "a:\n\tb: 1",
      "Tabs are not allowed as indentation, line 2, column 1",
    ],
    ["two documents", "a: 1\n---\nb: 2", "several documents"],
    ["two documents, empty ones", "---\n---\n", "several documents"],
    ["a duplicate key", "a: 1\nb: 2\na: 3", 'key "a" stands twice in one map, line 3, column 1'],
    ["a duplicate key of JSON", '{"a": 1, "a": 1}', "stands twice"],
    ["duplicate keys in other spelling", "a: 1\n'a': 2", "stands twice"],
    ["a key that is a list", "? [a]\n: b", "keys must be strings"],
    ["an alias as a key", "&a a: 1\n*a : 2", "keys must be strings"],
    ["an alias without anchor", "a: *b", "no anchor"],
    ["an alias inside its own anchor", "a: &a [*a]", "deeper than"],
    ["an open bracket", "[1, 2", "line 1"],
    ["a compact mapping", "a: b: c", "Nested mappings"],
    ["a NUL", "a: \u0000", "control character stands in the text, line 1, column 4"],
    ["half a surrogate", "a: \ud800", "control character"],
  ])("%s", (_, text, message) => {
    expect(faults(text)[0]?.message).toContain(message);
  });

  it("a duplicate key is told of at its path", () => {
    expect(faults("a:\n  - b: 1\n    b: 2\n")).toMatchObject([{ path: "a.0.b" }]);
  });

  it("several duplicates are all told of", () => {
    expect(faults("a: 1\na: 1\nb: {c: 1, c: 2}")).toHaveLength(2);
  });
});

describe("limits", () => {
  const mebibyte = 1024 * 1024;
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0
      ? "a0: &a0 [x,x,x,x,x,x,x,x,x]"
      : `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(",")}]`,
  ).join("\n");
  const many = (line: (i: number) => string, size = 300_000) => {
    let text = "";
    for (let i = 0; text.length < size; i++) text += line(i);
    return text;
  };

  it.each<[string, string, string]>([
    ["more than 1 MiB", "#".repeat(mebibyte + 1), "larger than"],
    ["more than 1 MiB of bytes in fewer characters", `a: ${"é".repeat(600_000)}`, "larger than"],
    ["an alias bomb", bomb, "too many values"],
    ["flow collections too deep", `${"[".repeat(500_000)}`, "too many values"],
    ["flow collections just too deep", `${"[".repeat(70)}${"]".repeat(70)}`, "deeper than 64"],
    ["block sequences too deep", "- ".repeat(1000), "deeper than 64"],
    ["maps too deep", many((i) => `${" ".repeat(i)}a:\n`, 100_000), "deeper than 64"],
    ["explicit keys too deep", "? ".repeat(1000), "deeper than 64"],
    ["too many tokens", "a: [a,a,a,a,a,a,a]\n".repeat(50_000), "too many values"],
    ["a syntax error a token", "]\n".repeat(120_000), "Unexpected"],
    ["a tag error a token", "!t ".repeat(120_000), "tag"],
    ["a scalar error a token", '"" '.repeat(120_000), "Unexpected"],
    ["many duplicate keys", "a: 1\n".repeat(20_000), "stands twice"],
    [
      "many keys, one of them twice",
      `${many((i) => `k${i}: 1\n`, 200_000)}k0: 1`,
      'key "k0" stands twice',
    ],
  ])("%s: refused within a second of CPU time", (_, text, message) => {
    const before = process.cpuUsage();
    const problems = faults(text);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
    expect(problems[0]?.message).toContain(message);
    expect(problems.length).toBeLessThanOrEqual(YAML_LIMITS.problems);
  });

  it("an alias bomb costs no memory", () => {
    const before = process.memoryUsage().heapUsed;
    faults(bomb);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * mebibyte);
  });

  it("64 levels and a text of 1 MiB are read", () => {
    expect(readYaml(`${"[".repeat(63)}${"]".repeat(63)}`).ok).toBe(true);
    const text = many(
      (i) => `- {name: column_${i}, description: ${"x".repeat(100)}}\n`,
      mebibyte - 200,
    );
    expect(isTooLarge(text)).toBe(false);
    expect(readYaml(text).ok).toBe(true);
  });

  it("isTooLarge counts bytes", () => {
    expect(isTooLarge("a".repeat(mebibyte))).toBe(false);
    expect(isTooLarge("é".repeat(mebibyte / 2 + 1))).toBe(true);
  });
});
