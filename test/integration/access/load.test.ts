import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AccessFacts, arrangeAccess } from "../../../src/domain/access-index.ts";
import { readGeneration } from "../../../src/inventory/access.ts";
import {
  loadAccessOf,
  readBlocks,
  readHead,
  readHolderIds,
  readHolders,
} from "../../../src/inventory/access-load.ts";
import { addBlock, endBlocks } from "../../../src/inventory/blocks.ts";
import {
  replaceExternalGrants,
  upsertExternalRole,
} from "../../../src/inventory/external-roles.ts";
import {
  ANN,
  addPort,
  change,
  createInventory,
  HASURA,
  type TestInventory,
  want,
} from "./inventory.ts";

let inventory: TestInventory;
beforeAll(async () => {
  inventory = await createInventory();
});
afterAll(async () => await inventory.stop());

async function loadAll(hasuraId = HASURA): Promise<AccessFacts["holders"]> {
  const holders: AccessFacts["holders"][number][] = [];
  for await (const page of readHolders(
    inventory.db,
    hasuraId,
    await readHolderIds(inventory.db, hasuraId),
  ))
    holders.push(...page);
  return holders
    .map((holder) => ({ ...holder, fields: [...holder.fields].sort() }))
    .sort((a, b) => (a.role < b.role ? -1 : 1));
}

const nothing = { members: [], grants: [] };
const health = () => ({
  ...nothing,
  id: inventory.ports.health,
  kind: "PORT",
  role: "health_role",
  fields: ["vaccinations", "vaccinations_by_pk"],
});
const sales = () => ({
  ...nothing,
  id: inventory.ports.sales,
  kind: "PORT",
  role: "sales_role",
  fields: ["orders"],
});

describe("reading all holders", () => {
  it("gives the roles of active ports with their root fields, and the grants in force", async () => {
    const { ports, grant, revoke } = inventory;
    const until = new Date(Date.now() + 3_600_000);
    await grant(ports.health, ANN, until);
    await grant(ports.health, "group:past", new Date(Date.now() - 1_000));
    await grant(ports.sales, "group:ended");
    await revoke(ports.sales, "group:ended");
    expect(await loadAll()).toEqual([
      {
        ...health(),
        grants: [{ class: "ACL", until: until.getTime(), subjects: [ANN] }],
      },
      sales(),
    ]);
    await revoke(ports.health, ANN);
    await revoke(ports.health, "group:past");
  });

  it("gives grants that are alike together", async () => {
    const { db, ports, grant, revoke } = inventory;
    for (const subject of ["group:a", "group:b", "group:c"]) await grant(ports.sales, subject);
    await db.grant.updateMany({ where: { subject: "group:c" }, data: { class: "MANUAL" } });
    const [, loaded] = await loadAll();
    expect(
      loaded?.grants
        .map((grants) => ({ ...grants, subjects: [...grants.subjects].sort() }))
        .sort((a, b) => (a.class < b.class ? -1 : 1)),
    ).toEqual([
      { class: "ACL", until: null, subjects: ["group:a", "group:b"] },
      { class: "MANUAL", until: null, subjects: ["group:c"] },
    ]);
    for (const subject of ["group:a", "group:b", "group:c"]) await revoke(ports.sales, subject);
  });

  it("leaves out ports that are not active, and other Hasuras", async () => {
    const { db, ports } = inventory;
    await db.outputPort.update({ where: { id: ports.sales }, data: { phase: "REMOVED" } });
    expect(await loadAll()).toEqual([health()]);
    expect(await loadAll("another")).toEqual([]);
    await db.outputPort.update({ where: { id: ports.sales }, data: { phase: "ACTIVE" } });
  });

  it("gives external roles, and combined roles once they are active", async () => {
    const { db, ports } = inventory;
    const role = "older_role";
    const where = { hasuraId: HASURA, role };
    await db.$transaction((tx) =>
      upsertExternalRole(tx, { ...where, componentId: "urn:dmb:cmp:older", fields: ["old"] }),
    );
    await db.$transaction((tx) =>
      replaceExternalGrants(tx, { ...where, kind: "user", subjects: [ANN], actor: "test" }),
    );
    const combined = await want(db, [ports.sales, ports.health]);
    const older = expect.objectContaining({
      kind: "EXTERNAL",
      role,
      fields: ["old"],
      grants: [{ class: "ACL", until: null, subjects: [ANN] }],
    });
    expect(await loadAll()).toEqual([health(), older, sales()]);
    await db.combinedRole.update({ where: { id: combined.id }, data: { state: "ACTIVE" } });
    expect(await loadAll()).toEqual([
      {
        id: combined.id,
        kind: "COMBINED",
        role: combined.name,
        fields: [],
        members: [ports.health, ports.sales].sort(),
        grants: [],
      },
      health(),
      older,
      sales(),
    ]);
  });

  it("gives every holder once, on however many pages", async () => {
    const other = "paged";
    await inventory.db.hasura.create({ data: { id: other, url: "http://paged.test" } });
    const added: string[] = [];
    for (let port = 0; port < 405; port += 1)
      added.push(await addPort(inventory.db, `paged${port}`, [`paged_${port}`], other));
    expect((await loadAll(other)).map(({ id }) => id).sort()).toEqual(added.sort());
  });
});

describe("reading blocks", () => {
  it("gives those in force", async () => {
    const { db, ports } = inventory;
    const block = { hasuraId: HASURA, reason: "r", actor: "test" };
    const until = new Date(Date.now() + 60_000);
    await change(db, async (tx) => {
      await addBlock(tx, { ...block, subject: ANN, portId: ports.health, until });
      await addBlock(tx, { ...block, subject: "group:x", portId: null });
      await addBlock(tx, { ...block, subject: null, portId: ports.sales });
      await addBlock(tx, { ...block, subject: null, portId: ports.sales, until: new Date(0) });
      await addBlock(tx, { ...block, subject: "group:y", portId: null });
      expect(
        await endBlocks(tx, { hasuraId: HASURA, subject: "group:y", portId: null }, "over"),
      ).toBe(1);
      expect(await endBlocks(tx, { hasuraId: HASURA, subject: ANN, portId: null }, "none so")).toBe(
        0,
      );
    });
    const found = await readBlocks(db, HASURA);
    expect(found.map(({ id: _, ...rest }) => rest)).toEqual(
      expect.arrayContaining([
        { subject: ANN, portId: ports.health, until: until.getTime() },
        { subject: "group:x", portId: null, until: null },
        { subject: null, portId: ports.sales, until: null },
      ]),
    );
    expect(found).toHaveLength(3);
    expect(await readBlocks(db, "another")).toEqual([]);
  });

  it("refuses one on nothing, here and in the database", async () => {
    const { db } = inventory;
    const block = { hasuraId: HASURA, reason: "r", actor: "test", subject: null, portId: null };
    await expect(change(db, (tx) => addBlock(tx, block))).rejects.toMatchObject({
      code: "BAD_REQUEST",
    });
    await expect(db.accessBlock.create({ data: block })).rejects.toThrow("access_block_target");
  });
});

describe("reading what concerns some subjects", () => {
  it("gives their roles, the combined ones that follow from these, and the blocks on them", async () => {
    const { db, ports, grant, revoke } = inventory;
    await grant(ports.sales, "group:sellers");
    await grant(ports.health, "group:sellers");
    await grant(ports.health, "group:others");
    const { facts, databaseTime } = await loadAccessOf(db, HASURA, ["group:sellers", "group:none"]);
    expect(facts.generation).toBe(await readGeneration(db));
    expect(Math.abs(databaseTime - Date.now())).toBeLessThan(60_000);
    const given = [{ class: "ACL", until: null, subjects: ["group:sellers"] }];
    expect(facts.holders).toHaveLength(3);
    expect(facts.holders).toEqual(
      expect.arrayContaining([
        { ...sales(), grants: given },
        expect.objectContaining({ id: ports.health, grants: given }),
        expect.objectContaining({ kind: "COMBINED" }),
      ]),
    );
    expect(facts.blocks).toEqual([expect.objectContaining({ subject: null, portId: ports.sales })]);
    await revoke(ports.sales, "group:sellers");
    const less = await loadAccessOf(db, HASURA, ["group:sellers"]);
    expect(less.facts.holders.map(({ id }) => id)).toEqual([ports.health]);
    expect(less.facts.blocks).toEqual([]);
    const none = await loadAccessOf(db, HASURA, []);
    expect(none.facts).toMatchObject({ holders: [], blocks: [] });
    const ann = await loadAccessOf(db, HASURA, [ANN]);
    expect(ann.facts.holders).toEqual([expect.objectContaining({ role: "older_role" })]);
    expect(ann.facts.blocks).toEqual([
      expect.objectContaining({ subject: ANN, portId: ports.health }),
    ]);
    expect(arrangeAccess(ann.facts).byRole.has("older_role")).toBe(true);
  });
});

describe("the head", () => {
  it("says what changed since a generation that is known", async () => {
    const { db, ports } = inventory;
    const known = await readHead(db, null);
    expect(known.changes).toBe("everything");
    expect(known.generation).toBe(await readGeneration(db));
    expect((await readHead(db, known)).changes).toEqual({
      holders: [],
      blocks: false,
      groups: false,
    });
    await change(db, async () => undefined, { holders: [ports.health] });
    await change(db, async () => undefined, { holders: [ports.sales, ports.health] });
    const { generation, changes } = await readHead(db, known);
    expect(generation).toBe(known.generation + 2n);
    expect(changes).toEqual({
      holders: [ports.health, ports.sales].sort(),
      blocks: false,
      groups: false,
    });
    await change(db, async () => undefined, { blocks: true });
    expect((await readHead(db, known)).changes).toMatchObject({ blocks: true, groups: false });
    await change(db, async () => undefined, { groups: true });
    expect((await readHead(db, known)).changes).toMatchObject({ blocks: true, groups: true });
    await change(db, async () => undefined, "everything");
    expect((await readHead(db, known)).changes).toBe("everything");
  });

  it("says everything when the log does not reach back, or is another database's", async () => {
    const { db, ports } = inventory;
    const known = await readHead(db, null);
    await change(db, async () => undefined, { holders: [ports.health] });
    const next = await readHead(db, known);
    expect(next.changes).toEqual({ holders: [ports.health], blocks: false, groups: false });
    await change(db, async () => undefined, { holders: [ports.sales] });
    expect((await readHead(db, { ...known, stamp: null })).changes).toBe("everything");
    expect((await readHead(db, { ...known, stamp: next.stamp })).changes).toBe("everything");
    expect((await readHead(db, { ...next, generation: next.generation + 5n })).changes).toBe(
      "everything",
    );
    await db.accessChange.delete({ where: { generation: next.generation } });
    expect((await readHead(db, known)).changes).toBe("everything");
  });

  it("forgets changes that are long past, a batch at a time", async () => {
    const { db, ports } = inventory;
    await db.accessGeneration.update({ where: { id: 1 }, data: { generation: 14_998n } });
    const changed = () => change(db, async () => undefined, { holders: [ports.health] });
    expect(await changed()).toBe(14_999n);
    const before = await db.accessChange.count();
    expect(await changed()).toBe(15_000n);
    expect(await db.accessChange.count()).toBeLessThan(before);
    const kept = await db.accessChange.findMany({ orderBy: { generation: "asc" } });
    expect(kept.map(({ generation }) => generation)).toEqual([14_999n, 15_000n]);
  });
});
