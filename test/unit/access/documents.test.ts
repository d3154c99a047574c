import { describe, expect, it } from "vitest";
import { createDocumentReader } from "../../../src/access/documents.ts";
import { askedBy, REQUEST_LIMITS } from "../../../src/domain/graphql-document.ts";
import { askedRootFields } from "../../../src/domain/graphql-request.ts";

const ALL = REQUEST_LIMITS.tokens;

describe("the reader of documents", () => {
  it("reads a document once", () => {
    const read = createDocumentReader();
    const first = read("{ a { x } }", null, ALL);
    expect(read("{ a { x } }", null, ALL)).toBe(first);
    expect(askedBy(first, {}).fields).toEqual(new Set(["a"]));
  });

  it("tells documents apart by their operation's name, also by an empty or a cunning one", () => {
    const read = createDocumentReader();
    const text = "query A { a { x } } query B { b { x } }";
    const fields = (query: string, name: string | null) =>
      [...askedBy(read(query, name, ALL), {}).fields].join();
    for (let times = 0; times < 2; times += 1) {
      expect(fields(text, "A")).toBe("a");
      expect(fields(text, "B")).toBe("b");
      expect(() => fields(text, "")).toThrow("OPERATION_UNKNOWN");
      expect(() => fields(text, null)).toThrow("OPERATION_UNKNOWN");
    }
    expect(fields("query A { a }", "A")).toBe("a");
    expect(() => fields(" A { a }", "Aquery")).toThrow();
    expect(() => fields("1 Aquery A { a }", null)).toThrow();
  });

  it("decides about variables anew each time", () => {
    const read = createDocumentReader();
    const query = "query ($no: Boolean = true) { a { x } b @skip(if: $no) { x } }";
    const fields = (variables: Record<string, unknown>) => {
      const result = askedRootFields({ query, variables }, read);
      return result.ok ? [...result.asked.fields].join() : result.reason;
    };
    for (let times = 0; times < 2; times += 1) {
      expect(fields({})).toBe("a");
      expect(fields({ no: false })).toBe("a,b");
      expect(fields({ no: true })).toBe("a");
      expect(fields({ no: null })).toBe("a,b");
    }
  });

  it("remembers refusals, except of what was too much at that place of a batch", () => {
    const read = createDocumentReader();
    for (let times = 0; times < 2; times += 1)
      expect(() => read("mutation { a }", null, ALL)).toThrow("REQUEST_NOT_A_QUERY");
    expect(() => read("{ a { x } }", null, 3)).toThrow("REQUEST_TOO_LARGE");
    expect(read("{ a { x } }", null, ALL).tokens).toBe(6);
    const half = { query: `{ a { ${"x ".repeat(ALL / 2)} } }` };
    expect(askedRootFields(half, read).ok).toBe(true);
    expect(askedRootFields([half, half], read)).toEqual({ ok: false, reason: "REQUEST_TOO_LARGE" });
    expect(askedRootFields(half, read).ok).toBe(true);
  });

  it("keeps no more than it may", () => {
    const read = createDocumentReader(50_000);
    const first = read("{ a }", null, ALL);
    for (let field = 0; field < 200; field += 1) read(`{ a${field} { x } }`, null, ALL);
    expect(read("{ a }", null, ALL)).not.toBe(first);
    const long = `{ ${"a ".repeat(3_000)} }`;
    expect(read(long, null, ALL)).not.toBe(read(long, null, ALL));
  });
});
