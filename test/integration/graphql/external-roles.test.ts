/** Roles that belong to no port, over the public schema: from the mutation to the barrier. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Actor } from "../../../src/graphql/context.ts";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { readGeneration, registerReplica, renewLease } from "../../../src/inventory/access.ts";
import {
  putExternalRole,
  setExternalRoleSubjects,
} from "../../../src/operations/external-roles.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

const COMPONENT = "urn:dmb:cmp:Older:product:0:port";
const OPERATOR: Actor = { name: "user:op", kind: "admin", permission: "operator" };
const OUTCOME = "{ token kind status code result actor logs { phase message } }";

let plane: Plane;
let port: { role: string; componentId: string };
beforeAll(async () => {
  plane = await startPlane();
  await plane.provision(await example("vaccinations"));
  port = await plane.ctx.db.outputPort.findFirstOrThrow();
});
afterAll(() => plane?.stop());
beforeEach(() => plane.ctx.db.replica.deleteMany());

interface Answer {
  readonly data?: Record<string, Record<string, unknown> | null> | null;
  readonly errors?: readonly {
    message: string;
    extensions: { code: string; problems: { path: string; message: string }[] };
  }[];
}

async function ask(
  query: string,
  variables: object = {},
  actor = OPERATOR,
  operations = plane.ctx,
): Promise<Answer> {
  const deps = { operations, graphiql: false, actor: () => actor };
  const response = await createGraphqlHandler(deps).fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

const change =
  (field: string, type: string) =>
  (input: object, wait = 15_000) =>
    ask(
      `mutation ($input: ${type}!, $wait: Int!) { change: ${field}(input: $input, wait: $wait) ${OUTCOME} }`,
      { input, wait },
    );
const put = change("putExternalRole", "ExternalRoleInput");
const setUsers = change("setExternalRoleUsers", "ExternalRoleUsersInput");
const setGroups = change("setExternalRoleGroups", "ExternalRoleGroupsInput");
const remove = change("removeExternalRole", "RemoveExternalRoleInput");

const aRole = (role: string, ...rootFields: string[]) => ({
  role,
  componentId: COMPONENT,
  rootFields,
});

async function held(role: string): Promise<string[]> {
  const where = { externalRole: { name: role }, endedAt: null };
  const rows = await plane.ctx.db.grant.findMany({ where, orderBy: { subject: "asc" } });
  return rows.map(({ subject }) => subject);
}

const faults = ({ errors = [] }: Answer) =>
  errors.flatMap(({ extensions: { code, problems } }) => [
    code,
    ...problems.map(({ path }) => path),
  ]);

/** A webhook that follows when it is told to. */
async function aReplica(leaseMs: number): Promise<() => Promise<unknown>> {
  const { db } = plane.ctx;
  const id = randomUUID();
  await registerReplica(db, id);
  const follow = async () => renewLease(db, id, await readGeneration(db), leaseMs);
  await follow();
  return follow;
}

describe("the mutations on external roles", () => {
  it("are operations that record who asked and what came of it", async () => {
    const made = await put(aRole("reports", "report_b", "report_a"));
    expect(made.data?.change).toMatchObject({
      kind: "EXTERNAL_ROLE",
      status: "COMPLETED",
      result: 'The role "reports" can see 2 root field(s).',
      actor: "user:op",
      logs: [{ phase: "roles" }, { phase: "end" }],
    });
    await setUsers({ role: "reports", users: ["USER:default/Ann", "user:bob", "user:ann"] });
    const groups = await setGroups({ role: "reports", groups: ["group:Nurses"] });
    expect(groups.data?.change).toMatchObject({
      status: "COMPLETED",
      result: 'The role "reports" is given to exactly 1 group(s).',
    });
    expect(await held("reports")).toEqual(["group:nurses", "user:ann", "user:bob"]);
    const { data } = await ask(
      '{ externalRole(role: "reports") { rootFields grants { edges { node { actor operation { kind } } } } } }',
    );
    expect(data?.externalRole).toEqual({
      rootFields: ["report_a", "report_b"],
      grants: {
        edges: Array(3).fill({
          node: { actor: "user:op", operation: { kind: "EXTERNAL_ROLE" } },
        }),
      },
    });
    await setUsers({ role: "reports", users: [] });
    expect(await held("reports")).toEqual(["group:nurses"]);
    const gone = await remove({ role: "reports", reason: "not needed" });
    expect(gone.data?.change?.result).toBe('The role "reports" is removed: not needed');
    expect(await held("reports")).toEqual([]);
    expect(faults(await setUsers({ role: "reports", users: [] }))).toEqual(["NOT_FOUND", "role"]);
  });

  it("have ended only when every webhook follows, or cannot decide by the former state any more", async () => {
    await put(aRole("followed", "followed_a"));
    const follow = await aReplica(60_000);
    const list = { role: "followed", users: ["user:ann"] };
    const { data } = await setUsers(list, 100);
    expect(data?.change?.status).toBe("RUNNING");
    const token = String(data?.change?.token);
    expect(
      faults(
        await ask("mutation ($t: ID!) { cancelOperation(token: $t) { token } }", { t: token }),
      ),
    ).toEqual(["BAD_REQUEST", "token"]);
    expect(await held("followed")).toEqual(["user:ann"]);
    await follow();
    expect((await plane.end(token)).status).toBe("COMPLETED");

    await plane.ctx.db.replica.deleteMany();
    await aReplica(500);
    const dead = await setUsers({ role: "followed", users: [] });
    expect(dead.data?.change?.status).toBe("COMPLETED");
  });

  it("say so when a webhook has not followed in time; the change is made all the same", async () => {
    await put(aRole("late", "late_a"));
    await aReplica(60_000);
    const hurried = { ...plane.ctx, deadlineMs: () => 1_000 };
    const { data } = await ask(
      `mutation ($input: ExternalRoleUsersInput!) { change: setExternalRoleUsers(input: $input, wait: 15000) ${OUTCOME} }`,
      { input: { role: "late", users: ["user:ann"] } },
      OPERATOR,
      hurried,
    );
    expect(data?.change).toMatchObject({
      status: "FAILED",
      code: "DEADLINE",
      result: expect.stringContaining("The change is recorded, but 1 running webhook(s)"),
    });
    expect(await held("late")).toEqual(["user:ann"]);
    const retry = await ask("mutation ($t: ID!) { retryOperation(token: $t) { token } }", {
      t: data?.change?.token,
    });
    expect(faults(retry)).toEqual(["BAD_REQUEST", "token"]);
  });

  it("change nothing when anything is wrong, and name each fault by its place", async () => {
    await put(aRole("guarded", "guarded_a"));
    await setUsers({ role: "guarded", users: ["user:ann"] });
    const before = await plane.ctx.db.operation.count();
    const users = ["user:bob", "bob", "group:nurses", "user:", "user:b\u0430d"];
    const { errors } = await setUsers({ role: "guarded", users });
    expect(errors?.[0]?.extensions).toMatchObject({
      code: "INVALID_REFS",
      problems: [
        { path: "users.1" },
        { path: "users.2", message: '"group:nurses" is no user' },
        { path: "users.3" },
        { path: "users.4" },
      ],
    });
    expect(faults(await setGroups({ role: "guarded", groups: ["user:ann"] }))).toEqual([
      "INVALID_REFS",
      "groups.0",
    ]);
    expect(faults(await put(aRole("Admin", "a")))).toEqual(["BAD_REQUEST", "role"]);
    expect(faults(await put(aRole("guarded", "a b", "1")))).toEqual([
      ...["BAD_REQUEST", "rootFields.0", "rootFields.1"],
    ]);
    const other = { ...aRole("guarded", "x"), componentId: "urn:dmb:cmp:other:x:0:y" };
    expect(faults(await put(other))).toEqual(["NAME_TAKEN", "role"]);
    for (const role of ["nobody's", "\0", "\ud800", ""]) {
      expect(faults(await setUsers({ role, users: [] }))).toEqual(["NOT_FOUND", "role"]);
      expect(faults(await remove({ role, reason: "x" }))).toEqual(["NOT_FOUND", "role"]);
    }
    expect(faults(await remove({ role: "guarded", reason: " " }))).toEqual([
      "BAD_REQUEST",
      "reason",
    ]);
    expect(faults(await remove({ role: "guarded", reason: "\0" }))).toEqual([
      "BAD_REQUEST",
      "reason",
    ]);
    expect(await held("guarded")).toEqual(["user:ann"]);
    expect(await plane.ctx.db.operation.count()).toBe(before);
  });

  it("leave a port's role to its port, and name it", async () => {
    for (const refused of [
      await put(aRole(port.role, "x")),
      await setUsers({ role: port.role, users: ["user:eve"] }),
      await setGroups({ role: port.role, groups: ["group:eves"] }),
      await remove({ role: port.role, reason: "x" }),
    ]) {
      expect(faults(refused)).toEqual(["NAME_TAKEN", "role"]);
      expect(refused.errors?.[0]?.message).toContain(port.componentId);
    }
    expect(await plane.ctx.db.grant.count({ where: { subject: "user:eve" } })).toBe(0);
  });

  it("are for operators: the schema asks, and the operations ask again", async () => {
    const { ctx } = plane;
    const viewer: Actor = { ...OPERATOR, permission: "viewer" };
    const query = `mutation ($input: ExternalRoleInput!) { putExternalRole(input: $input) { token } }`;
    const input = aRole("mine", "mine_a");
    expect(faults(await ask(query, { input }, viewer))).toEqual(["FORBIDDEN"]);
    const spec = { role: "mine", componentId: COMPONENT, fields: [] };
    const list = { role: "mine", kind: "user" as const, refs: [] };
    for (const permission of ["viewer", null] as const) {
      const asker = { name: "user:eve", permission };
      const refusal = { code: "FORBIDDEN" };
      await expect(putExternalRole(ctx, spec, asker)).rejects.toMatchObject(refusal);
      await expect(setExternalRoleSubjects(ctx, list, asker)).rejects.toMatchObject(refusal);
    }
    expect(await ctx.db.externalRole.count({ where: { name: "mine" } })).toBe(0);
  });
});

describe("what has a role", () => {
  const holder = async (args: string) => {
    const answer = await ask(`{ grantHolder(${args}) { __typename role componentId } }`);
    return answer.errors === undefined ? answer.data?.grantHolder : faults(answer);
  };

  it("is found by the role: a port or an external role, while it is there", async () => {
    await put(aRole("found", "found_a"));
    const external = { __typename: "ExternalRole", role: "found", componentId: COMPONENT };
    expect(await holder('role: "found"')).toEqual(external);
    const own = { __typename: "OutputPort", role: port.role, componentId: port.componentId };
    expect(await holder(`role: "${port.role}"`)).toEqual(own);
    await remove({ role: "found", reason: "over" });
    for (const role of ["found", "Found", "no", "", "\\u0000", "%"])
      expect(await holder(`role: "${role}"`)).toBeNull();
    expect(await holder("role: null")).toEqual(["BAD_REQUEST", "role"]);
  });

  it("is found by the component in any case: its port before others, and never one of several", async () => {
    const own = { __typename: "OutputPort", role: port.role, componentId: port.componentId };
    expect(await holder(`componentId: "${port.componentId.toUpperCase()}"`)).toEqual(own);
    await put({ ...aRole("theirs", "theirs_a"), componentId: port.componentId });
    expect(await holder(`componentId: "${port.componentId}"`)).toEqual(own);
    const componentId = "urn:dmb:cmp:Zo\u00eb:a:0:b";
    const zoe = { role: "zoe", componentId, rootFields: [] };
    await put(zoe);
    expect(await holder(`componentId: "${componentId.replace("Z", "z")}"`)).toMatchObject({
      role: "zoe",
    });
    expect(await holder(`componentId: "${componentId.toUpperCase()}"`)).toBeNull();
    await put({ ...zoe, role: "zoe_2" });
    expect(await holder(`componentId: "${componentId}"`)).toEqual(["AMBIGUOUS", "componentId"]);
    for (const none of ["urn:none", "", "\\u0000", "urn:dmb:cmp:Zo_:a:0:b"])
      expect(await holder(`componentId: "${none}"`)).toBeNull();
  });
});
