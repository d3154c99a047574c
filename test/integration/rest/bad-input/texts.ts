/** Texts that are no YAML, or more of it than is read. */
import { type DescriptorRow, VACCINATIONS } from "./row.ts";

const ALIAS_BOMB = [
  'a: &a ["x", "x", "x", "x", "x", "x", "x", "x", "x", "x"]',
  ..."bcdefghij"
    .split("")
    .map((name, index) => `${name}: &${name} [${`*${"abcdefghij"[index]}, `.repeat(10)}]`),
].join("\n");

const MERGE_BOMB = [
  "a0: &a0 {k: v}",
  ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} {x: *a${i}, y: *a${i}}`),
].join("\n");

const TEXTS: readonly [what: string, text: string, says: string | RegExp, field?: string][] = [
  ["empty", "", "expected an object with `dataProduct`"],
  ["only a comment", "# nothing", "expected an object with `dataProduct`"],
  ["null", "~", "expected an object with `dataProduct`"],
  ["a number", "42", "expected an object with `dataProduct`"],
  ["a list", "- dataProduct", "expected an object with `dataProduct`"],
  ["prose", "please provision my port", "expected an object with `dataProduct`"],
  ["a page", "<!doctype html><html></html>", "expected an object with `dataProduct`"],
  ["indented by tabs", VACCINATIONS.replaceAll("\n  ", "\n\t"), /tab/i],
  ["with a tab before a key", "dataProduct:\n\tid: x\n", /tab/i],
  ["an escape of half a character", 'dataProduct: "\\😀"', "Invalid escape sequence \\\u{FFFD}"],
  ["an alias bomb", ALIAS_BOMB, "too many values"],
  ["an alias bomb of maps", MERGE_BOMB, "too many values"],
  ["an alias within its own anchor", "dataProduct: &a\n  components: [*a]\n", "nested deeper"],
  ["an alias without an anchor", "dataProduct: *nothing\n", "has no anchor"],
  [
    "a key twice",
    `${VACCINATIONS}\ncomponentIdToProvision: x\n`,
    "stands twice",
    "componentIdToProvision",
  ],
  [
    "a name twice",
    VACCINATIONS.replace(/( +)(select: .*)/, "$1$2\n$1$2"),
    "stands twice",
    "dataProduct.components.4.specific.select",
  ],
  ["a key twice, in JSON", '{"dataProduct": {}, "dataProduct": {}}', "stands twice", "dataProduct"],
  ["several documents", `${VACCINATIONS}\n---\n${VACCINATIONS}`, "several documents"],
  ["a second document of another kind", "dataProduct: {}\n---\n- 1\n", "several documents"],
  ["lists 100,000 deep", `a: ${"[".repeat(100_000)}`, "nested deeper than 64"],
  ["maps 20,000 deep", "{a: ".repeat(20_000), "nested deeper than 64"],
  [
    "blocks 2,000 deep",
    Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    "nested deeper than 64",
  ],
  ["sequences on one line", "- ".repeat(100_000), "nested deeper than 64"],
  ["500,000 values", `[${"1,".repeat(500_000)}]`, "too many values"],
  ["a mebibyte of openings", "{".repeat(1024 * 1024 - 10), "too many values"],
  ["a mebibyte of one quote", `"${"\\".repeat(1024 * 1024 - 10)}`, /./],
  ["a mebibyte of anchors", "&a ".repeat(340_000), /./],
  ["a mebibyte of question marks", "? ".repeat(500_000), /./],
  ["a mebibyte of wrong escapes", `a: "${"\\q".repeat(500_000)}"`, /escape/i],
  ["an unclosed quote", 'dataProduct: "abc\n', /quote|closing/i],
  ["an unclosed list", "dataProduct: [1, 2\n", /flow|]/i],
  ["wrong indentation", "dataProduct:\n  id: x\n name: y\n", /./],
  ["a key that is a list", "? [a, b]\n: c\n", /key/i],
  ["NUL", "dataProduct: \u0000", "control character"],
  ["a bell", "dataProduct: \u0007", "control character"],
  ["DEL", "dataProduct: \u007f", "control character"],
  ["half a character", "dataProduct: \ud83d", "control character"],
];

export const TEXT_ROWS: readonly DescriptorRow[] = TEXTS.map(([what, descriptor, says, field]) => ({
  what: `a descriptor: ${what}`,
  descriptor,
  field: field ?? "descriptor",
  says,
}));
