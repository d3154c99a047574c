import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ALL_CASES } from "../../conformance/cases/all.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const page = readFileSync(join(ROOT, "docs", "conformance.md"), "utf8");

/** The rows of the page's table of sections. */
const rows = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/gm)]
  .map(([, title = "", cases = "", needs = ""]) => [title, cases, needs].map((cell) => cell.trim()))
  .filter(([title]) => title !== "section");

describe("docs/conformance.md", () => {
  it("counts the cases of each section and says what they need", () => {
    const sections = ALL_CASES.map(({ title, cases }) => [
      title,
      String(cases.length),
      [...new Set(cases.flatMap(({ needs }) => needs))].join(", "),
    ]);
    const all = ALL_CASES.reduce((sum, { cases }) => sum + cases.length, 0);
    expect(rows).toEqual([...sections, ["**all**", `**${all}**`, ""]]);
  });

  it("names the version that the stand-in gives itself and that compose.yaml starts", () => {
    const [, imitated = ""] = /as of \*\*(v[\d.]+)\*\*/.exec(page) ?? [];
    const started = /image: hasura\/graphql-engine:(\S+)/.exec(read("compose.yaml"))?.[1];
    const told = /const VERSION = "([^"]+)"/.exec(read("src/sandbox/hasura/stand-in.ts"))?.[1];
    expect(imitated).not.toBe("");
    expect(started).toMatch(new RegExp(`^${imitated.replaceAll(".", "\\.")}\\.\\d+$`));
    expect(told).toBe(started);
  });

  it("sets what the suite reads and the workflow sets", () => {
    const suite = read("test/conformance/real.test.ts");
    const workflow = read(".github/workflows/conformance.yml");
    const set = [...page.matchAll(/\b([A-Z][A-Z0-9_]{3,})=\S/g)].map(([, name = ""]) => name);
    expect(set.length).toBeGreaterThan(8);
    for (const name of new Set(set)) expect(suite).toContain(name);
    for (const name of set.filter((each) => each !== "CONFORMANCE_OVERWRITE"))
      expect(workflow).toContain(`      ${name}: `);
  });
});

it("each case is told apart by its name within its section, and every file of cases is in the list", () => {
  for (const { title, cases } of ALL_CASES) {
    const names = cases.map(({ name }) => name);
    expect(new Set(names).size, title).toBe(names.length);
  }
  const list = read("test/conformance/cases/all.ts");
  const shared = new Set(["all.ts", "whole-metadata.ts"]);
  for (const file of readdirSync(join(ROOT, "test", "conformance", "cases")))
    if (!shared.has(file)) expect(list).toContain(`"./${file}"`);
});

function read(path: string): string {
  const file = join(ROOT, path);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
