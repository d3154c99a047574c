import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runProgram } from "../support/program.ts";

const README = join(import.meta.dirname, "..", "..", "README.md");

/** The names of checks in text as the demo prints it: between the number and the time. */
function checkNames(text: string): string[] {
  return [...text.matchAll(/^✓ +\d+ +(.+?) +[\d.]+ m?s$/gm)].map(([, name = ""]) => name);
}

it("the demo holds every check and leaves with 0; the README shows its real output", async () => {
  const demo = runProgram(["demo"]);
  expect(await demo.ended(), demo.output()).toBe(0);
  const names = checkNames(demo.output());
  expect(names.length).toBeGreaterThan(15);
  const shown = checkNames(await readFile(README, "utf8"));
  expect(shown.length).toBeGreaterThan(8);
  expect(names).toEqual(expect.arrayContaining(shown));
});

it("says the same as JSON lines", async () => {
  const demo = runProgram(["demo", "--json"]);
  expect(await demo.ended(), demo.output()).toBe(0);
  const lines = demo
    .output()
    .split("\n")
    .map((line) => JSON.parse(line));
  const checks = lines.filter(({ check }) => check !== undefined);
  expect(checks.every(({ ok }) => ok)).toBe(true);
  expect(lines.at(-1)).toMatchObject({ summary: { "checks held": checks.length } });
});
