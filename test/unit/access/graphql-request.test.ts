import { describe, expect, it } from "vitest";
import { REQUEST_LIMITS } from "../../../src/domain/graphql-document.ts";
import { askedRootFields } from "../../../src/domain/graphql-request.ts";

const asked = (request: unknown) => {
  const result = askedRootFields(request);
  if (!result.ok) return result.reason;
  const { fields, everything } = result.asked;
  const names = [...fields].sort();
  if (!everything) return names;
  return names.length === 0 ? "everything" : ["everything", ...names];
};
const query = (text: string, more: Record<string, unknown> = {}) => ({ query: text, ...more });

const DOCUMENTS: readonly [string, unknown, string[] | string][] = [
  ["a plain query", query("{ vaccinations { id } }"), ["vaccinations"]],
  ["several root fields", query("{ a { x } b { x } a { y } }"), ["a", "b"]],
  ["an alias, by the field behind it", query("{ allowed: secret { id } }"), ["secret"]],
  ["only the root of nested fields", query("{ a { b { c } } }"), ["a"]],
  ["a named fragment at the root", query("{ ...F } fragment F on query_root { a { x } }"), ["a"]],
  [
    "an inline fragment at the root",
    query("{ ... on query_root { c_select { x } } }"),
    ["c_select"],
  ],
  ["an inline fragment without a type", query("{ ... { a { x } } }"), ["a"]],
  [
    "fragments inside fragments",
    query(
      "{ ...F } fragment F on query_root { a { x } ... { ...G } } fragment G on query_root { b { x } }",
    ),
    ["a", "b"],
  ],
  [
    "a fragment on a table's type, whose fields are no root fields",
    query("{ a { ...F } } fragment F on A { secret }"),
    ["a"],
  ],
  [
    "a fragment that nobody spreads",
    query("{ a { x } } fragment F on query_root { b { x } }"),
    ["a"],
  ],
  [
    "a fragment that is spread many times over",
    query(
      `{ ...F0 ...F0 } ${Array.from({ length: 40 }, (_, i) => `fragment F${i} on query_root { ...F${i + 1} ...F${i + 1} }`).join(" ")} fragment F40 on query_root { a { x } }`,
    ),
    ["a"],
  ],
  [
    "a cycle of fragments",
    query("{ ...F } fragment F on query_root { a { x } ...G } fragment G on query_root { ...F }"),
    "FRAGMENT_CYCLE",
  ],
  ["a fragment that is not there", query("{ a { x } ...F }"), "FRAGMENT_UNKNOWN"],
  [
    "two fragments of one name",
    query("{ ...F } fragment F on query_root { a } fragment F on query_root { b }"),
    "REQUEST_MALFORMED",
  ],

  ["@skip(if: true)", query("{ a { x } b @skip(if: true) { x } }"), ["a"]],
  ["@skip(if: false)", query("{ a @skip(if: false) { x } }"), ["a"]],
  ["@include(if: false)", query("{ a { x } b @include(if: false) { x } }"), ["a"]],
  ["@include(if: true)", query("{ a @include(if: true) { x } }"), ["a"]],
  [
    "@include and @skip that disagree",
    query("{ a { x } b @include(if: true) @skip(if: true) { x } }"),
    ["a"],
  ],
  [
    "@skip on a fragment",
    query(
      "{ a { x } ...F @skip(if: true) ... @skip(if: true) { c } } fragment F on query_root { b }",
    ),
    ["a"],
  ],
  ["a directive of another name", query("{ a @cached(if: false) { x } }"), ["a"]],
  [
    "a variable that is true",
    query("query($no: Boolean!) { a { x } b @skip(if: $no) { x } }", { variables: { no: true } }),
    ["a"],
  ],
  [
    "a variable that is false",
    query("query($no: Boolean!) { a { x } b @skip(if: $no) { x } }", { variables: { no: false } }),
    ["a", "b"],
  ],
  [
    "a variable's default",
    query("query($no: Boolean = true) { a { x } b @skip(if: $no) { x } }"),
    ["a"],
  ],
  [
    "a value before its default",
    query("query($no: Boolean = true) { a { x } b @skip(if: $no) { x } }", {
      variables: { no: false },
    }),
    ["a", "b"],
  ],
  [
    "a null variable, which is no certainty",
    query("query($no: Boolean = true) { a @skip(if: $no) { x } }", { variables: { no: null } }),
    ["a"],
  ],
  [
    "a variable of another type",
    query("query($no: Boolean!) { a @skip(if: $no) { x } }", { variables: { no: "true" } }),
    ["a"],
  ],
  [
    "a variable that is not declared",
    query("{ a @skip(if: $no) { x } }", { variables: { no: true } }),
    ["a"],
  ],
  [
    "the default of a variable that is named as what every object has",
    query("query($constructor: Boolean = true) { a { x } b @skip(if: $constructor) { x } }", {
      variables: {},
    }),
    ["a"],
  ],
  ["@skip without an argument", query("{ a @skip { x } }"), ["a"]],

  [
    "the operation of the given name",
    query("query A { a { x } } query B { b { x } }", { operationName: "B" }),
    ["b"],
  ],
  [
    "several operations and no name",
    query("query A { a { x } } query B { b { x } }"),
    "OPERATION_UNKNOWN",
  ],
  [
    "a name that is not there",
    query("query A { a { x } }", { operationName: "B" }),
    "OPERATION_UNKNOWN",
  ],
  ["an empty name", query("{ a { x } }", { operationName: "" }), "OPERATION_UNKNOWN"],
  [
    "two operations of the given name",
    query("query A { a } query A { b }", { operationName: "A" }),
    "OPERATION_UNKNOWN",
  ],
  ["a name that is no text", query("{ a }", { operationName: 1 }), "REQUEST_MALFORMED"],
  ["a null name", query("query A { a { x } }", { operationName: null }), ["a"]],
  [
    "a query beside a mutation that is not run",
    query("query A { a } mutation B { b }", { operationName: "A" }),
    ["a"],
  ],
  ["a mutation", query("mutation { insert_a { x } }"), "REQUEST_NOT_A_QUERY"],
  ["a subscription", query("subscription { a { x } }"), "REQUEST_NOT_A_QUERY"],
  [
    "a mutation chosen by name",
    query("query A { a } mutation B { b }", { operationName: "B" }),
    "REQUEST_NOT_A_QUERY",
  ],

  [
    "introspection only",
    query('{ __schema { types { name } } __type(name: "a") { name } __typename }'),
    [],
  ],
  ["introspection beside a field", query("{ __typename a { x } }"), ["a"]],
  ["an aliased __typename", query("{ a: __typename }"), []],
  ["other names with two underscores", query("{ __secret }"), ["__secret"]],
  ["the schema for Apollo, which is the role's own", query("{ _service { sdl } }"), []],
  [
    "rows for Apollo, which may be of any type",
    query(
      "query ($of: [_Any!]!) { e: _entities(representations: $of) { ... on a_type { id } } a { x } }",
    ),
    ["everything", "a"],
  ],

  ["no request", null, "everything"],
  ["an absent request", undefined, "everything"],
  ["a persisted query without text", { extensions: { persistedQuery: {} } }, "everything"],
  ["a null query", { query: null }, "everything"],
  ["a batch", [query("{ a { x } }"), query("{ b { x } }")], ["a", "b"]],
  ["a batch with an item without text", [query("{ a { x } }"), {}], ["everything", "a"]],
  [
    "a batch with a mutation",
    [query("{ a { x } }"), query("mutation { b }")],
    "REQUEST_NOT_A_QUERY",
  ],
  ["a batch with a broken item", [query("{ a { x } }"), query("{")], "REQUEST_MALFORMED"],
  ["a batch in a batch", [[query("{ a }")]], "REQUEST_MALFORMED"],
  ["a batch with a null item", [null], "REQUEST_MALFORMED"],
  ["an empty batch", [], []],
  ["a text", "{ a }", "REQUEST_MALFORMED"],
  ["a number", 1, "REQUEST_MALFORMED"],
  ["a query that is no text", { query: { a: 1 } }, "REQUEST_MALFORMED"],
  ["an empty query", query(""), "REQUEST_MALFORMED"],
  ["text that is not GraphQL", query("{ a "), "REQUEST_MALFORMED"],
  ["fragments only", query("fragment F on query_root { a }"), "OPERATION_UNKNOWN"],
];

describe("askedRootFields", () => {
  it.each(DOCUMENTS)("reads %s", (_, request, expected) => {
    expect(asked(request)).toEqual(expected);
  });

  it("refuses text beyond the limit, also when a batch only adds up to it", () => {
    const half = query(`{ a { x } } #${"x".repeat(REQUEST_LIMITS.text / 2)}`);
    expect(asked(half)).toEqual(["a"]);
    expect(asked([half, half])).toBe("REQUEST_TOO_LARGE");
  });

  it("refuses too many tokens, also when a batch only adds up to them", () => {
    const half = query(`{ a { ${"x ".repeat(REQUEST_LIMITS.tokens / 2)} } }`);
    expect(asked(half)).toEqual(["a"]);
    expect(asked([half, half])).toBe("REQUEST_TOO_LARGE");
  });

  it.each([
    ["selections", (depth: number) => `${"{ a ".repeat(depth)}${"}".repeat(depth)}`],
    ["lists", (depth: number) => `{ a(x: ${"[".repeat(depth)}${"]".repeat(depth)}) }`],
    ["objects", (depth: number) => `{ a(x: ${"{ y: ".repeat(depth)} 1 ${"}".repeat(depth)}) }`],
    ["unclosed brackets", (depth: number) => "{ a ".repeat(depth)],
  ])("refuses %s that are nested too deep", (_, text) => {
    expect(asked(query(text(REQUEST_LIMITS.depth + 1)))).toBe("REQUEST_TOO_LARGE");
    expect(asked(query(text(20_000)))).toBe("REQUEST_TOO_LARGE");
  });

  it("refuses fragments that are spread too deep, one inside the other", () => {
    const chain = (length: number) =>
      query(
        `{ ...F1 } ${Array.from({ length }, (_, i) => `fragment F${i + 1} on query_root { ...F${i + 2} }`).join(" ")} fragment F${length + 1} on query_root { a }`,
      );
    expect(asked(chain(REQUEST_LIMITS.fragments - 1))).toEqual(["a"]);
    expect(asked(chain(REQUEST_LIMITS.fragments))).toBe("REQUEST_TOO_LARGE");
    expect(asked(chain(2_500))).toBe("REQUEST_TOO_LARGE");
  });

  it("takes brackets in strings and comments for what they are", () => {
    const brackets = "{".repeat(REQUEST_LIMITS.depth * 2);
    expect(asked(query(`{ a(x: "${brackets}") { y } } # ${brackets}`))).toEqual(["a"]);
  });

  it("refuses too many items in a batch", () => {
    const items = (count: number) => Array.from({ length: count }, () => query("{ a }"));
    expect(asked(items(REQUEST_LIMITS.batch))).toEqual(["a"]);
    expect(asked(items(REQUEST_LIMITS.batch + 1))).toBe("REQUEST_TOO_LARGE");
  });
});
