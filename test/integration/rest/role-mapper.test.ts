/** The older role mapper's routes, from an adapter's PUT to what the webhook answers. */
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGeneration, registerReplica, renewLease } from "../../../src/inventory/access.ts";
import { example } from "../../support/plane.ts";
import { startFrontDoor } from "./front-door.ts";
import {
  COMPONENT,
  expectShape,
  type RoleMapperDoor,
  startRoleMapperDoor,
  TOKEN,
} from "./role-mapper-door.ts";

let door: RoleMapperDoor;
let port: { role: string; componentId: string; select: string };
beforeAll(async () => {
  door = await startRoleMapperDoor({ BASE_PATH: "/datamesh.rolemapper" });
  const descriptor = await example("vaccinations");
  const body = { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor };
  expect((await door.post("/v1/provision", body)).json?.status).toBe("COMPLETED");
  const { role, componentId } = await door.db.outputPort.findFirstOrThrow();
  port = { role, componentId, select: "healthcare_vaccinations_0_vaccinationsgraphql_select" };
});
afterAll(() => door?.stop());

describe("a role's life over the older routes", () => {
  it("begins with its fields, gives and takes, and is what the webhook decides by once a PUT is answered", async () => {
    const role = {
      role_id: "reports_role",
      component_id: COMPONENT,
      graphql_root_field_names: ["reports", "reports_by_pk"],
    };
    const made = await door.put("/v1/roles", role);
    expectShape(made, 200, "GraphqlRootFieldNameRoleMappings");
    expect(made.json).toEqual(role);
    expect(await door.asks("ann@example.com", "reports { id }")).toBe("NO_GRANT");

    // As older adapters send them: in any order, one twice.
    const users = {
      role_id: "reports_role",
      users: ["user:bob_example.com", "USER:Ann_example.com", "user:bob_example.com"],
    };
    const given = await door.put("/v1/user_roles", users);
    expectShape(given, 200, "UserRoleMappings");
    expect(given.json).toEqual(users);
    expect(await door.asks("ann@example.com", "reports { id } reports_by_pk { id }")).toBe(
      "reports_role",
    );
    expect(await door.asks("bob@example.com", "reports { id }")).toBe("reports_role");

    const groups = { role_id: "reports_role", groups: ["group:Nurses"] };
    const grouped = await door.put("/v1/group_roles", groups);
    expectShape(grouped, 200, "GroupRoleMappings");
    expect(grouped.json).toEqual(groups);
    expect(await door.asks("eve@example.com", "reports { id }", ["nurses"])).toBe("reports_role");

    await door.put("/v1/user_roles", { role_id: "reports_role", users: ["user:bob_example.com"] });
    expect(await door.asks("ann@example.com", "reports { id }")).toBe("NO_GRANT");
    expect(await door.asks("bob@example.com", "reports { id }")).toBe("reports_role");

    await door.put("/v1/roles", { ...role, graphql_root_field_names: ["reports_2"] });
    expect(await door.asks("bob@example.com", "reports { id }")).toBe("FIELD_NOT_GRANTED");
    expect(await door.asks("bob@example.com", "reports_2 { id }")).toBe("reports_role");

    await door.put("/v1/group_roles", { role_id: "reports_role", groups: [] });
    expect(await door.asks("eve@example.com", "reports_2 { id }", ["nurses"])).toBe("NO_GRANT");
    expect(await door.held("reports_role")).toEqual(["user:bob_example.com"]);
  });

  it("can be asked for by its name and by its component, and so can a port's", async () => {
    await door.know("asked_role", "asked");
    const external = { role_id: "asked_role", component_id: COMPONENT };
    const found = await door.read("/v1/roles/asked_role");
    expectShape(found, 200, "Role");
    expect(found.json).toEqual(external);
    const own = { role_id: port.role, component_id: port.componentId };
    expect((await door.read(`/v1/roles/${port.role}`)).json).toEqual(own);
    const byComponent = await door.read(`/v1/roles/component_id/${port.componentId.toUpperCase()}`);
    expectShape(byComponent, 200, "Role");
    expect(byComponent.json).toEqual(own);
    const spaced = {
      role_id: "a role/with %, and ü",
      component_id: "urn:a component/with %",
      graphql_root_field_names: [],
    };
    expect((await door.put("/v1/roles", spaced)).status).toBe(200);
    const { role_id, component_id } = spaced;
    for (const path of [role_id, `component_id/${encodeURIComponent(component_id)}`])
      expect(
        (
          await door.read(
            `/v1/roles/${path.startsWith("component_id/") ? path : encodeURIComponent(path)}`,
          )
        ).json,
      ).toEqual({
        role_id,
        component_id,
      });
  });

  it("is 404 where there is none, and 400 for a component that has several", async () => {
    for (const path of [
      ...["no_role", "admin", "%20", "a%00b", "%ED%A0%80x", "component_id"],
      ...["component_id/urn:none", "component_id/%00", `component_id/${COMPONENT}x`],
    ]) {
      const reply = await door.read(`/v1/roles/${path}`);
      expect([path, reply.status]).toEqual([path, path.startsWith("%ED") ? 400 : 404]);
      expectShape(reply, reply.status, "ValidationError");
    }
    const two = { component_id: "urn:two", graphql_root_field_names: [] };
    await door.put("/v1/roles", { ...two, role_id: "two_a" });
    await door.put("/v1/roles", { ...two, role_id: "two_b" });
    const reply = await door.read("/v1/roles/component_id/urn:two");
    expectShape(reply, 400, "ValidationError");
    expect(reply.text).toContain("component_id: has several roles: two_a, two_b");
  });

  it("is recorded: who asked, and what came of it", async () => {
    await door.know("recorded_role", "recorded");
    const operation = await door.db.operation.findFirstOrThrow({
      where: { kind: "EXTERNAL_ROLE" },
      orderBy: { seq: "desc" },
    });
    expect(operation).toMatchObject({ actor: "role-mapper", status: "COMPLETED" });
  });

  it("is served under the base path as at the root, beside its description", async () => {
    const { status } = await door.read(`/datamesh.rolemapper/v1/roles/${port.role}`);
    expect(status).toBe(200);
    const described = await door.get("/datamesh.rolemapper/role-mapper-openapi.json");
    expect(described.json?.openapi).toBe("3.0.3");
    expect((await door.get("/datamesh.rolemapper/v1/health")).text).toBe("Alive");
  });

  it("knows no other methods", async () => {
    for (const [method, path, right] of [
      ["POST", "/v1/roles", "PUT"],
      ["GET", "/v1/user_roles", "PUT"],
      ["DELETE", "/v1/roles/reports_role", "GET"],
      ["PUT", "/v1/roles/reports_role", "GET"],
      ["PUT", "/v1/health", "GET"],
    ] as const) {
      const reply = await door.send(path, {
        method,
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      expect([path, reply.status, reply.headers.get("allow")]).toEqual([
        path,
        405,
        `${right}, HEAD, OPTIONS`,
      ]);
    }
  });
});

describe("a port's role", () => {
  it("is changed by nobody here, and the refusal names the port", async () => {
    const before = await door.traces();
    const { role: role_id } = port;
    for (const [path, body] of [
      ["/v1/roles", { component_id: port.componentId, graphql_root_field_names: [port.select] }],
      ["/v1/roles", { component_id: COMPONENT, graphql_root_field_names: [] }],
      ["/v1/user_roles", { users: ["user:eve_example.com"] }],
      ["/v1/user_roles", { users: [] }],
      ["/v1/group_roles", { groups: ["group:eves"] }],
    ] as const) {
      const reply = await door.put(path, { role_id, ...body });
      expectShape(reply, 400, "ValidationError");
      expect(reply.text).toContain(`role_id: the role ${role_id} belongs to ${port.componentId}`);
    }
    expect(await door.traces()).toEqual(before);
    expect(await door.asks("eve@example.com", `${port.select} { DATE }`)).toBe("NO_GRANT");
  });
});

describe("the door", () => {
  const body = { role_id: "door_role", component_id: COMPONENT, graphql_root_field_names: ["d"] };
  const PUTS = ["/v1/roles", "/v1/user_roles", "/v1/group_roles"];
  const GETS = [`/v1/roles/x`, `/v1/roles/component_id/x`];

  it("opens to its token alone, once", async () => {
    const wrong: (Record<string, string> | undefined)[] = [
      undefined,
      {},
      { authorization: "" },
      { authorization: "Bearer" },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN} ${TOKEN}` },
      { authorization: `Basic ${Buffer.from(TOKEN).toString("base64")}` },
      { authorization: TOKEN },
      { "x-role-mapper-token": TOKEN },
    ];
    const before = await door.traces();
    for (const headers of wrong) {
      for (const path of PUTS) {
        const init = { method: "PUT", body: JSON.stringify(body) };
        const reply = await door.send(path, {
          ...init,
          headers: { "content-type": "application/json", ...headers },
        });
        expectShape(reply, 401, "ValidationError");
        expect(reply.headers.get("www-authenticate")).toBe("Bearer");
      }
      for (const path of GETS) expectShape(await door.get(path, headers), 401, "ValidationError");
    }
    expect(await door.traces()).toEqual(before);
    for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `])
      expect((await door.get("/v1/roles/none", { authorization })).status).toBe(404);
  });

  it("does not guess which of two tokens was meant", async () => {
    const status = await new Promise((resolve, reject) => {
      const tokens = [`Bearer ${TOKEN}`, "Bearer another"].flatMap((each) => [
        "Authorization",
        each,
      ]);
      const headers = ["Host", new URL(door.url).host, ...tokens];
      const sent = request(`${door.url}/v1/roles/none`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on("error", reject).end();
    });
    expect(status).toBe(401);
  });

  it("does not open to another door's token, nor its token to another door", async () => {
    const authorization = `Bearer ${TOKEN}`;
    const witboost = await startFrontDoor({
      WITBOOST_TOKEN: "a-token-of-witboost",
      ROLE_MAPPER_TOKEN: TOKEN,
    });
    try {
      const crossed = { authorization: "Bearer a-token-of-witboost" };
      expect((await witboost.get("/v1/roles/none", crossed)).status).toBe(401);
      expect((await witboost.post("/v1/validate", {}, { authorization })).status).toBe(401);
      expect((await witboost.get("/v1/roles/none", { authorization })).status).toBe(404);
    } finally {
      await witboost.stop();
    }
  });

  it("stays closed where no token is set, and says which setting is missing", async () => {
    const closed = await startFrontDoor({});
    try {
      const headers = { "content-type": "application/json", authorization: `Bearer ${TOKEN}` };
      for (const path of PUTS) {
        const init = { method: "PUT", headers, body: JSON.stringify(body) };
        const reply = await closed.send(path, init);
        expectShape(reply, 401, "ValidationError");
        expect(reply.text).toContain("ROLE_MAPPER_TOKEN is not set");
      }
      for (const path of GETS)
        expect((await closed.get(path, headers)).text).toContain("ROLE_MAPPER_TOKEN is not set");
      await expect.poll(async () => (await closed.get("/v1/health")).status).toBe(200);
    } finally {
      await closed.stop();
    }
  });

  it("never tells its token, in no answer and no log line", async () => {
    await door.put("/v1/roles", "{not json");
    await door.put("/v1/roles", { ...body, role_id: TOKEN.toUpperCase() });
    await door.get("/v1/roles/x", { authorization: `Token ${TOKEN}` });
    const answer = await door.read("/v1/roles/%E0%A4%A");
    expectShape(answer, 400, "ValidationError");
    expect(door.log().length).toBeGreaterThan(100);
    expect(door.log()).not.toContain(TOKEN);
  });
});

describe("a PUT", () => {
  it("is not answered as done while a webhook has not followed: it says that the change is recorded", async () => {
    const { db } = door;
    const id = randomUUID();
    await door.know("waiting_role", "waiting");
    await registerReplica(db, id);
    await renewLease(db, id, await readGeneration(db), 60_000);
    const users = ["user:ann_example.com"];
    const sent = door.put("/v1/user_roles", { role_id: "waiting_role", users });
    const early = await Promise.race([sent, new Promise((done) => setTimeout(done, 500, "waits"))]);
    expect(early).toBe("waits");
    expect(await door.held("waiting_role")).toEqual(users);
    await db.replica.delete({ where: { id } });
    expectShape(await sent, 200, "UserRoleMappings");
  });
});
