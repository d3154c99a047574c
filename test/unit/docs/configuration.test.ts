import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig, readSandboxSettings } from "../../../src/config.ts";
import { AppError } from "../../../src/errors.ts";
import { SETTING_NAMES } from "../../../src/settings.ts";
import { PRODUCTION } from "../../support/settings.ts";

const PAGE = join(import.meta.dirname, "..", "..", "..", "docs", "configuration.md");

interface Row {
  readonly name: string;
  readonly fallback: string;
  readonly example: string;
}

/** The rows of the page's tables that begin with a setting. */
const rows: Row[] = readFileSync(PAGE, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    const [, name = "", fallback = "", , example = ""] = cells;
    return { name: name.replaceAll("`", ""), fallback, example };
  });

function codeIn(cell: string): string | undefined {
  return /^`([^`]+)`$/.exec(cell)?.[1];
}

/** All that is read of a setting: by the service, and by the sandbox when `SANDBOX` leaves it something to start. */
function read(settings: Readonly<Record<string, string>>): unknown {
  const { DATABASE_URL: _, ...others } = settings;
  return [readConfig(settings), readSandboxSettings({ SANDBOX: "postgres", ...others })];
}

function faultsOf(settings: Readonly<Record<string, string>>): string[] {
  try {
    readConfig(settings);
    return [];
  } catch (error) {
    if (error instanceof AppError) return error.problems.map(({ path }) => path);
    throw error;
  }
}

describe("the page of settings", () => {
  it("has every setting of the code once, and no other", () => {
    expect(rows.map(({ name }) => name).sort()).toEqual([...SETTING_NAMES].sort());
  });

  it.each(rows.filter(({ fallback }) => codeIn(fallback) !== undefined))(
    "gives the default that $name has",
    ({ name, fallback }) => {
      expect(PRODUCTION).not.toHaveProperty(name);
      expect(read({ ...PRODUCTION, [name]: codeIn(fallback) ?? "" })).toEqual(read(PRODUCTION));
    },
  );

  it.each(rows.filter(({ fallback }) => fallback.startsWith("*required*")))(
    "calls $name required, and it is",
    ({ name }) => {
      const { [name as keyof typeof PRODUCTION]: _, ...others } = PRODUCTION;
      expect(faultsOf(others)).toEqual([name]);
    },
  );

  it("calls nothing required that is not, and leaves nothing required out", () => {
    const required = rows.filter(({ fallback }) => fallback.startsWith("*required*"));
    expect(faultsOf({}).sort()).toEqual(
      required
        .map(({ name }) => name)
        .filter((name) => name !== "SNOWFLAKE_PASSWORD")
        .sort(),
    );
  });

  it.each(rows)("shows an example of $name that is accepted", ({ name, example }) => {
    const value = codeIn(example);
    expect(value).toBeDefined();
    const faults = faultsOf({ ...PRODUCTION, [name]: value ?? "" });
    // Some are right only beside others; what counts here is the value itself.
    const beside = [
      ...["HOST", "SOURCE_CREDENTIALS", "ADMIN_OIDC_ISSUER", "ADMIN_AUDIENCE"],
      ...["AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST", "ROLE_MAPPER_MIRROR"],
    ];
    if (!beside.includes(name)) expect(faults).toEqual([]);
    else expect(faults).not.toContain(name);
  });
});
