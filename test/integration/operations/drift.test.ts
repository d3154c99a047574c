import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Finding } from "../../../src/inventory/generated/client.ts";
import {
  acknowledge,
  pauseOutputPort,
  submitReconcile,
} from "../../../src/operations/interventions.ts";
import { previewPlan } from "../../../src/operations/preview.ts";
import { handleWakeUp } from "../../../src/operations/work.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const DATABASE = `DRIFT_${process.pid}`;

let plane: Plane;
let ports: ManyPorts;
let source = "";
let role = "";
let table: string[] = [];

beforeAll(async () => {
  ports = await manyPorts({ product: "drift", database: DATABASE });
  plane = await startPlane();
  await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(3));
  for (const port of [0, 1])
    expect((await plane.provision(ports.descriptor(port))).status).toBe("COMPLETED");
  source = (await plane.metadata()).sources[0]?.name ?? "";
  role = (await portRow(0)).role;
  table = [DATABASE, "VACCINATIONS_0", ports.view(0)];
});
afterAll(() => plane?.stop());

const portRow = (port: number) =>
  plane.ctx.db.outputPort.findFirstOrThrow({
    where: { componentId: ports.componentId(port) },
    include: { conditions: true },
  });
const reconcile = (mode: "report" | "repair" = "report", port?: number) =>
  plane.end(
    submitReconcile(
      plane.ctx,
      { mode, ...(port === undefined ? {} : { componentId: ports.componentId(port) }) },
      "test",
    ),
  );
const live = (): Promise<Finding[]> =>
  plane.ctx.db.finding.findMany({ where: { endedAt: null }, orderBy: { name: "asc" } });
const kinds = async () => (await live()).map(({ kind }) => kind);
const somebody = async (command: { type: string; args: object }) => {
  const args = { source, table, ...command.args };
  expect(await plane.hasura({ ...command, args })).toMatchObject({ message: "success" });
};
const dropPermission = () => somebody({ type: "snowflake_drop_select_permission", args: { role } });
const foreignPermission = { role: "analyst", permission: { columns: "*", filter: {} } };
const permitAnalyst = () =>
  somebody({ type: "snowflake_create_select_permission", args: foreignPermission });
const forbidAnalyst = () =>
  somebody({ type: "snowflake_drop_select_permission", args: { role: "analyst" } });

afterEach(async () => {
  expect((await reconcile("repair")).status).toBe("COMPLETED");
  expect(await live()).toEqual([]);
});

describe("a reconcile", () => {
  it("of an unchanged Hasura costs one export", async () => {
    await reconcile();
    const before = await plane.stats();
    const done = await reconcile();
    expect(done.result).toContain("Nothing has changed in Hasura since");
    const after = await plane.stats();
    expect([after.calls - before.calls, after.writes - before.writes]).toEqual([1, 0]);
  });

  it("tells what is missing, and what that means for the port; a repair makes it again", async () => {
    await dropPermission();
    const report = await reconcile();
    expect(report).toMatchObject({ status: "COMPLETED" });
    expect(report.result).toBe("1 difference(s), 1 of them new; 0 gone.");
    expect(await live()).toMatchObject([{ kind: "MISSING", object: "SELECT_PERMISSION" }]);
    const drifted = await portRow(0);
    expect(
      drifted.conditions
        .filter(({ reason }) => reason === "Drifted")
        .map(({ type, status }) => `${type} ${status}`)
        .sort(),
    ).toEqual(["READY FALSE", "SYNCED FALSE"]);
    // The plan of a repair can be seen before.
    const planned = await previewPlan(plane.ctx, { reconcile: {} });
    expect(planned.steps.map(({ action, object }) => `${action} ${object}`)).toEqual([
      "add SELECT_PERMISSION",
    ]);
    const repair = await reconcile("repair");
    expect(repair.result).toContain("Repaired: 1.");
    const mended = await portRow(0);
    expect(mended.conditions.every(({ status }) => status === "TRUE")).toBe(true);
    expect(mended.appliedRevision).toBe(drifted.appliedRevision);
  });

  it("of one port leaves the others' findings alone", async () => {
    await dropPermission();
    await reconcile();
    expect((await reconcile("report", 1)).result).toContain("0 difference(s)");
    expect(await kinds()).toEqual(["MISSING"]);
  });

  it("comes by the clock, once for all replicas", async () => {
    const before = await plane.ctx.db.operation.count({ where: { kind: "RECONCILE" } });
    await Promise.all(
      [1, 2, 3].map(() =>
        handleWakeUp(plane.ctx, { task: "reconcile" }, new AbortController().signal),
      ),
    );
    const by = { kind: "RECONCILE" as const, actor: "portcullis:schedule" };
    await expect
      .poll(() => plane.ctx.db.operation.count({ where: { ...by, status: "RUNNING" } }))
      .toBe(0);
    const added = (await plane.ctx.db.operation.count({ where: { kind: "RECONCILE" } })) - before;
    expect(added).toBeGreaterThanOrEqual(1);
    expect(added).toBeLessThanOrEqual(3);
  });
});

describe("what somebody else did", () => {
  it("is repaired where it changed our object", async () => {
    await somebody({
      type: "snowflake_set_table_customization",
      args: { configuration: { custom_name: "mine_now" } },
    });
    await reconcile();
    expect(await live()).toMatchObject([
      { kind: "CHANGED", actual: { custom_name: "mine_now" }, suggestion: expect.any(String) },
    ]);
  });

  it("is never repaired where it exposes our data: people decide", async () => {
    await permitAnalyst();
    await reconcile("repair");
    expect(await live()).toMatchObject([
      {
        kind: "EXPOSURE",
        message: expect.stringContaining("analyst"),
        portId: (await portRow(0)).id,
      },
    ]);
    expect(JSON.stringify(await plane.metadata())).toContain("analyst");
    await forbidAnalyst();
  });

  it("is let be once it is acknowledged, until it becomes another", async () => {
    await permitAnalyst();
    await reconcile();
    const [finding] = await live();
    const id = finding?.id ?? "";
    const token = await acknowledge(plane.ctx, { id, reason: "audited" }, "user:ada");
    expect(await plane.end(token)).toMatchObject({ kind: "ACKNOWLEDGE", status: "COMPLETED" });
    const acknowledged = { acknowledgedBy: "user:ada", acknowledgeReason: "audited" };
    // Looked at again, though the version has moved.
    await plane.hasura({ type: "reload_metadata", args: {} });
    await reconcile();
    expect(await live()).toMatchObject([{ id, ...acknowledged }]);
    await forbidAnalyst();
    await somebody({
      type: "snowflake_create_select_permission",
      args: { ...foreignPermission, permission: { columns: ["DATE"], filter: {} } },
    });
    await reconcile();
    expect(await live()).toMatchObject([{ id, acknowledgedAt: null, acknowledgedBy: null }]);
    await forbidAnalyst();
  });

  it("stays while the port is paused", async () => {
    await dropPermission();
    const componentId = ports.componentId(0);
    await pauseOutputPort(
      plane.ctx,
      { componentId, paused: true, reason: "incident 7" },
      "user:ada",
    );
    expect((await reconcile("repair")).result).toContain("Repaired: 0.");
    expect(await kinds()).toEqual(["MISSING"]);
    await pauseOutputPort(plane.ctx, { componentId, paused: false, reason: "over" }, "user:ada");
  });
});

describe("what is left of ours", () => {
  it("is told of and removed: a permission of a port that is gone, with its table", async () => {
    expect((await plane.provision(ports.descriptor(2))).status).toBe("COMPLETED");
    const left = (await plane.metadata()).sources[0]?.tables.find(
      (each) => each.table.at(-1) === ports.view(2),
    );
    const [permission] = left?.select_permissions ?? [];
    expect((await plane.unprovision(ports.descriptor(2))).status).toBe("COMPLETED");
    // Somebody brings back a part of a backup.
    const where = { source, table: left?.table };
    await plane.hasura({
      type: "bulk",
      args: [
        { type: "snowflake_track_table", args: where },
        { type: "snowflake_create_select_permission", args: { ...where, ...permission } },
      ],
    });
    await reconcile();
    expect(await live()).toMatchObject([
      { kind: "ORPHAN", message: expect.stringContaining(ports.componentId(2)) },
    ]);
    expect((await reconcile("repair")).result).toContain("Repaired: 1.");
    expect((await plane.metadata()).sources[0]?.tables).toHaveLength(2);
  });
});

describe("a source that Hasura cannot use", () => {
  it("fails only its own ports, and is read again once it is back", async () => {
    const database = `${DATABASE}_AWAY`;
    const away = await manyPorts({ product: "away", database });
    await plane.sandbox.addSnowflakeDatabase(database, away.sql(2));
    expect((await plane.provision(away.descriptor(0))).status).toBe("COMPLETED");
    const lost = (await plane.metadata()).sources.find(({ name }) => name !== source)?.name;

    await plane.sandbox.addSnowflakeDatabase(
      database,
      'ALTER SCHEMA "VACCINATIONS_0" RENAME TO "AWAY"',
    );
    await plane.hasura({ type: "reload_metadata", args: { reload_sources: [lost] } });
    await reconcile();
    expect(await live()).toMatchObject([
      { kind: "INCONSISTENT", message: expect.stringContaining("no such table") },
    ]);
    // The others go on, as a bulk, for a replace would be refused.
    expect((await plane.provision(ports.descriptor(2))).status).toBe("COMPLETED");
    expect((await plane.unprovision(ports.descriptor(2))).status).toBe("COMPLETED");

    await plane.sandbox.addSnowflakeDatabase(
      database,
      'ALTER SCHEMA "AWAY" RENAME TO "VACCINATIONS_0"',
    );
    expect((await reconcile("repair")).result).toContain("Repaired: 1.");
    expect(await plane.ctx.hasura.inconsistencies()).toEqual([]);
    expect((await plane.unprovision(away.descriptor(0))).status).toBe("COMPLETED");
  });
});
