import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { submitProvision, submitUnprovision } from "../../../src/operations/submit.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const DATABASE = `TEARDOWN_${process.pid}`;
const ALICE = "user:alice_example.com";

let plane: Plane;
let ports: ManyPorts;
beforeAll(async () => {
  ports = await manyPorts({ product: "teardown", database: DATABASE });
  plane = await startPlane({ settings: { HASURA_TIMEOUT: "1", HASURA_WRITE_TIMEOUT: "2" } });
  await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(10));
});
afterAll(() => plane?.stop());

const provisioned = async (port: number) => {
  expect((await plane.provision(ports.descriptor(port))).status).toBe("COMPLETED");
};
const unprovision = (port: number) =>
  plane.end(submitUnprovision(plane.ctx, { componentId: ports.componentId(port) }, "test"));
const liveGrants = () => plane.ctx.db.grant.count({ where: { endedAt: null } });
const roleOf = async (port: number) =>
  (
    await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { componentId: ports.componentId(port) },
    })
  ).role;

describe("a teardown", () => {
  it("ends access in PostgreSQL alone, and is done when Hasura is back", async () => {
    await provisioned(0);
    await plane.updateAcl(ports.descriptor(0), [ALICE]);
    await plane.fault({ match: "/v1/metadata", times: 2, action: "reset" });
    const token = submitUnprovision(plane.ctx, { componentId: ports.componentId(0) }, "test");
    await token;
    expect(await liveGrants()).toBe(0);
    expect((await plane.end(token)).status).toBe("COMPLETED");
    expect((await plane.metadata()).sources).toEqual([]);
  });

  it("of what is gone, or never was, is done already", async () => {
    expect((await unprovision(0)).status).toBe("COMPLETED");
    expect((await unprovision(9)).status).toBe("COMPLETED");
  });

  it("needs no valid descriptor: the inventory knows what to remove", async () => {
    await provisioned(1);
    const broken = ports.descriptor(1).replaceAll(ports.select(1), "not a name!");
    expect((await plane.unprovision(broken)).status).toBe("COMPLETED");
    expect((await plane.metadata()).sources).toEqual([]);
  });

  it("is not kept by somebody who dropped the source before", async () => {
    await provisioned(2);
    const [source] = (await plane.metadata()).sources;
    await plane.hasura({
      type: "snowflake_drop_source",
      args: { name: source?.name, cascade: true },
    });
    expect((await unprovision(2)).status).toBe("COMPLETED");
    expect(await plane.ctx.db.source.count({ where: { removedAt: null } })).toBe(0);
  });

  it("removes a table that Hasura cannot use any more, and leaves its neighbour", async () => {
    await provisioned(3);
    await provisioned(4);
    const [source] = (await plane.metadata()).sources;
    const gone = ports.view(3);
    await plane.sandbox.addSnowflakeDatabase(DATABASE, `DROP VIEW "VACCINATIONS_0"."${gone}"`);
    const reloaded = await plane.hasura({
      type: "reload_metadata",
      args: { reload_sources: [source?.name] },
    });
    expect(reloaded).toMatchObject({ is_consistent: false });
    expect((await unprovision(3)).status).toBe("COMPLETED");
    const [left] = (await plane.metadata()).sources;
    expect(left?.tables.map(({ table }) => table.at(-1))).toEqual([ports.view(4)]);
    expect(await plane.ctx.hasura.inconsistencies()).toEqual([]);
    await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(10));
    expect((await unprovision(4)).status).toBe("COMPLETED");
  });

  it("takes the role out of an inherited role that somebody made, and nothing else of it", async () => {
    await provisioned(5);
    await provisioned(6);
    const [five, six] = [await roleOf(5), await roleOf(6)];
    const made = await plane.hasura({
      type: "bulk",
      args: [
        { type: "add_inherited_role", args: { role_name: "analysts", role_set: [five, six] } },
        { type: "add_inherited_role", args: { role_name: "chiefs", role_set: ["analysts"] } },
      ],
    });
    expect(made).toEqual([{ message: "success" }, { message: "success" }]);
    const roles = async () =>
      ((await plane.metadata()) as { inherited_roles?: unknown }).inherited_roles;
    // A change of the permission leaves them as they are.
    const column = "          - { name: new_vaccine_doses_administered, dataType: NUMBER }\n";
    const { writes } = await plane.stats();
    const changed = await plane.provision(ports.descriptor(5).replaceAll(column, ""));
    expect(changed.status).toBe("COMPLETED");
    expect((await plane.stats()).writes).toBe(writes + 1);
    const before = await roles();
    expect((await unprovision(5)).status).toBe("COMPLETED");
    expect(JSON.stringify(before)).toContain(five);
    expect(await roles()).toEqual([
      { role_name: "analysts", role_set: [six] },
      { role_name: "chiefs", role_set: ["analysts"] },
    ]);
    expect((await unprovision(6)).status).toBe("COMPLETED");
    expect(await roles()).toBeUndefined();
  });

  it("is followed by a port without anybody's access", async () => {
    await provisioned(7);
    await plane.updateAcl(ports.descriptor(7), [ALICE]);
    expect(await liveGrants()).toBe(1);
    const asked = { componentId: ports.componentId(7) };
    await submitUnprovision(plane.ctx, asked, "test");
    expect((await plane.provision(ports.descriptor(7))).status).toBe("COMPLETED");
    const port = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { componentId: ports.componentId(7) },
    });
    expect(port.phase).toBe("ACTIVE");
    expect(await liveGrants()).toBe(0);
    await unprovision(7);
  });
});

describe("a write whose answer was lost", () => {
  it("cannot come any more once somebody was told that there is nothing", async () => {
    // The write is held by what stands before Hasura, longer than anybody waits for it.
    const held = 8_000;
    await plane.fault({ match: "bulk_keep_going", times: 1, action: "delay", ms: held });
    const letGo = performance.now() + held;
    const hasty = { ...plane.ctx, deadlineMs: () => 3_000 };
    const lost = await plane.end(
      submitProvision(hasty, { descriptor: ports.descriptor(8) }, "test"),
    );
    expect(lost).toMatchObject({ status: "FAILED", code: "DEADLINE" });
    expect(lost.result).toContain("Before that: Hasura did not answer in time");
    const { resourceVersion: before } = await plane.stats();
    expect((await unprovision(8)).status).toBe("COMPLETED");
    expect(performance.now()).toBeLessThan(letGo);
    expect((await plane.stats()).resourceVersion).toBe(before + 1);
    await sleep(letGo + 500 - performance.now());
    expect((await plane.metadata()).sources).toEqual([]);
    expect((await plane.stats()).resourceVersion).toBe(before + 1);
  }, 60_000);
});
