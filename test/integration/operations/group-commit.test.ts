import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Operation } from "../../../src/inventory/generated/client.ts";
import { previewPlan } from "../../../src/operations/preview.ts";
import { submitProvision, submitUnprovision } from "../../../src/operations/submit.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const COUNT = 12;
const DATABASE = `GROUP_${process.pid}`;

const logsOf = async (plane: Plane, token: string) =>
  (await plane.ctx.db.operationLog.findMany({ where: { operationToken: token } }))
    .map(({ message }) => message)
    .join("\n");

/** Accepts all of them while no worker runs, so that they wait together. */
async function provisionTogether(
  plane: Plane,
  ports: ManyPorts,
  numbers: readonly number[],
): Promise<Operation[]> {
  const tokens = [];
  for (const number of numbers)
    tokens.push(await submitProvision(plane.ctx, { descriptor: ports.descriptor(number) }, "test"));
  const worker = await plane.startWorker();
  const ended = await Promise.all(tokens.map((token) => plane.end(token)));
  await worker.stop();
  return ended;
}

const range = (count: number) => Array.from({ length: count }, (_, number) => number);

describe.each([
  ["one replace_metadata", {}, { writes: 1, rebuilds: 1 }],
  ["one bulk", { HASURA_REPLACE: "never" }, { writes: 1, rebuilds: 2 * COUNT + 1 }],
])("many ports at once, in %s", (_how, settings: Record<string, string>, costs) => {
  let plane: Plane;
  let ports: ManyPorts;
  beforeAll(async () => {
    ports = await manyPorts({ product: "many", database: DATABASE });
    plane = await startPlane({ worker: false, settings });
    await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(COUNT));
  });
  afterAll(() => plane?.stop());

  it("share one write, and say in their logs how they were written and why", async () => {
    const before = await plane.stats();
    const ended = await provisionTogether(plane, ports, range(COUNT));
    expect(ended.map(({ status }) => status)).toEqual(range(COUNT).map(() => "COMPLETED"));
    const after = await plane.stats();
    expect(after.writes - before.writes).toBe(costs.writes);
    expect(after.rebuilds - before.rebuilds).toBe(costs.rebuilds);
    expect(await logsOf(plane, ended[0]?.token ?? "")).toContain(`Writing ${COUNT} port(s) in one`);
    const { sources } = await plane.metadata();
    expect(sources.map(({ tables }) => tables.length)).toEqual([COUNT]);
    for (const number of range(COUNT)) {
      const asked = { provision: { descriptor: ports.descriptor(number) } };
      expect((await previewPlan(plane.ctx, asked)).steps).toEqual([]);
    }
    const [write] = await plane.ctx.db.hasuraWrite.findMany();
    expect(write).toMatchObject({ ports: COUNT, rebuilds: costs.rebuilds });
  });

  it("go together too, and their source with the last", async () => {
    const tokens = await Promise.all(
      range(COUNT).map((number) =>
        submitUnprovision(plane.ctx, { componentId: ports.componentId(number) }, "test"),
      ),
    );
    const before = await plane.stats();
    const worker = await plane.startWorker();
    const ended = await Promise.all(tokens.map((token) => plane.end(token)));
    await worker.stop();
    expect(ended.map(({ status }) => status)).toEqual(range(COUNT).map(() => "COMPLETED"));
    // One that removes them, one that drops the source they have left empty.
    expect((await plane.stats()).writes - before.writes).toBe(2);
    expect((await plane.metadata()).sources).toEqual([]);
    expect(await plane.ctx.db.source.count({ where: { removedAt: null } })).toBe(0);
    expect(await plane.ctx.db.ownedName.count()).toBe(0);
    expect(await plane.ctx.db.managedObject.count()).toBe(0);
  });
});

describe("a batch that would take too long", () => {
  let plane: Plane;
  afterAll(() => plane?.stop());

  it("is cut into writes, one after the other, and all of it is done", async () => {
    const ports = await manyPorts({ product: "cut", database: `${DATABASE}_CUT` });
    plane = await startPlane({
      worker: false,
      settings: { HASURA_REPLACE: "never", COMMIT_MAX_SECONDS: "5" },
    });
    await plane.sandbox.addSnowflakeDatabase(`${DATABASE}_CUT`, ports.sql(8));
    const ended = await provisionTogether(plane, ports, range(8));
    expect(ended.map(({ status }) => status)).toEqual(range(8).map(() => "COMPLETED"));
    // What a write costs is assumed at first: half a second a command.
    const writes = await plane.ctx.db.hasuraWrite.findMany({ orderBy: { at: "asc" } });
    expect(writes[0]?.ports).toBeLessThan(8);
    expect(writes.length).toBeGreaterThan(1);
    expect((await plane.stats()).writes).toBe(writes.length);
    expect(await logsOf(plane, ended[0]?.token ?? "")).toContain("COMMIT_MAX_SECONDS is 5");
    await plane.stop();
  });

  it("also between a source and the ports that share it: the source is known as ours", async () => {
    const database = `${DATABASE}_CUT_SOURCE`;
    plane = await startPlane({
      worker: false,
      settings: { HASURA_REPLACE: "never", COMMIT_MAX_SECONDS: "0.001" },
    });
    const ports = await manyPorts({ product: "cutsource", database });
    await plane.sandbox.addSnowflakeDatabase(database, ports.sql(4));
    const ended = await provisionTogether(plane, ports, range(4));
    expect(ended.map(({ status, result }) => [status, result])).toEqual(
      range(4).map(() => ["COMPLETED", expect.any(String)]),
    );
    // The source by itself, then each of the ports.
    expect((await plane.stats()).writes).toBe(5);
  });
});

describe.each([
  ["a replace_metadata", {}],
  ["a bulk", { HASURA_REPLACE: "never" }],
])("what Hasura refuses of a batch in %s", (_how, settings: Record<string, string>) => {
  const database = `${DATABASE}_REFUSED`;
  let plane: Plane;
  let ports: ManyPorts;
  beforeAll(async () => {
    ports = await manyPorts({ product: "refused", database });
    plane = await startPlane({ worker: false, settings });
    await plane.sandbox.addSnowflakeDatabase(database, ports.sql(6));
  });
  afterAll(() => plane?.stop());

  it("is cut out with its own error, naming who owns what it asked for; its neighbours go on", async () => {
    await theirsTakes(plane, "VACCINATIONS_CLEAN_VIEW", ports.select(2));
    const ended = await provisionTogether(plane, ports, range(4));
    expect(ended.map(({ status, code }) => [status, code])).toEqual([
      ["COMPLETED", null],
      ["COMPLETED", null],
      ["FAILED", "NAME_TAKEN"],
      ["COMPLETED", null],
    ]);
    expect(ended[2]?.result).toContain(
      `the root field ${ports.select(2)} belongs to table HEALTHCARE.VACCINATIONS_0.VACCINATIONS_CLEAN_VIEW in source theirs`,
    );
    expect((await sources(plane)).map(({ tables }) => tables.length)).toEqual([3, 1]);
  });

  it("leaves no source behind when all of its ports were refused", async () => {
    const other = await manyPorts({ product: "others", database });
    await theirsTakes(plane, "VACCINATIONS_BY_AGE_VIEW", other.select(4), other.select(5));
    const before = await sources(plane);
    const ended = await provisionTogether(plane, other, [4, 5]);
    expect(ended.map(({ code }) => code)).toEqual(["NAME_TAKEN", "NAME_TAKEN"]);
    expect(await sources(plane)).toEqual(before);
  });
});

/** By name, ours first. */
const sources = async (plane: Plane) =>
  (await plane.metadata()).sources.sort((a, b) => (a.name < b.name ? -1 : 1));

/** Has somebody else track a view of the sample's with these root fields. */
async function theirsTakes(plane: Plane, view: string, select: string, select_aggregate?: string) {
  const host = new URL(plane.sandbox.url).host;
  const url = `jdbc:snowflake://${host}/?user={{getEnvironmentVariable("SNOWFLAKE_USER")}}&password={{getEnvironmentVariable("SNOWFLAKE_PASSWORD")}}&db=HEALTHCARE&ssl=off`;
  const template = `{"fully_qualify_all_names": true, "jdbc_url": "${url}"}`;
  const configuration = { value: {}, template, timeout: null };
  await plane.hasura({ type: "snowflake_add_source", args: { name: "theirs", configuration } });
  const tracked = await plane.hasura({
    type: "snowflake_track_table",
    args: {
      source: "theirs",
      table: ["HEALTHCARE", "VACCINATIONS_0", view],
      configuration: {
        custom_name: `theirs_${view}`,
        custom_root_fields: { select, ...(select_aggregate ? { select_aggregate } : {}) },
      },
    },
  });
  expect(tracked).toEqual({ message: "success" });
}

describe("a Hasura that cannot do what is asked", () => {
  let plane: Plane | undefined;
  afterEach(async () => {
    await plane?.stop();
    plane = undefined;
  });

  const provisionOn = async (
    sandbox: NonNullable<Parameters<typeof startPlane>[0]>["sandbox"],
  ): Promise<Operation> => {
    const ports = await manyPorts({ product: "alone", database: `${DATABASE}_ALONE` });
    plane = await startPlane({ sandbox: sandbox ?? {}, settings: { OPERATION_DEADLINE: "6" } });
    await plane.sandbox.addSnowflakeDatabase(`${DATABASE}_ALONE`, ports.sql(1));
    return plane.provision(ports.descriptor(0));
  };

  it("says so when its environment lacks a variable, and what to do", async () => {
    const failed = await provisionOn({ hasura: { env: {}, version: undefined } });
    expect(failed).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    expect(failed.result).toMatch(/set SNOWFLAKE_\w+ in Hasura's environment and restart it/);
    expect(await plane?.metadata()).toMatchObject({ sources: [] });
  });

  it("says so when it is too old, and what to do", async () => {
    const failed = await provisionOn({ hasura: { version: "v2.23.1" } });
    expect(failed).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    expect(failed.result).toContain("upgrade Hasura to 2.24 or later");
  });

  it("waits while it may not be written to, and fails with that at its deadline", async () => {
    const env = {
      SNOWFLAKE_USER: "SANDBOX_SERVICE",
      SNOWFLAKE_PASSWORD: "sandbox-snowflake-password",
    };
    const failed = await provisionOn({
      hasura: {
        env: { ...env, HASURA_GRAPHQL_ENABLE_MAINTENANCE_MODE: "true" },
        version: undefined,
      },
    });
    expect(failed.status).toBe("FAILED");
    expect(failed.result).toContain("maintenance mode");
  });
});
