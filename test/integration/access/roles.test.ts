import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readGeneration } from "../../../src/inventory/access.ts";
import {
  removeExternalRole,
  replaceExternalGrants,
  upsertExternalRole,
} from "../../../src/inventory/external-roles.ts";
import { claimNames } from "../../../src/inventory/names.ts";
import { ANN, addPort, createInventory, HASURA, type TestInventory, want } from "./inventory.ts";

let inventory: TestInventory;
beforeAll(async () => {
  inventory = await createInventory();
});
afterAll(async () => await inventory.stop());

const role = (name: string) => ({ hasuraId: HASURA, role: name });
const COMPONENT = "urn:dmb:cmp:Older:port";
const known = (name: string, ...fields: string[]) =>
  inventory.db.$transaction((tx) =>
    upsertExternalRole(tx, { ...role(name), componentId: COMPONENT, fields }),
  );
const give = (name: string, subjects: string[], kind: "user" | "group" = "user") =>
  inventory.db.$transaction((tx) =>
    replaceExternalGrants(tx, { ...role(name), kind, subjects, actor: "test" }),
  );

async function live(name: string): Promise<string[]> {
  const rows = await inventory.db.grant.findMany({
    where: { externalRole: { name }, endedAt: null },
    orderBy: { subject: "asc" },
  });
  return rows.map(({ subject }) => subject);
}

async function fieldsOf(name: string): Promise<string[]> {
  const rows = await inventory.db.externalRoleField.findMany({
    where: { externalRole: { name } },
    orderBy: { name: "asc" },
  });
  return rows.map((row) => row.name);
}

describe("an external role", () => {
  it("has the root fields that were told last", async () => {
    const first = await known("fields_role", "a", "b", "b");
    expect(await fieldsOf("fields_role")).toEqual(["a", "b"]);
    const second = await known("fields_role", "c", "b");
    expect(second.generation).toBeGreaterThan(first.generation);
    expect(await fieldsOf("fields_role")).toEqual(["b", "c"]);
  });

  it("is given and ended by the database's clock, whatever this process's says", async () => {
    const soon = Date.now() + 60_000;
    vi.useFakeTimers({ toFake: ["Date"], now: soon + 3_600_000 });
    try {
      await known("clock_role", "a");
      await give("clock_role", [ANN]);
      await inventory.db.$transaction((tx) =>
        removeExternalRole(tx, { ...role("clock_role"), reason: "over" }),
      );
    } finally {
      vi.useRealTimers();
    }
    const { since, endedAt } = await inventory.db.grant.findFirstOrThrow({
      where: { externalRole: { name: "clock_role" } },
    });
    expect(since.getTime()).toBeLessThan(soon);
    expect(endedAt?.getTime()).toBeLessThan(soon);
  });

  it("counts no generation when it is as it was", async () => {
    await known("same_role", "a");
    await give("same_role", [ANN]);
    const before = await readGeneration(inventory.db);
    expect((await known("same_role", "a")).generation).toBe(before);
    expect((await give("same_role", [ANN])).generation).toBe(before);
    expect(await readGeneration(inventory.db)).toBe(before);
  });

  it.each([
    ...["admin", "ADMIN", " Admin\t", "", "  ", "x\u0000y", "x\u200by", "x\u00a0y", "x ", "\ud800"],
    ...[
      "\uff41dmin",
      "\u0430dmin",
      "adm\u0131n",
      "adm\u00edn",
      "a\u0301dmin",
      "ad\u00admin",
      "admin\u2060",
    ],
    ...["x\uff59", "p\u0430yroll", "o\ufb03ce", "x".repeat(257)],
  ])("is never called %j", async (name) => {
    const before = await inventory.db.externalRole.count();
    await expect(known(name, "a")).rejects.toMatchObject({ code: "BAD_REQUEST" });
    expect(await inventory.db.externalRole.count()).toBe(before);
  });

  it.each(["sant\u00e9_role", "\u0440\u043e\u043b\u044c", "dom1.dp1.0.op.readrole", "Admin_of_x"])(
    "may be called %j",
    async (name) => {
      await known(name, "a");
      expect(await fieldsOf(name)).toEqual(["a"]);
    },
  );

  it("has a component that is named", async () => {
    for (const componentId of ["", " urn:x", "urn:\u0000", "u".repeat(257)]) {
      const asked = { ...role("orphan_role"), componentId, fields: [] };
      await expect(
        inventory.db.$transaction((tx) => upsertExternalRole(tx, asked)),
      ).rejects.toMatchObject({ code: "BAD_REQUEST", problems: [{ path: "componentId" }] });
    }
  });

  it.each(["", "a b", "1a", "a-b", "é", "x".repeat(300)])("has no root field %j", async (field) => {
    await expect(known("faulty_role", "a", field)).rejects.toMatchObject({
      code: "BAD_REQUEST",
      problems: [{ path: "rootFields.1" }],
    });
    expect(await inventory.db.externalRole.count({ where: { name: "faulty_role" } })).toBe(0);
  });

  it("is never a role that a port owns, and no port gets its", async () => {
    const { db } = inventory;
    const portId = await addPort(db, "owner", ["owned"]);
    const environment = "default";
    const purpose = { namespace: "ROLE" as const, purpose: "role", environment, portId };
    const claim = { ...purpose, name: "owner_role" };
    await db.$transaction((tx) => claimNames(tx, HASURA, [claim]));
    const refused = {
      code: "NAME_TAKEN",
      problems: [{ path: "role", message: expect.stringContaining("urn:dmb:cmp:owner") }],
    };
    await expect(known("owner_role", "a")).rejects.toMatchObject(refused);
    await expect(give("owner_role", [ANN])).rejects.toMatchObject(refused);
    const gone = { ...role("owner_role"), reason: "gone" };
    await expect(db.$transaction((tx) => removeExternalRole(tx, gone))).rejects.toMatchObject(
      refused,
    );
    expect(await db.externalRole.count({ where: { name: "owner_role" } })).toBe(0);
    await known("taken_role", "a");
    const taken = await db.$transaction((tx) =>
      claimNames(tx, HASURA, [{ ...purpose, name: "taken_role" }]),
    );
    expect(taken).toEqual([expect.objectContaining({ owner: "the role taken_role" })]);
  });

  it("never sees a root field of a port, and the port is named", async () => {
    await expect(known("nosy_role", "a", "orders", "vaccinations")).rejects.toMatchObject({
      code: "NAME_TAKEN",
      problems: [
        { path: "rootFields.1", message: expect.stringContaining("urn:dmb:cmp:sales") },
        { path: "rootFields.2", message: expect.stringContaining("urn:dmb:cmp:health") },
      ],
    });
    expect(await inventory.db.externalRole.count({ where: { name: "nosy_role" } })).toBe(0);
  });

  it("is not taken over by another component, however that is spelt", async () => {
    const { db } = inventory;
    await known("guarded_role", "a");
    const other = { ...role("guarded_role"), fields: ["b"] };
    await expect(
      db.$transaction((tx) =>
        upsertExternalRole(tx, { ...other, componentId: "urn:dmb:cmp:other" }),
      ),
    ).rejects.toMatchObject({ code: "NAME_TAKEN" });
    expect(await fieldsOf("guarded_role")).toEqual(["a"]);
    await db.$transaction((tx) =>
      upsertExternalRole(tx, { ...other, componentId: COMPONENT.toUpperCase() }),
    );
    expect(await fieldsOf("guarded_role")).toEqual(["b"]);
  });

  it("is had by exactly the users that are told, and the groups beside them", async () => {
    await known("held_role", "a");
    expect(await give("held_role", ["user:a", "user:b", "user:b"])).toMatchObject({
      granted: ["user:a", "user:b"],
      ended: [],
    });
    await give("held_role", ["group:g"], "group");
    expect(await give("held_role", ["user:b", "user:c"])).toMatchObject({
      granted: ["user:c"],
      ended: ["user:a"],
    });
    expect(await live("held_role")).toEqual(["group:g", "user:b", "user:c"]);
    await give("held_role", [], "group");
    expect(await live("held_role")).toEqual(["user:b", "user:c"]);
    await expect(give("held_role", ["group:g"])).rejects.toMatchObject({ code: "BAD_REQUEST" });
    await expect(give("no_role", ["user:a"])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("is had by one list or the other when two are told at once, never by none or both", async () => {
    await known("contended_role", "a");
    for (let round = 0; round < 25; round += 1) {
      const lists = [
        [`user:a${round}`, "user:x"],
        [`user:b${round}`, "user:y"],
      ];
      await Promise.all(lists.map((list) => give("contended_role", list)));
      expect(lists).toContainEqual(await live("contended_role"));
    }
  });

  it("ends with its grants; its name is free, and it comes back with nobody", async () => {
    const { db } = inventory;
    await known("ending_role", "a");
    await give("ending_role", [ANN]);
    await db.$transaction((tx) =>
      removeExternalRole(tx, { ...role("ending_role"), reason: "gone" }),
    );
    expect(await live("ending_role")).toEqual([]);
    expect(await db.ownedName.count({ where: { name: "ending_role" } })).toBe(0);
    await expect(give("ending_role", [ANN])).rejects.toMatchObject({ code: "NOT_FOUND" });
    await db.$transaction((tx) =>
      upsertExternalRole(tx, {
        ...role("ending_role"),
        componentId: "urn:dmb:cmp:next",
        fields: ["b"],
      }),
    );
    expect(await live("ending_role")).toEqual([]);
    expect(await fieldsOf("ending_role")).toEqual(["b"]);
  });
});

describe("a combined role", () => {
  it("is asked for once, whatever the order of its ports", async () => {
    const { db, ports } = inventory;
    const first = await want(db, [ports.sales, ports.health]);
    const again = await want(db, [ports.health, ports.sales, ports.sales]);
    expect(again).toMatchObject({ id: first.id, name: first.name, state: "WANTED" });
    expect(again.requestedAt.getTime()).toBeGreaterThanOrEqual(first.requestedAt.getTime());
    expect(first.memberIds).toEqual([ports.health, ports.sales].sort());
    expect(await db.ownedName.count({ where: { combinedRoleId: first.id } })).toBe(1);
    const state = (to: "ACTIVE" | "UNWANTED") =>
      db.combinedRole.update({ where: { id: first.id }, data: { state: to } });
    await state("ACTIVE");
    const third = await want(db, [ports.health, ports.sales]);
    expect(third.state).toBe("ACTIVE");
    await state("UNWANTED");
    const fourth = await want(db, [ports.health, ports.sales]);
    expect(fourth.state).toBe("WANTED");
  });

  it("is of several active ports of one environment", async () => {
    const { db, ports } = inventory;
    const refused = async (...ids: string[]) =>
      await expect(want(db, ids)).rejects.toMatchObject({
        code: "BAD_REQUEST",
      });
    await refused(ports.health);
    await refused(ports.health, ports.health);
    const elsewhere = await addPort(db, "elsewhere", []);
    await db.outputPort.update({ where: { id: elsewhere }, data: { environment: "test" } });
    await refused(ports.health, elsewhere);
    await db.outputPort.update({
      where: { id: elsewhere },
      data: { environment: "default", phase: "FAILED" },
    });
    await refused(ports.health, elsewhere);
  });
});
