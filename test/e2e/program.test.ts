import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { type Program, runProgram } from "../support/program.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples");
const programs: Program[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const program of programs.splice(0)) await program.end("SIGTERM");
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "portcullis-e2e-"));
  await chmod(made, 0o755);
  folders.push(made);
  return made;
}

async function serve(dataDir: string) {
  const program = runProgram(["start"], {
    DATA_DIR: dataDir,
    PORT: "0",
    SANDBOX_PORT: "0",
    OPERATION_WAIT_MS: "0",
  });
  programs.push(program);
  const { urls } = await program.logged("serving");
  const { sandbox } = await program.logged("on the sandbox");
  return { program, url: (urls as { rest: string }).rest, sandbox: String(sandbox) };
}

async function post(url: string, body: unknown) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

async function provisioning(name: string) {
  const descriptor = await readFile(join(EXAMPLES, `${name}.yaml`), "utf8");
  return { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor, removeData: false };
}

describe("portcullis start", () => {
  it("killed (kill -9) between 202 and the end, with everything it runs: the old token ends COMPLETED", async () => {
    const dataDir = await folder();
    const first = await serve(dataDir);
    await post(`${first.sandbox}/sandbox/faults`, {
      match: "snowflake_add_source",
      times: 1,
      action: "delay",
      ms: 10_000,
    });
    const body = await provisioning("vaccinations");
    const accepted = await post(`${first.url}/v1/provision`, body);
    expect(accepted.status).toBe(202);
    await expect
      .poll(
        async () =>
          (await (await fetch(`${first.sandbox}/sandbox/faults`)).text()).includes(
            "snowflake_add_source",
          ),
        { timeout: 10_000 },
      )
      .toBe(false);
    await first.program.end("SIGKILL");

    const second = await serve(dataDir);
    const status = async () =>
      (await (await fetch(`${second.url}/v1/provision/${accepted.text}/status`)).json()) as {
        status: string;
      };
    await expect
      .poll(async () => (await status()).status, { timeout: 30_000, interval: 200 })
      .toBe("COMPLETED");
    const plan = await post(`${second.url}/graphql`, {
      query:
        "query ($descriptor: String!) { plan(input: {provision: {descriptor: $descriptor}}) { steps { action } } }",
      variables: { descriptor: body.descriptor },
    });
    expect(JSON.parse(plan.text)).toEqual({ data: { plan: { steps: [] } } });
  });

  it("stops when asked to, finishing what is at hand", async () => {
    const { program } = await serve(await folder());
    expect(await program.end("SIGTERM")).toBe(0);
  });

  it("says which settings are wrong, all at once, without their values, and ends with 1", async () => {
    const program = runProgram(["start"], {
      DATABASE_URL: "postgresql://user:canary-password@127.0.0.1:1/x",
      HASURA_ADMIN_SECRET: "canary-secret",
    });
    expect(await program.ended()).toBe(1);
    expect(program.output()).toContain("HASURA_URL: is missing");
    expect(program.output()).toContain("JWKS_URL: is missing");
    expect(program.output()).not.toContain("canary");
    expect(program.output()).not.toMatch(/\n\s+at /);
  });
});

describe("the other commands", () => {
  let sandbox: TestSandbox;
  beforeAll(async () => {
    sandbox = await startTestSandbox();
  });
  afterAll(() => sandbox?.stop());

  const run = async (...args: string[]) => {
    const program = runProgram(args, sandboxEnvironment(sandbox));
    return { code: await program.ended(), output: program.output() };
  };

  it("db migrate brings the inventory up to date, and says when it is", async () => {
    expect(await run("db", "migrate")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Applied \d+_inventory/),
    });
    expect(await run("db", "migrate")).toEqual({ code: 0, output: "The inventory is up to date." });
  });

  it("plan shows what a descriptor would do, and what is wrong with one", async () => {
    const good = await run("plan", join(EXAMPLES, "vaccinations.yaml"));
    expect(good.output).toMatch(/^\+ source healthcare_vaccinations_0_/);
    expect(good.code).toBe(0);
    const bad = await run("plan", join(EXAMPLES, "README.md"));
    expect(bad.code).toBe(1);
    expect(bad.output).not.toMatch(/\n\s+at /);
    const none = await run("plan", join(EXAMPLES, "nothing.yaml"));
    expect(none).toMatchObject({ code: 1, output: expect.stringContaining("nothing.yaml") });
  });

  it("doctor looks at everything and ends with 0, or with 1 when something fails", async () => {
    const healthy = await run("doctor");
    expect(healthy).toMatchObject({ code: 0, output: expect.stringMatching(/^ok +database /m) });
    const program = runProgram(["doctor", "--json"], {
      ...sandboxEnvironment(sandbox),
      HASURA_ADMIN_SECRET: "canary-secret",
    });
    expect(await program.ended()).toBe(1);
    const findings = program
      .output()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(findings).toContainEqual({
      check: "hasura",
      status: "fail",
      message: expect.stringContaining("HASURA_ADMIN_SECRET"),
    });
    expect(program.output()).not.toContain("canary");
  });

  it("reconcile tells what differs from what was applied, and what came of it", async () => {
    const nothing = await run("reconcile");
    expect(nothing).toEqual({
      code: 0,
      output: expect.stringContaining("0 difference(s), 0 of them new; 0 gone."),
    });
    const unknown = await run("reconcile", "--repair", "--port", "urn:dmb:cmp:a:b:0:c");
    expect(unknown).toEqual({ code: 1, output: "There is nothing to hold Hasura against." });
  });

  it("print-schema prints the schema that is committed", async () => {
    const committed = await readFile(join(EXAMPLES, "..", "schema", "schema.graphql"), "utf8");
    expect((await run("print-schema")).output.trim()).toBe(committed.trim());
  });
});

it("portcullis --help tells of every command", async () => {
  const program = runProgram(["--help"]);
  expect(await program.ended()).toBe(0);
  for (const command of ["start", "demo", "db", "plan", "reconcile", "doctor", "print-schema"])
    expect(program.output()).toContain(command);
});
