/** What went wrong with the older role mapper, tried on the service as it runs: none of it can happen. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startProxy } from "../access/hook.ts";
import { startFrontDoor } from "./front-door.ts";
import {
  COMPONENT,
  expectShape,
  type RoleMapperDoor,
  startRoleMapperDoor,
} from "./role-mapper-door.ts";

/** Enough to show what the older service did each time. */
const ROUNDS = process.env.TEST_ALL === "1" ? 100 : 10;

let door: RoleMapperDoor;
beforeAll(async () => {
  door = await startRoleMapperDoor();
});
afterAll(() => door?.stop());

const put = (role_id: string, users: readonly string[]) =>
  door.put("/v1/user_roles", { role_id, users });

describe("anyone who reached the port granted himself any role", () => {
  it("nobody does without the token", async () => {
    await door.know("coveted_role", "coveted");
    const init = {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ role_id: "coveted_role", users: ["user:eve_example.com"] }),
    };
    expect((await door.send("/v1/user_roles", init)).status).toBe(401);
    expect(await door.held("coveted_role")).toEqual([]);
    expect(await door.asks("eve@example.com", "coveted { id }")).toBe("NO_GRANT");
  });
});

describe("two lists at once left nobody, or brought back who was taken out", () => {
  it("one of the two holds, whole; whoever is in neither has nothing", async () => {
    await door.know("contended_role", "contended");
    const one = ["user:ann_example.com", "user:both_example.com"];
    const other = ["user:bob_example.com", "user:both_example.com"];
    for (let round = 0; round < ROUNDS; round += 1) {
      await put("contended_role", ["user:eve_example.com"]);
      const replies = await Promise.all([put("contended_role", one), put("contended_role", other)]);
      for (const reply of replies) expectShape(reply, 200, "UserRoleMappings");
      expect([one, other]).toContainEqual(await door.held("contended_role"));
    }
    expect(await door.asks("eve@example.com", "contended { id }")).toBe("NO_GRANT");
    expect(await door.asks("both@example.com", "contended { id }")).toBe("contended_role");
  });

  it("is so between users and groups, and fields, too: neither undoes the other", async () => {
    await door.know("shared_role", "shared");
    await Promise.all([
      put("shared_role", ["user:ann_example.com"]),
      door.put("/v1/group_roles", { role_id: "shared_role", groups: ["group:nurses"] }),
      door.know("shared_role", "shared", "shared_2"),
    ]);
    expect(await door.held("shared_role")).toEqual(["group:nurses", "user:ann_example.com"]);
    expect(await door.asks("ann@example.com", "shared { id } shared_2 { id }")).toBe("shared_role");
  });

  it("makes no two roles of one that two components ask for at once", async () => {
    const asked = (component_id: string) =>
      door.put("/v1/roles", { role_id: "raced_role", component_id, graphql_root_field_names: [] });
    const replies = await Promise.all([asked("urn:one"), asked("urn:two")]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 400]);
  });
});

describe("a failure in the middle of a list left a part of it", () => {
  it("a bad ref changes nothing", async () => {
    await door.know("whole_role", "whole");
    await put("whole_role", ["user:ann_example.com"]);
    const reply = await put("whole_role", ["user:bob_example.com", "bob", "user:carl_example.com"]);
    expectShape(reply, 400, "ValidationError");
    expect(await door.held("whole_role")).toEqual(["user:ann_example.com"]);
  });

  it("nor does a database that fails at one of them: a fault of ours, told without its details", async () => {
    await door.know("failing_role", "failing");
    await put("failing_role", ["user:ann_example.com"]);
    await door.db.$executeRaw`
      CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''disk full at %'', NEW.subject; END'`;
    await door.db.$executeRaw`
      CREATE TRIGGER refuse_one BEFORE INSERT ON "grant" FOR EACH ROW
      WHEN (NEW.subject = 'user:poison') EXECUTE FUNCTION refuse_one()`;
    const users = ["user:bob_example.com", "user:poison", "user:carl_example.com"];
    const reply = await put("failing_role", users);
    expectShape(reply, 500, "SystemError");
    expect(reply.text).not.toMatch(/disk full|poison|INSERT/);
    expect(await door.held("failing_role")).toEqual(["user:ann_example.com"]);
    expect(await door.db.operation.count({ where: { status: "RUNNING" } })).toBe(0);
    await door.db.$executeRaw`DROP TRIGGER refuse_one ON "grant"`;
    expect((await put("failing_role", users)).status).toBe(200);
  });
});

describe("a root field could be had by any roles, and a role never ended", () => {
  it("a port's root field is its own role's alone", async () => {
    const { id } = await door.db.outputPort.create({
      data: {
        hasuraId: "default",
        environment: "default",
        componentKey: "urn:dmb:cmp:owner",
        componentId: "urn:dmb:cmp:owner",
        name: "owner",
        domain: "d",
        dataProductId: "dp",
        dataProductName: "dp",
        role: "owner_role",
      },
    });
    const owned = { hasuraId: "default", environment: "default", purpose: "select", portId: id };
    await door.db.ownedName.create({
      data: { ...owned, namespace: "ROOT_FIELD", name: "owned_select" },
    });
    const reply = await door.put("/v1/roles", {
      role_id: "thief_role",
      component_id: COMPONENT,
      graphql_root_field_names: ["mine", "owned_select"],
    });
    expectShape(reply, 400, "ValidationError");
    expect(reply.text).toContain(
      "graphql_root_field_names.1: the root field owned_select belongs to the output port urn:dmb:cmp:owner",
    );
  });

  it("where two roles see one field, which one is meant is never left to chance", async () => {
    await door.know("twin_a", "twin");
    await door.know("twin_b", "twin");
    await put("twin_a", ["user:ann_example.com"]);
    await put("twin_b", ["user:bob_example.com"]);
    expect(await door.asks("ann@example.com", "twin { id }")).toBe("twin_a");
    expect(await door.asks("bob@example.com", "twin { id }")).toBe("twin_b");
    await put("twin_b", ["user:ann_example.com"]);
    expect(await door.asks("ann@example.com", "twin { id }")).toBe("AMBIGUOUS_ROLE");
  });

  it("a role ends, with its fields and its grants", async () => {
    await door.know("ending_role", "ending");
    await put("ending_role", ["user:ann_example.com"]);
    const mutation = `mutation { removeExternalRole(input: {role: "ending_role", reason: "over"}, wait: 15000) { status } }`;
    const ended = await door.post("/graphql", { query: mutation });
    expect(ended.json?.data).toEqual({ removeExternalRole: { status: "COMPLETED" } });
    expect(await door.asks("ann@example.com", "ending { id }")).not.toBe("ending_role");
    expect((await door.read("/v1/roles/ending_role")).status).toBe(404);
    expect((await put("ending_role", [])).status).toBe(400);
  });
});

describe("a renamed component could never be given its new role", () => {
  it("it is, and keeps the former until that is ended", async () => {
    await door.know("former_role", "former");
    await door.know("latter_role", "latter");
    expect((await put("latter_role", ["user:ann_example.com"])).status).toBe(200);
    expect(await door.asks("ann@example.com", "latter { id }")).toBe("latter_role");
  });
});

describe("the health route said Alive, whatever was the matter", () => {
  it("says so only while data requests are answered, and comes back by itself", async () => {
    const proxy = await startProxy(door.sandbox.databaseUrl);
    const settings = { FACES: "webhook,rest", ACCESS_MAX_STALENESS_MS: "500" };
    const cut = await startFrontDoor({ ...settings, DATABASE_URL: proxy.url });
    try {
      const health = async () => (await cut.get("/v1/health")).status;
      await expect.poll(health).toBe(200);
      const alive = await cut.get("/v1/health");
      expect([alive.text, alive.type]).toEqual(["Alive", "text/plain; charset=utf-8"]);
      proxy.turn("cut");
      await expect.poll(health).toBe(500);
      expectShape(await cut.get("/v1/health"), 500, "SystemError");
      expect((await cut.get("/healthz")).status).toBe(200);
      proxy.turn("open");
      await expect.poll(health).toBe(200);
    } finally {
      await cut.stop();
      await proxy.stop();
    }
  });
});
