/** What must not get through the older role mapper's routes: each is answered in their shapes, and changes nothing. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRoleMapperRouter } from "../../../src/rest/role-mapper.ts";
import { type Plane, startPlane } from "../../support/plane.ts";
import { reply } from "./rest-face.ts";
import {
  COMPONENT,
  expectShape,
  type RoleMapperDoor,
  startRoleMapperDoor,
  TOKEN,
} from "./role-mapper-door.ts";

let door: RoleMapperDoor;
beforeAll(async () => {
  door = await startRoleMapperDoor();
  await door.know("kept_role", "kept");
  const users = ["user:ann_example.com"];
  await door.put("/v1/user_roles", { role_id: "kept_role", users });
  await door.put("/v1/group_roles", { role_id: "kept_role", groups: ["group:nurses"] });
});
afterAll(() => door?.stop());

const aRole = (changes: object = {}) => ({
  role_id: "bad_role",
  component_id: COMPONENT,
  graphql_root_field_names: ["bad"],
  ...changes,
});
const someUsers = (users: unknown, role_id: unknown = "kept_role") => ({ role_id, users });
const someGroups = (groups: unknown, role_id: unknown = "kept_role") => ({ role_id, groups });

/** What is wrong, where it is sent, what is sent, and what the answer says of it. */
type Row = readonly [what: string, path: string, body: unknown, says: string | RegExp];

const ROLES: readonly Row[] = [
  ["no JSON", "/v1/roles", "{", "The body is not JSON"],
  ["an empty body", "/v1/roles", "", /role_id: is missing|body is missing/],
  ["a list", "/v1/roles", "[]", "expected an object"],
  ["null", "/v1/roles", "null", "The body is not JSON"],
  ["a missing role", "/v1/roles", aRole({ role_id: undefined }), "role_id: is missing"],
  ["a number as the role", "/v1/roles", aRole({ role_id: 5 }), "role_id: expected text"],
  [
    "a missing component",
    "/v1/roles",
    aRole({ component_id: undefined }),
    "component_id: is missing",
  ],
  [
    "null as the component",
    "/v1/roles",
    aRole({ component_id: null }),
    "component_id: expected text",
  ],
  ["an empty component", "/v1/roles", aRole({ component_id: "" }), "component_id: is empty"],
  [
    "a NUL in the component",
    "/v1/roles",
    aRole({ component_id: "urn:\0" }),
    "component_id: holds control",
  ],
  [
    "half a character",
    "/v1/roles",
    aRole({ role_id: "x\ud800" }),
    "role_id: holds control or invisible",
  ],
  [
    "a text as the fields",
    "/v1/roles",
    aRole({ graphql_root_field_names: "a" }),
    "graphql_root_field_names: expected a list of texts",
  ],
  [
    "a number among the fields",
    "/v1/roles",
    aRole({ graphql_root_field_names: ["a", 5] }),
    "graphql_root_field_names.1: expected text",
  ],
  [
    "names that GraphQL does not know",
    "/v1/roles",
    aRole({ graphql_root_field_names: ["a", "b c", "é", "1st", ""] }),
    /names\.1: is no name.*names\.2: .*names\.3: .*names\.4: /,
  ],
  [
    "more fields than are read",
    "/v1/roles",
    aRole({ graphql_root_field_names: Array(10_001).fill("a") }),
    "holds more than 10000 root fields",
  ],
  [
    "a role of another component",
    "/v1/roles",
    aRole({ role_id: "kept_role", component_id: "urn:other" }),
    `role_id: the role kept_role belongs to the component ${COMPONENT}`,
  ],
];

/** However it is spelt: Hasura gives `admin` everything. */
const ADMINS = [
  ...["admin", "Admin", "ADMIN", " admin", "admin\n", "\tADMIN "],
  ...[
    "\uff41\uff44\uff4d\uff49\uff4e",
    "\u0430dmin",
    "adm\u0456n",
    "adm\u0131n",
    "\u00e1dmin",
    "a\u0301dmin",
  ],
  ...["ad\u200bmin", "ad\u00admin", "admin\u2060", "\u202eadmin", "admin\u00a0"],
].map(
  (role_id): Row => [
    `${JSON.stringify(role_id)} as the role`,
    "/v1/roles",
    aRole({ role_id }),
    /role_id: (is no role that may be given|begins or ends|holds|mixes)/,
  ],
);

const LISTS: readonly Row[] = [
  [
    "a role that nobody made known",
    "/v1/user_roles",
    someUsers([], "no_role"),
    'role_id: there is no role \\"no_role\\"',
  ],
  [
    "the same for groups",
    "/v1/group_roles",
    someGroups([], "no_role"),
    "role_id: there is no role",
  ],
  ["admin", "/v1/user_roles", someUsers(["user:eve"], "admin"), "role_id: there is no role"],
  ["a role with a NUL", "/v1/user_roles", someUsers([], "a\0b"), "role_id: there is no role"],
  ["missing users", "/v1/user_roles", { role_id: "kept_role" }, "users: is missing"],
  ["null users", "/v1/user_roles", someUsers(null), "users: expected a list"],
  ["groups in the place of users", "/v1/user_roles", someGroups([]), "users: is missing"],
  ["null among the users", "/v1/user_roles", someUsers(["user:a", null]), "users.1: expected text"],
  [
    "refs that are none, each by its place",
    "/v1/user_roles",
    someUsers(["user:bob", "bob", "usr:bob", "user:", "", "user:user:bob"]),
    /users\.1: .*`user:bob`.*users\.2: .*user:bob.*users\.3: .*users\.4: .*users\.5: /,
  ],
  [
    "a group among users",
    "/v1/user_roles",
    someUsers(["group:nurses"]),
    'users.0: \\"group:nurses\\" is no user',
  ],
  [
    "a user among groups",
    "/v1/group_roles",
    someGroups(["user:ann"]),
    'groups.0: \\"user:ann\\" is no group',
  ],
  [
    "a look-alike",
    "/v1/user_roles",
    someUsers(["user:\u0430nn_example.com"]),
    'users.0: \\"user:\u0430nn_example.com\\" mixes letters',
  ],
  ["full-width letters", "/v1/user_roles", someUsers(["user:\uff41nn"]), "only look like others"],
  [
    "what cannot be seen",
    "/v1/group_roles",
    someGroups(["group:nur\u200bses"]),
    "holds control or invisible",
  ],
  ["a line that would forge the log", "/v1/user_roles", someUsers(["user:a\n{}"]), "holds control"],
  ["a NUL", "/v1/user_roles", someUsers(["user:a\0"]), "holds control"],
  ["a very long ref", "/v1/user_roles", someUsers([`user:${"x".repeat(300)}`]), "longer than 256"],
  [
    "more refs than are read",
    "/v1/user_roles",
    someUsers(Array(10_001).fill("user:a")),
    "holds more than 10000 users",
  ],
  ["10,000 bad refs", "/v1/user_roles", someUsers(Array(10_000).fill("x")), "There are 9000 more."],
];

describe("a body that is wrong", () => {
  it.each([...ROLES, ...ADMINS, ...LISTS])(
    "(%s) is 400 and changes nothing",
    async (_what, path, body, says) => {
      const before = [await door.traces(), await door.db.externalRole.count()];
      const answered = await door.put(path, body);
      expectShape(answered, 400, "ValidationError");
      if (typeof says === "string") expect(answered.text).toContain(says);
      else expect(answered.text).toMatch(says);
      expect(answered.text).not.toMatch(/prisma|\bat .*\.ts/i);
      expect([await door.traces(), await door.db.externalRole.count()]).toEqual(before);
      expect(await door.held("kept_role")).toEqual(["group:nurses", "user:ann_example.com"]);
    },
  );

  it("of another kind, in another encoding or too large is refused before it is read", async () => {
    const plain = { "content-type": "text/plain" };
    expectShape(
      await door.put("/v1/roles", JSON.stringify(aRole()), plain),
      400,
      "ValidationError",
    );
    const charset = { "content-type": "application/json; charset=x-y" };
    expectShape(
      await door.put("/v1/roles", JSON.stringify(aRole()), charset),
      400,
      "ValidationError",
    );
    const bytes = Buffer.concat([
      Buffer.from('{"role_id":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const headers = { "content-type": "application/json", authorization: `Bearer ${TOKEN}` };
    const broken = await door.send("/v1/roles", { method: "PUT", headers, body: bytes });
    expectShape(broken, 400, "ValidationError");
    const large = await door.put("/v1/user_roles", someUsers(["x".repeat(3_000_000)]));
    expectShape(large, 413, "ValidationError");
    expect((await door.put("/v1/roles", aRole({ role_id: "x".repeat(1_000_000) }))).status).toBe(
      400,
    );
  });

  it("is nobody's business without the token: it is not even read", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(someUsers(Array(9_000).fill(`user:${"x".repeat(100)}`)));
    expect((await door.send("/v1/user_roles", { method: "PUT", headers, body })).status).toBe(401);
  });
});

describe("a body that is large", () => {
  it("is taken up to 10,000 refs, and those are all who have the role", async () => {
    await door.know("large_role", "large");
    const users = Array.from({ length: 10_000 }, (_, index) => `user:${index}_${"x".repeat(90)}`);
    const body = JSON.stringify({ role_id: "large_role", users });
    expect(body.length).toBeGreaterThan(1_000_000);
    const put = await door.put("/v1/user_roles", body);
    expectShape(put, 200, "UserRoleMappings");
    expect((await door.held("large_role")).length).toBe(10_000);
    const fewer = await door.put("/v1/user_roles", {
      role_id: "large_role",
      users: users.slice(-1),
    });
    expect(fewer.status).toBe(200);
    expect(await door.held("large_role")).toEqual(users.slice(-1));
  });
});

describe("a change that nobody confirms", () => {
  let idle: Plane;
  beforeAll(async () => {
    idle = await startPlane({ worker: false });
  });
  afterAll(() => idle?.stop());

  it("is answered after a bound: it is recorded, and under which token it can be asked for", async () => {
    const web = express();
    const { log } = idle.ctx;
    const deps = { operations: idle.ctx, basePath: "", token: TOKEN, notReady: () => [], log };
    web.use(createRoleMapperRouter({ ...deps, enforceWaitMs: 100 }));
    const server = createServer(web);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const answered = await reply(
      fetch(`http://127.0.0.1:${port}/v1/roles`, {
        method: "PUT",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify(aRole()),
      }),
    );
    await new Promise((done) => server.close(done));
    expectShape(answered, 500, "SystemError");
    const { token } = await idle.ctx.db.operation.findFirstOrThrow();
    expect(answered.json?.error).toMatch(/^The change is recorded, but not every running webhook/);
    expect(answered.json?.error).toContain(token);
    expect(await idle.ctx.db.externalRole.count({ where: { name: "bad_role" } })).toBe(1);
  });
});
