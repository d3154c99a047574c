import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { previewPlan } from "../../../src/operations/preview.ts";
import { submitProvision, submitUnprovision } from "../../../src/operations/submit.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

let plane: Plane;
let vaccinations: string;

beforeAll(async () => {
  vaccinations = await example("vaccinations");
  plane = await startPlane({ settings: { HASURA_TIMEOUT: "1", HASURA_WRITE_TIMEOUT: "1" } });
});
afterAll(() => plane?.stop());

/** For what is to fail by its deadline. */
const impatient = () => ({ ...plane.ctx, deadlineMs: () => 3_000 });
const clear = () => fetch(`${plane.sandbox.url}/sandbox/faults`, { method: "DELETE" });
afterEach(async () => {
  await clear();
  expect((await plane.unprovision(vaccinations)).status).toBe("COMPLETED");
  expect((await plane.metadata()).sources).toEqual([]);
});

const logsOf = async (token: string) =>
  (await plane.ctx.db.operationLog.findMany({ where: { operationToken: token } }))
    .map(({ level, message }) => `${level} ${message}`)
    .join("\n");

const CONFLICT = {
  path: "$",
  error: "metadata resource version referenced (7) did not match current version",
  code: "conflict",
};

describe("trouble with Hasura that passes", () => {
  it.each([
    ["the connection is cut before it reads the write", { match: "bulk", action: "reset" }],
    ["the answer is lost after it committed", { match: "bulk", action: "reset", when: "after" }],
    [
      "it answers 500 with a page",
      { match: "bulk", action: "status", status: 500, body: "<html>oops</html>" },
    ],
    [
      "a proxy answers 503 with nothing",
      { match: "export_metadata", action: "status", status: 503, body: "" },
    ],
    [
      "a proxy's page stands where the answer was",
      { match: "bulk", action: "status", status: 200, when: "after", body: "<html>" },
    ],
    [
      "somebody else writes at the same moment",
      { match: "bulk", action: "status", status: 409, body: CONFLICT },
    ],
    ["it is slower than we wait, and commits", { match: "bulk", action: "delay", ms: 1300 }],
    ["the export is cut", { match: "export_metadata", action: "reset" }],
  ])("%s: the operation ends COMPLETED and a new plan is empty", async (_what, fault) => {
    await plane.fault({ times: 1, ...fault });
    const operation = await plane.provision(vaccinations);
    expect(operation.result).toBe("The output port is provisioned.");
    expect(operation.status).toBe("COMPLETED");
    // What a write meets is planned again at once; only what keeps us from planning is waited for.
    expect(operation.attempts).toBe(fault.match === "bulk" ? 0 : 1);
    const { steps } = await previewPlan(plane.ctx, { provision: { descriptor: vaccinations } });
    expect(steps).toEqual([]);
    const { sources } = await plane.metadata();
    expect(sources[0]?.tables).toHaveLength(1);
  });
});

describe("trouble with Hasura that stays", () => {
  it("fails the operation by its deadline, says so in its log, and a later attempt converges", async () => {
    await plane.fault({
      match: "/v1/metadata",
      times: 1_000,
      action: "status",
      status: 503,
      body: "",
    });
    const failed = await plane.end(
      submitProvision(impatient(), { descriptor: vaccinations }, "test"),
    );
    expect(failed.status).toBe("FAILED");
    // Whether the last try or the deadline comes first is a matter of milliseconds; the cause is told in both cases.
    expect(["HASURA_UNAVAILABLE", "DEADLINE"]).toContain(failed.code);
    expect(failed.result).toContain("answered 503");
    expect(await logsOf(failed.token)).toContain("answered 503");
    const port = await plane.ctx.db.outputPort.findFirstOrThrow();
    expect(port).toMatchObject({ phase: "FAILED", appliedRevision: null });
    await clear();
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
  });

  it("does not keep anybody's access alive when the port is to go", async () => {
    await plane.provision(vaccinations);
    await plane.updateAcl(vaccinations, ["user:alice_example.com"]);
    await plane.fault({ match: "/v1/metadata", times: 1_000, action: "reset" });
    const token = await submitUnprovision(impatient(), { descriptor: vaccinations }, "test");
    expect(await plane.ctx.db.grant.count({ where: { endedAt: null } })).toBe(0);
    expect(await plane.end(token)).toMatchObject({ status: "FAILED" });
    expect((await plane.ctx.db.outputPort.findFirstOrThrow()).phase).toBe("FAILED");
    await clear();
  });

  it("leaves what was applied as it was when a change is refused", async () => {
    await plane.provision(vaccinations);
    const refusal = {
      path: "$.args",
      error: "Inconsistent object: no",
      code: "invalid-configuration",
    };
    await plane.fault({ match: "bulk", times: 1, action: "status", status: 400, body: refusal });
    const failed = await plane.provision(await example("vaccinations-changed"));
    expect(failed).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    const port = await plane.ctx.db.outputPort.findFirstOrThrow({ include: { conditions: true } });
    expect(port).toMatchObject({ phase: "ACTIVE", acceptedRevision: expect.any(Number) });
    expect(port.appliedRevision).not.toBe(port.acceptedRevision);
    expect(port.conditions.find(({ type }) => type === "SYNCED")).toMatchObject({
      status: "FALSE",
      reason: "HASURA_REFUSED",
    });
    const { sources } = await plane.metadata();
    expect(sources[0]?.tables[0]?.table.at(-1)).toBe("VACCINATIONS_CLEAN_VIEW");
  });
});

describe("trouble with the source", () => {
  it("that passes is waited for", async () => {
    await plane.fault({ match: "/queries/v1", times: 1, action: "status", status: 500, body: "" });
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
  });

  it("a view that is not there fails the operation, naming the nearest", async () => {
    const wrong = vaccinations.replaceAll("VACCINATIONS_CLEAN_VIEW", "VACCINATION_CLEAN_VIEW");
    const failed = await plane.provision(wrong);
    expect(failed).toMatchObject({ status: "FAILED", code: "SOURCE_REFUSED" });
    expect(failed.result).toContain("VACCINATIONS_CLEAN_VIEW");
    expect((await plane.metadata()).sources).toEqual([]);
  });
});

describe("what is somebody else's in Hasura", () => {
  it("is left alone: their table on our source keeps the source alive", async () => {
    await plane.provision(vaccinations);
    const [ours] = (await plane.metadata()).sources;
    const theirs = ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_BY_AGE_VIEW"];
    await plane.hasura({
      type: "snowflake_track_table",
      args: { source: ours?.name, table: theirs },
    });
    expect((await plane.unprovision(vaccinations)).status).toBe("COMPLETED");
    const left = (await plane.metadata()).sources;
    expect(left[0]?.tables.map(({ table }) => table)).toEqual([theirs]);
    const args = { name: ours?.name, cascade: true };
    await plane.hasura({ type: "snowflake_drop_source", args });
  });

  it("is refused, not taken over: a table they track already", async () => {
    await plane.provision(vaccinations);
    const [ours] = (await plane.metadata()).sources;
    const table = ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_BY_AGE_VIEW"];
    await plane.hasura({ type: "snowflake_track_table", args: { source: ours?.name, table } });
    const failed = await plane.provision(await example("vaccinations-changed"));
    expect(failed).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    expect(failed.result).toContain("not by us");
    await plane.hasura({ type: "snowflake_untrack_table", args: { source: ours?.name, table } });
  });
});

describe("operations of one port", () => {
  it("run in the order of their acceptance, though an earlier one has to wait for Hasura", async () => {
    await plane.fault({
      match: "export_metadata",
      times: 1,
      action: "status",
      status: 503,
      body: "",
    });
    const first = await submitProvision(plane.ctx, { descriptor: vaccinations }, "test");
    await expect
      .poll(
        async () =>
          (await plane.ctx.db.operation.findUnique({ where: { token: first } }))?.attempts,
      )
      .toBe(1);
    const changed = await example("vaccinations-changed");
    const second = await submitProvision(plane.ctx, { descriptor: changed }, "test");
    const [one, two] = await Promise.all([plane.end(first), plane.end(second)]);
    expect([one.status, two.status]).toEqual(["COMPLETED", "COMPLETED"]);
    expect(one.finishedAt?.getTime()).toBeLessThan(two.finishedAt?.getTime() ?? 0);
    const port = await plane.ctx.db.outputPort.findFirstOrThrow();
    expect(port.appliedRevision).toBe(two.revision);
  });
});

describe("two answers to one question", () => {
  it("are one operation while it runs, and another when something else was asked", async () => {
    await plane.fault({ match: "bulk", times: 1, action: "delay", ms: 700 });
    const ask = () => submitProvision(plane.ctx, { descriptor: vaccinations }, "test");
    const first = await ask();
    expect(await ask()).toBe(first);
    const teardown = await submitUnprovision(plane.ctx, { descriptor: vaccinations }, "test");
    const again = await ask();
    expect(new Set([first, teardown, again]).size).toBe(3);
    const ended = await Promise.all([first, teardown, again].map((token) => plane.end(token)));
    expect(ended.map(({ status }) => status)).toEqual(["COMPLETED", "COMPLETED", "COMPLETED"]);
    const port = await plane.ctx.db.outputPort.findFirstOrThrow();
    expect(port).toMatchObject({ phase: "ACTIVE", appliedRevision: port.acceptedRevision });
  });
});
