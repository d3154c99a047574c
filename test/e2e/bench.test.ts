import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

const PROJECT = join(import.meta.dirname, "..", "..");
const MAIN = join(PROJECT, "node_modules", ".cache", "bench", "test", "bench", "main.js");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);

async function bench(...args: string[]): Promise<Ran> {
  try {
    return { code: 0, ...(await run(process.execPath, [MAIN, ...args])) };
  } catch (error) {
    return error as Ran;
  }
}

const lineSchema = z.strictObject({
  bench: z.string(),
  metric: z.string().regex(/^[a-z0-9_]+$/),
  value: z.number().nonnegative(),
  unit: z.string().min(1),
  target: z.number().optional(),
  ok: z.boolean().optional(),
});

function linesOf({ stdout, stderr }: Ran) {
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0], stderr).not.toBe("");
  return lines.map((line) => lineSchema.parse(JSON.parse(line)));
}

describe("npm run bench", () => {
  beforeAll(async () => {
    const compiler = join(PROJECT, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [compiler, "-p", join(PROJECT, "tsconfig.bench.json")]);
  });

  it("prints one JSON object a line for each bench, and its exit code says whether the targets hold", async () => {
    const ran = await bench("--short");
    const lines = linesOf(ran);
    const metrics = lines.map((line) => `${line.bench} ${line.metric}`);
    expect(metrics).toEqual(
      expect.arrayContaining([
        "rest-validate cpu_ratio",
        "rest-validate service_requests",
        "provision provisions_one_at_a_time",
        "provision provisions_32_at_once",
        "provision hasura_writes_32_at_once",
        "commit older_20_tables_rebuilds",
        "commit replace_20_tables_rebuilds",
        "commit replace_20_tables_speedup",
        "commit free_provisions",
        "commit free_commit_alone_provisions",
        "authenticate share_of_bare_warm",
        "authenticate p50_large_to_small",
        "authenticate p99_while_committing_together",
        "authenticate ready_large",
        "authenticate memory_peak_large",
      ]),
    );
    expect(new Set(metrics).size).toBe(metrics.length);
    const judged = lines.filter(({ target }) => target !== undefined);
    expect(new Set(judged.map((line) => line.bench))).toEqual(
      new Set(["rest-validate", "authenticate"]),
    );
    // Shares are the more the better, all else the less.
    for (const { metric, value, target = 0, ok } of judged)
      expect(ok, metric).toBe(metric.startsWith("share_") ? value >= target : value <= target);
    expect(ran.code).toBe(judged.every(({ ok }) => ok) ? 0 : 1);
  });

  it("a name that is not known: exit code 2, nothing on standard output, and the names there are", async () => {
    const { code, stdout, stderr } = await bench("nonsense");
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain('There is no bench "nonsense".');
    for (const name of ["rest-validate", "provision", "authenticate", "commit"])
      expect(stderr).toContain(name);
  });

  it("--help lists the benches", async () => {
    const { code, stdout } = await bench("--help");
    expect(code).toBe(0);
    for (const name of ["rest-validate", "provision", "authenticate", "commit"])
      expect(stdout).toContain(name);
  });
});
