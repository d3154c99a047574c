import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { runProgram } from "../support/program.ts";

const README = join(import.meta.dirname, "..", "..", "README.md");

/** The names of checks in text as the demo prints it: between the number and the time. */
function checkNames(text: string): string[] {
  return [...text.matchAll(/^✓ +\d+ +(.+?) +[\d.]+ m?s$/gm)].map(([, name = ""]) => name);
}

it("the demo holds every check, and leaves what it prints to try working until it is interrupted", async () => {
  const demo = runProgram(["demo", "--keep"]);
  await demo.printed("Ctrl-C ends it");
  const names = checkNames(demo.output());
  expect(names.length).toBeGreaterThan(15);
  const shown = checkNames(await readFile(README, "utf8"));
  expect(shown.length).toBeGreaterThan(8);
  expect(names, "the README shows real output").toEqual(expect.arrayContaining(shown));

  const toPaste = demo
    .output()
    .split("\n")
    .filter((line) => /^(curl|TOKEN=)/.test(line));
  const { stdout } = await promisify(execFile)("bash", ["-c", toPaste.join("\n")]);
  expect(stdout).toContain('"phase":"ACTIVE"');
  expect(stdout).toContain('"LOCATION_KEY"');
  expect(await demo.end("SIGINT")).toBe(0);
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
