import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  checkPortNames,
  DEFAULT_SUFFIXES,
  derivedNames,
  expectedPrefixes,
  grammarFaults,
  MAX_NAME_LENGTH,
  NAME_FIELDS,
  RESERVED_NAMES,
  roleName,
} from "../../../src/domain/names.ts";

const page = readFileSync(new URL("../../../docs/naming.md", import.meta.url), "utf8");

/** The rows of the page's table with this heading in its first cell, cells without their backquotes. */
function table(firstHeading: string): string[][] {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHeading} |`));
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith("|")),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replace(/^`|`$/g, "")),
    );
}

const prefixRows = table("domain");
const selectRows = table("`select` | verdict");
const fieldRows = table("field");

function prefixesOf([domain = "", name = "", id = "", port = "", segment = ""]: string[]) {
  const portId = `${id.replace(":dp:", ":cmp:")}:${segment}`;
  return expectedPrefixes({ id, name, domain, major: "1" }, { id: portId, name: port });
}

describe("docs/naming.md", () => {
  it("has the tables that are checked here", () => {
    expect([fieldRows.length, prefixRows.length, selectRows.length]).toEqual([5, 7, 12]);
  });

  it("lists the fields with their usual suffixes", () => {
    expect(fieldRows.map(([field]) => field)).toEqual([...NAME_FIELDS]);
    expect(Object.fromEntries(fieldRows.map((row) => [row[0], row[3]]))).toEqual(DEFAULT_SUFFIXES);
    expect(fieldRows.filter((row) => row[2] === "no").map(([field]) => field)).toEqual([
      "selectStream",
    ]);
  });

  it.each(prefixRows)("prefixes for domain %s, product %s, %s, port %s", (...row) => {
    const prefixes = prefixesOf(row);
    const [byName, byId] = row.slice(5);
    const by = (from: string) => prefixes.filter((p) => p.from === from).map((p) => p.prefix);
    expect(by("name")).toEqual(byName === "none" ? [] : [byName]);
    if (byId === "the same") expect(by("id")).toEqual([]);
    else expect(by("id")).toContain(byId);
  });

  it.each(selectRows)("select %s is %s", (select = "", verdict, suggestion) => {
    const prefixes = prefixesOf(prefixRows[0] ?? []);
    const problems = checkPortNames({ select }, { path: "p", prefixes });
    expect(problems.length === 0 ? "accepted" : "refused").toBe(verdict);
    expect(problems[0]?.suggestion ?? "").toBe(suggestion);
  });

  it("states the grammar, the length and the reserved names", () => {
    expect(page).toContain("`^[_A-Za-z][_0-9A-Za-z]*$`");
    expect(page).toContain(`at most ${MAX_NAME_LENGTH} characters`);
    const rule = /none of ([^.]*)\./.exec(page)?.[1] ?? "";
    const reserved = [...rule.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(reserved).toEqual([...RESERVED_NAMES]);
    for (const name of reserved) expect(grammarFaults(name ?? "")).not.toEqual([]);
  });

  it("lists all that Hasura derives", () => {
    const section = page.slice(page.indexOf("## What Hasura derives"), page.indexOf("## The role"));
    const [fields = "", types = ""] = section.split("\n- types ");
    const names = (text: string) => [...text.matchAll(/`(X\w*)`/g)].map(([, name]) => name);
    const functions = [...types.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name);
    const written = {
      ROOT_FIELD: names(fields.slice(fields.indexOf("- root fields"))),
      TYPE: [...names(types), ...functions.flatMap((f) => [`X_${f}_fields`, `X_${f}_order_by`])],
    };
    const made = derivedNames({
      customTableName: "X",
      select: "s",
      selectByPk: "p",
      selectAggregate: "a",
      selectStream: null,
    });
    for (const namespace of ["ROOT_FIELD", "TYPE"] as const) {
      const own = new Set(["s", "p", "a"]);
      const expected = made
        .filter((n) => n.namespace === namespace && !own.has(n.name))
        .map((n) => n.name);
      expect(new Set(written[namespace])).toEqual(new Set(expected));
    }
  });

  it("tells how a role is made", () => {
    const [domain = "", name = "", id = "", port = "", , prefix = ""] = prefixRows[0] ?? [];
    const dataProduct = { id, name, domain, major: "1" };
    const role = roleName({ environment: "x", componentId: "y", name: port, dataProduct });
    expect(role).toMatch(new RegExp(`^${prefix}_role_[0-9a-f]{8}$`));
  });
});
