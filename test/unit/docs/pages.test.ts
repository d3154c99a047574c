import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { createCli } from "../../../src/cli.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

function markdownIn(folder: string, options: { recursive: boolean }): string[] {
  return readdirSync(join(ROOT, folder), options)
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(".md"));
}

const PAGES = [
  ...markdownIn(".", { recursive: false }),
  ...markdownIn("docs", { recursive: true }),
  ...markdownIn("examples", { recursive: true }),
].map((page) => ({ page, text: readFileSync(join(ROOT, page), "utf8") }));

function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, match = ""]) => match))];
}

describe.each(PAGES)("$page", ({ page, text }) => {
  it("links to pages and headings that are there", () => {
    const targets = found(text, /\]\(([^)\s]+)\)/g).filter((target) => !/^\w+:/.test(target));
    const missing = targets.filter((target) => {
      const [path = "", heading] = target.split("#");
      const file = path === "" ? join(ROOT, page) : join(ROOT, dirname(page), path);
      if (!existsSync(file)) return true;
      if (heading === undefined) return false;
      const headings = found(readFileSync(file, "utf8"), /^#+ (.+)$/gm).map((title) =>
        title
          .toLowerCase()
          .replace(/[^\w\s-]/g, "")
          .replaceAll(" ", "-"),
      );
      return !headings.includes(heading);
    });
    expect(missing).toEqual([]);
  });

  it("names files and folders that are there", () => {
    const paths = found(
      text,
      /`((?:src|test|docs|prisma|schema|examples|\.ci|\.github)\/[\w./-]*)`/g,
    );
    const missing = paths.filter((path) => !existsSync(join(ROOT, path)));
    expect(missing).toEqual([]);
  });

  it("names commands that are there", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const scriptNames = found(text, /\bnpm run ([\w:-]+)/g);
    expect(scriptNames.filter((name) => !(name in scripts))).toEqual([]);
    const commands = createCli({}).commands.map((command) => command.name());
    const named = found(text, /`portcullis ([a-z-]+)/g);
    expect(named.filter((name) => !commands.includes(name))).toEqual([]);
  });
});

it("there is a page about each decision, and the index has it", () => {
  const folder = join(ROOT, "docs", "adr");
  const index = readFileSync(join(folder, "README.md"), "utf8");
  for (const { page, text } of PAGES) {
    const name = relative(folder, join(ROOT, page));
    const [, number] = /^(\d{4})-.+\.md$/.exec(name) ?? [];
    if (number === undefined) continue;
    const [title = ""] = text.split("\n");
    expect(index).toContain(`[${number}](${name}) | ${title.replace(`# ${number} `, "")} |`);
    for (const heading of ["Context", "Decision", "Consequences"])
      expect(text, name).toContain(`\n## ${heading}\n`);
  }
});
