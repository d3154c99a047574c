import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DocumentNode, parse, print, validate } from "graphql";
import { describe, expect, it } from "vitest";
import { schema } from "../../../src/graphql/schema.ts";
import * as generated from "../../../src/rest/generated/operations.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "schema", "operations");

const written = readdirSync(FOLDER).map((file) => readFileSync(join(FOLDER, file), "utf8"));

const documents = Object.entries(generated).filter(([name]) => name.endsWith("Document")) as [
  string,
  DocumentNode,
][];

describe("the documents that the REST face executes", () => {
  it("are valid in the public schema", () => {
    expect(validate(schema, parse(written.join("\n")))).toEqual([]);
    expect(documents.length).toBeGreaterThanOrEqual(5);
    for (const [name, document] of documents)
      expect([name, validate(schema, document)]).toEqual([name, []]);
  });

  it("are those that are written in schema/operations", () => {
    const definitions = (texts: readonly string[]) =>
      new Set(texts.flatMap((text) => parse(text).definitions.map((each) => print(each))));
    expect(definitions(documents.map(([, document]) => print(document)))).toEqual(
      definitions(written),
    );
  });
});
