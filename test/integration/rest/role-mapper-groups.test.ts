/** Groups that an older adapter grants, where groups are bound to the directory's object ids. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type EntraStandIn, startEntraStandIn } from "../../../src/sandbox/entra.ts";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { expectShape, type RoleMapperDoor, startRoleMapperDoor } from "./role-mapper-door.ts";

let entra: EntraStandIn;
let issuer: TestIssuer;
let door: RoleMapperDoor;
beforeAll(async () => {
  [entra, issuer] = await Promise.all([startEntraStandIn(), startIssuer()]);
  door = await startRoleMapperDoor({
    JWKS_URL: issuer.jwksUrl,
    JWT_AUDIENCE: AUDIENCE,
    JWT_ISSUER: ISSUER,
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_CLIENT_ID: entra.clientId,
    AZURE_CLIENT_SECRET: entra.clientSecret,
    AZURE_AUTHORITY_HOST: entra.url,
    GRAPH_URL: entra.url,
  });
  await door.know("ward_role", "ward");
});
afterEach(() => entra.fault(0, () => undefined));
afterAll(async () => {
  await door?.stop();
  await Promise.all([entra?.stop(), issuer?.stop()]);
});

const put = (...groups: string[]) => door.put("/v1/group_roles", { role_id: "ward_role", groups });

/** Whether members of a group are let in. */
async function reads(group: string): Promise<boolean> {
  const token = await issuer.sign({ unique_name: "ann@example.com", groups: [group] });
  const { json } = await door.post("/v1/authenticate", {
    headers: { Authorization: `Bearer ${token}` },
    request: { query: "{ ward { id } }" },
  });
  return json?.["X-Hasura-Role"] === "ward_role";
}

describe("a group that is granted", () => {
  it("lets its members in by its object id, and nobody by its name", async () => {
    const nurses = entra.addGroup("Ward Nurses");
    expect((await put("group:ward nurses")).status).toBe(200);
    expect([await reads(nurses), await reads("ward nurses")]).toEqual([true, false]);
    const impostor = entra.addGroup("Ward Nurses");
    expect((await put("group:Ward Nurses")).status).toBe(200);
    expect([await reads(nurses), await reads(impostor)]).toEqual([true, false]);
    entra.removeGroup(impostor);
  });

  it("that is none in the directory, or several, is 400 by its place and changes nothing", async () => {
    const doctors = entra.addGroup("Doctors");
    expect((await put("group:doctors")).status).toBe(200);
    entra.addGroup("Twins");
    entra.addGroup("twins");
    const reply = await put("group:nobody's", "group:doctors", "group:Twins");
    expectShape(reply, 400, "ValidationError");
    expect(reply.json?.errors).toEqual([
      expect.stringContaining("groups.0: `group:nobody's` is no group of the directory"),
      expect.stringContaining("groups.2: `group:twins` is the name of 2 groups"),
    ]);
    expect(await reads(doctors)).toBe(true);
    expect(await door.held("ward_role")).toEqual(["group:doctors"]);
  });

  it("is 500 while the directory is away, and changes nothing; who is bound already needs it no more", async () => {
    await put("group:doctors");
    entra.fault(1_000, (response) => response.writeHead(400).end());
    entra.addGroup("Cooks");
    expectShape(await put("group:cooks"), 500, "SystemError");
    expect(await door.held("ward_role")).toEqual(["group:doctors"]);
    expect((await put("group:doctors")).status).toBe(200);
  });

  it("is bound when its list is sent again, though nobody is given anything new", async () => {
    const former = entra.addGroup("Porters");
    expect((await put("group:porters")).status).toBe(200);
    await door.db.groupBinding.updateMany({
      where: { subject: "group:porters" },
      data: { endedAt: new Date() },
    });
    const before = await door.db.grant.count();
    expect((await put("group:porters")).status).toBe(200);
    expect(await door.db.grant.count()).toBe(before);
    expect(await door.db.groupBinding.count({ where: { objectId: former, endedAt: null } })).toBe(
      1,
    );
  });
});
