/** The YAML library alone, with the options that src/domain/yaml.ts gives it; or our reader around it. */
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { readYaml } from "../../src/domain/yaml.ts";
import { servePart } from "./part.ts";

const [file = "", which] = process.argv.slice(2);
const text = await readFile(file, "utf8");

const OPTIONS = {
  schema: "core",
  version: "1.2",
  resolveKnownTags: false,
  stringKeys: true,
  uniqueKeys: false,
  logLevel: "silent",
} as const;

function read(): boolean {
  if (which === "reader") return readYaml(text).ok;
  return parse(text, OPTIONS) !== null;
}

servePart("", async (times) => {
  for (let n = 0; n < times; n += 1) if (!read()) throw new Error("the descriptor was not read");
});
