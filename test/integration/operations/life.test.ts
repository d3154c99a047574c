import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGeneration } from "../../../src/inventory/access.ts";
import { previewPlan } from "../../../src/operations/preview.ts";
import { submitProvision, submitUpdateAcl } from "../../../src/operations/submit.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

let plane: Plane;
let vaccinations: string;
let changed: string;
let trips: string;

beforeAll(async () => {
  [vaccinations, changed, trips] = await Promise.all([
    example("vaccinations"),
    example("vaccinations-changed"),
    example("trips"),
  ]);
  plane = await startPlane();
});
afterAll(() => plane?.stop());

const planned = async (descriptor: string) => previewPlan(plane.ctx, { provision: { descriptor } });
const portOf = async (name: string) =>
  plane.ctx.db.outputPort.findFirstOrThrow({ where: { name }, include: { conditions: true } });

describe("a port's life", () => {
  it("begins with a plan that writes nothing", async () => {
    const before = await plane.stats();
    expect(
      (await planned(vaccinations)).steps.map(({ action, object }) => [action, object]),
    ).toEqual([
      ["add", "SOURCE"],
      ["add", "TABLE"],
      ["add", "SELECT_PERMISSION"],
    ]);
    expect((await plane.stats()).writes).toBe(before.writes);
    expect(await plane.ctx.db.outputPort.count()).toBe(0);
  });

  it("is provisioned: Hasura and the inventory agree", async () => {
    const operation = await plane.provision(vaccinations);
    expect(operation).toMatchObject({ status: "COMPLETED", code: null });
    expect((operation.plan as { steps: unknown[] }).steps).toHaveLength(3);
    const { sources } = await plane.metadata();
    expect(sources).toHaveLength(1);
    expect(sources[0]?.tables).toHaveLength(1);
    expect(sources[0]?.tables[0]?.select_permissions).toHaveLength(1);
    const port = await portOf("Vaccinations GraphQL");
    expect(port).toMatchObject({ phase: "ACTIVE", acceptedRevision: 1, appliedRevision: 1 });
    expect(port.conditions.map(({ type, status }) => `${type} ${status}`).sort()).toEqual([
      "ENFORCED TRUE",
      "READY TRUE",
      "SYNCED TRUE",
    ]);
    expect(await plane.ctx.db.managedObject.count({ where: { confirmedAt: null } })).toBe(0);
  });

  it("carries credentials by reference only", async () => {
    const everything = JSON.stringify(await plane.metadata());
    expect(everything).toContain("getEnvironmentVariable");
    expect(everything).not.toContain(plane.sandbox.snowflakePassword);
  });

  it("is not written again when nothing changed", async () => {
    const before = await plane.stats();
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
    expect((await plane.stats()).writes).toBe(before.writes);
    expect(await plane.ctx.db.revision.count()).toBe(1);
  });

  it("changes: another view, a renamed field, other columns; the old names are free", async () => {
    expect((await plane.provision(changed)).status).toBe("COMPLETED");
    const { sources } = await plane.metadata();
    expect(sources[0]?.tables.map(({ table }) => table.at(-1))).toEqual([
      "VACCINATIONS_BY_AGE_VIEW",
    ]);
    const names = await plane.ctx.db.ownedName.findMany({ where: { namespace: "ROOT_FIELD" } });
    expect(names.map(({ name }) => name)).not.toContain(
      "healthcare_vaccinations_0_vaccinationsgraphql_select",
    );
    expect((await planned(changed)).steps).toEqual([]);
  });

  it("A, B, A ends as A", async () => {
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
    expect((await planned(vaccinations)).steps).toEqual([]);
    expect(await portOf("Vaccinations GraphQL")).toMatchObject({ appliedRevision: 3 });
  });

  it("takes an access list as a snapshot: what is missing in it ends", async () => {
    const first = await plane.updateAcl(vaccinations, ["user:alice_example.com", "group:analysts"]);
    const second = await plane.updateAcl(vaccinations, ["group:analysts", "user:Bob_example.com"]);
    expect(second.status).toBe("COMPLETED");
    expect(second.accessGeneration).toBeGreaterThan(first.accessGeneration ?? 0n);
    expect(await readGeneration(plane.ctx.db)).toBe(second.accessGeneration);
    const grants = await plane.ctx.db.grant.findMany({ orderBy: { subject: "asc" } });
    expect(grants.map(({ subject, endedAt }) => [subject, endedAt === null])).toEqual([
      ["group:analysts", true],
      ["user:alice_example.com", false],
      ["user:bob_example.com", true],
    ]);
  });

  it("shares nothing with a port of another product", async () => {
    expect((await plane.provision(trips)).status).toBe("COMPLETED");
    const { sources } = await plane.metadata();
    expect(sources.map(({ tables }) => tables.length)).toEqual([1, 1]);
  });

  it("ends: access, objects and names; the other port is as it was", async () => {
    expect((await plane.unprovision(vaccinations)).status).toBe("COMPLETED");
    const { sources } = await plane.metadata();
    expect(sources.map(({ tables }) => tables[0]?.table[0])).toEqual(["MOBILITY"]);
    const port = await portOf("Vaccinations GraphQL");
    expect(port).toMatchObject({ phase: "REMOVED", acceptedRevision: null, appliedRevision: null });
    expect(await plane.ctx.db.ownedName.count({ where: { portId: port.id } })).toBe(0);
    expect(await plane.ctx.db.managedObject.count({ where: { portId: port.id } })).toBe(0);
    expect(await plane.ctx.db.grant.count({ where: { portId: port.id, endedAt: null } })).toBe(0);
  });

  it("has no access list once it is gone", async () => {
    const late = submitUpdateAcl(plane.ctx, { descriptor: vaccinations, refs: [] }, "test");
    await expect(late).rejects.toMatchObject({ code: "NOT_PROVISIONED" });
  });

  it("can be ended twice, and never having begun", async () => {
    expect((await plane.unprovision(vaccinations)).status).toBe("COMPLETED");
    const other = vaccinations.replaceAll("vaccinations-graphql", "never-provisioned");
    expect((await plane.unprovision(other)).status).toBe("COMPLETED");
  });

  it("comes back without anybody's access", async () => {
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
    const port = await portOf("Vaccinations GraphQL");
    expect(port.phase).toBe("ACTIVE");
    expect(await plane.ctx.db.grant.count({ where: { portId: port.id, endedAt: null } })).toBe(0);
  });

  it("can be torn down although its names break every rule by now", async () => {
    const broken = vaccinations.replaceAll("healthcare_vaccinations_0_vaccinationsgraphql", "x-y");
    expect((await plane.unprovision(broken)).status).toBe("COMPLETED");
  });
});

describe("a port that moves to another database", () => {
  it("gets another source; the old one goes, in Hasura and in the inventory", async () => {
    await plane.sandbox.addSnowflakeDatabase(
      "HEALTHCARE_EU",
      `CREATE SCHEMA IF NOT EXISTS "VACCINATIONS_0";
       CREATE OR REPLACE VIEW "VACCINATIONS_0"."VACCINATIONS_CLEAN_VIEW" AS
       SELECT DATE '2021-03-01' AS "DATE", 'FR_IDF'::text AS "LOCATION_KEY"`,
    );
    const moved = vaccinations
      .replaceAll("database: HEALTHCARE", "database: HEALTHCARE_EU")
      .replace(/^ +- \{ name: (new|cumulative)_.*\n/gm, "");
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
    const operation = await plane.provision(moved);
    expect(operation.result).toBe("The output port is provisioned.");
    const { sources } = await plane.metadata();
    const databases = sources.map(({ tables }) => tables[0]?.table[0]).sort();
    expect(databases).toEqual(["HEALTHCARE_EU", "MOBILITY"]);
    const live = await plane.ctx.db.source.findMany({ where: { removedAt: null } });
    expect(live.map(({ name }) => name).sort()).toEqual(sources.map(({ name }) => name).sort());
    const names = await plane.ctx.db.ownedName.findMany({ where: { namespace: "SOURCE" } });
    expect(names.map(({ name }) => name).sort()).toEqual(live.map(({ name }) => name).sort());
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
  });
});

describe("ten identical provisions at once", () => {
  it("make one source, one table and one permission, and every token ends COMPLETED", async () => {
    const tokens = await Promise.all(
      Array.from({ length: 10 }, () =>
        submitProvision(plane.ctx, { descriptor: vaccinations }, "test"),
      ),
    );
    const ended = await Promise.all(tokens.map((token) => plane.end(token)));
    expect(ended.map(({ status }) => status)).toEqual(Array(10).fill("COMPLETED"));
    const { sources } = await plane.metadata();
    const ours = sources.filter(({ tables }) =>
      tables.some(({ table }) => table[0] === "HEALTHCARE"),
    );
    expect(ours).toHaveLength(1);
    expect(ours[0]?.tables).toHaveLength(1);
    expect(ours[0]?.tables[0]?.select_permissions).toHaveLength(1);
  });
});

describe("a name that belongs to another port", () => {
  it("is refused, naming the owner, and nothing of the request stays", async () => {
    const thief = vaccinations
      .replaceAll("0:vaccinations-graphql", "0:vaccinations-copy")
      .replace("environment: development", "environment: test");
    const ports = await plane.ctx.db.outputPort.count();
    const refused = submitProvision(plane.ctx, { descriptor: thief }, "test");
    await expect(refused).rejects.toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({
          message: expect.stringContaining(
            "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql",
          ),
        }),
      ]),
    });
    expect(await plane.ctx.db.outputPort.count()).toBe(ports);
  });
});

describe("columns of the contract", () => {
  it("that the source does not have fail the operation, naming both, and Hasura stays as it was", async () => {
    const before = JSON.stringify(await plane.metadata());
    const wrong = vaccinations.replaceAll(
      "name: new_persons_vaccinated",
      "name: new_person_vaccinated",
    );
    const operation = await plane.provision(wrong);
    expect(operation).toMatchObject({ status: "FAILED", code: "SOURCE_REFUSED" });
    expect(operation.result).toContain("new_person_vaccinated");
    expect(operation.result).toContain("NEW_PERSONS_VACCINATED");
    expect(JSON.stringify(await plane.metadata())).toBe(before);
    expect(await portOf("Vaccinations GraphQL")).toMatchObject({ phase: "ACTIVE" });
  });
});
