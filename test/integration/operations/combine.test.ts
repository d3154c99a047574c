/** Roles over several ports: what is refused, and what becomes of them when something goes wrong. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { cancelOperation, retryOperation } from "../../../src/operations/interventions.ts";
import { submitUnprovision } from "../../../src/operations/submit.ts";
import {
  combineOnDemand,
  keepCombinedRoles,
  submitCombine,
  submitSeparate,
} from "../../../src/operations/submit-combine.ts";
import { startWorker, type Worker } from "../../../src/worker.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const DATABASE = `PAIRS_${process.pid}`;
const ADA = "user:ada";

let plane: Plane;
let ports: ManyPorts;
let worker: Worker;
const portIds: string[] = [];

beforeAll(async () => {
  ports = await manyPorts({ product: "pairs", database: DATABASE });
  plane = await startPlane({
    worker: false,
    settings: { MULTI_PORT: "auto", MULTI_PORT_MAX_ROLES: "3", MULTI_PORT_MAX_PORTS: "3" },
  });
  await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(5));
  worker = await plane.startWorker();
  for (const port of [0, 1, 2, 3]) {
    expect((await plane.provision(ports.descriptor(port))).status).toBe("COMPLETED");
    const row = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { componentId: ports.componentId(port) },
    });
    portIds.push(row.id);
  }
});
afterAll(() => plane?.stop());
beforeEach(async () => {
  await plane.clearFaults();
  for (const { name } of await plane.ctx.db.combinedRole.findMany()) await separate(name);
  expect(await inherited()).toEqual([]);
});

const componentIds = (...numbers: number[]) => numbers.map((port) => ports.componentId(port));
const asked = (...numbers: number[]) => ({ componentIds: componentIds(...numbers), reason: "why" });
const combine = (...numbers: number[]) => submitCombine(plane.ctx, asked(...numbers), ADA);
const separate = async (name: string) =>
  plane.end(submitSeparate(plane.ctx, { name, reason: "why not" }, ADA));
const unprovision = (port: number) =>
  submitUnprovision(plane.ctx, { componentId: ports.componentId(port) }, ADA);
/** Nothing is carried out until all of it is asked for. */
async function together<T>(ask: () => Promise<T>): Promise<T> {
  await worker.stop();
  const answer = await ask();
  worker = await plane.startWorker();
  return answer;
}
const rows = () => plane.ctx.db.combinedRole.findMany();
const onlyRow = async () => {
  const all = await rows();
  expect(all).toHaveLength(1);
  return all[0] ?? expect.unreachable();
};

async function inherited(): Promise<{ role_name: string; role_set: string[] }[]> {
  const { inherited_roles = [] } = (await plane.metadata()) as unknown as {
    inherited_roles?: { role_name: string; role_set: string[] }[];
  };
  return inherited_roles;
}

/** The operation's context with other settings, as another replica may have them. */
function otherwise(multiPort: Partial<OperationsContext["multiPort"]>): OperationsContext {
  return { ...plane.ctx, multiPort: { ...plane.ctx.multiPort, ...multiPort } };
}

describe("asking for a role over several ports", () => {
  it("names everything that is wrong", async () => {
    const problems = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => expect.unreachable("it was not refused"),
        (known: unknown) => known,
      );
      expect(error).toMatchObject({ code: "BAD_REQUEST" });
      return (error as { problems: { path: string; message: string }[] }).problems.map(
        ({ path, message }) => `${path} ${message}`,
      );
    };
    const missing = [ports.componentId(0), ports.componentId(7), ports.componentId(8)];
    expect(
      await problems(submitCombine(plane.ctx, { componentIds: missing, reason: "why" }, ADA)),
    ).toEqual([
      "componentIds.1 names a port that is not provisioned",
      "componentIds.2 names a port that is not provisioned",
    ]);
    expect(await problems(combine(0))).toEqual(["componentIds names one port or none"]);
    expect(await problems(combine(0, 0))).toEqual(["componentIds names one port or none"]);
    expect(await problems(combine(0, 1, 2, 3))).toEqual([
      "componentIds names 4 ports, and a role is of 3 at most",
    ]);
    const off = submitCombine(otherwise({ mode: "off" }), asked(0, 1), ADA);
    expect(await problems(off)).toEqual(["componentIds cannot be combined here"]);
    for (const pair of [combine(0, 1), combine(0, 2), combine(0, 3)])
      expect((await plane.end(pair)).status).toBe("COMPLETED");
    expect(await problems(combine(1, 2))).toEqual([
      "componentIds asks for one more role than the 3 there may be",
    ]);
    expect(await rows()).toHaveLength(3);
  });

  it("twice, in whatever order, is asking once", async () => {
    const tokens = await Promise.all([combine(0, 1), combine(1, 0), combine(1, 0, 1)]);
    const ended = await Promise.all(tokens.map((token) => plane.end(token)));
    expect(ended.map(({ status }) => status)).toEqual(["COMPLETED", "COMPLETED", "COMPLETED"]);
    const { name } = await onlyRow();
    expect((await inherited()).map(({ role_name }) => role_name)).toEqual([name]);
    const { writes } = await plane.stats();
    expect((await plane.end(combine(0, 1))).result).toContain("already");
    expect((await plane.stats()).writes).toBe(writes);
  });

  it("by a query that is refused for good is no failure, and leaves nothing", async () => {
    await combineOnDemand(plane.ctx, portIds);
    await combineOnDemand(otherwise({ mode: "declared" }), portIds.slice(0, 2));
    expect(await rows()).toEqual([]);
  });
});

describe("a role that cannot be made", () => {
  const foreign = async (name: string) =>
    plane.hasura({
      type: "add_inherited_role",
      args: { role_name: name, role_set: [await roleOf(0), await roleOf(2)] },
    });
  const roleOf = async (port: number) =>
    (await plane.ctx.db.outputPort.findUniqueOrThrow({ where: { id: portIds[port] ?? "" } })).role;

  it("because somebody else's has its name: theirs stays, and ours is given up", async () => {
    await plane.end(combine(0, 1));
    const { name } = await onlyRow();
    await separate(name);
    await foreign(name);
    const refused = await plane.end(combine(0, 1));
    expect(refused).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    await keepCombinedRoles(plane.ctx);
    await expect.poll(rows).toEqual([]);
    expect((await inherited()).map(({ role_name }) => role_name)).toEqual([name]);
    // A query does not try again and again.
    await combineOnDemand(plane.ctx, portIds.slice(0, 2));
    expect(await rows()).toEqual([]);
    await plane.hasura({ type: "drop_inherited_role", args: { role_name: name } });
    const again = await plane.end(retryOperation(plane.ctx, refused.token, ADA));
    expect(again.status).toBe("COMPLETED");
    expect(await onlyRow()).toMatchObject({ state: "ACTIVE", declaredBy: ADA });
  });

  it("because Hasura's answer is lost: it is looked whether it was made", async () => {
    await plane.fault({ match: "add_inherited_role", times: 1, action: "reset", when: "after" });
    expect((await plane.end(combine(0, 1))).status).toBe("COMPLETED");
    expect(await plane.faultsLeft()).toBe(0);
    const { name, state } = await onlyRow();
    expect(state).toBe("ACTIVE");
    expect((await inherited()).map(({ role_name }) => role_name)).toEqual([name]);
  });

  it("because one of its ports goes first", async () => {
    const token = await together(async () => {
      await unprovision(3);
      // It was asked for when the teardown was not yet known.
      await plane.ctx.db.outputPort.update({
        where: { id: portIds[3] ?? "" },
        data: { phase: "ACTIVE" },
      });
      return combine(2, 3);
    });
    expect(await plane.end(token)).toMatchObject({ status: "FAILED", code: "SUPERSEDED" });
    expect(await rows()).toEqual([]);
    expect(await inherited()).toEqual([]);
    expect((await plane.provision(ports.descriptor(3))).status).toBe("COMPLETED");
  });
});

describe("the end of a role", () => {
  it("comes when all its ports go in one batch", async () => {
    await plane.end(combine(2, 3));
    await plane.end(combine(1, 3));
    const tokens = await together(() => Promise.all([2, 3].map(unprovision)));
    for (const token of tokens) expect((await plane.end(token)).status).toBe("COMPLETED");
    expect(await inherited()).toEqual([]);
    expect(await rows()).toEqual([]);
    for (const port of [2, 3])
      expect((await plane.provision(ports.descriptor(port))).status).toBe("COMPLETED");
  });

  it("comes when it is switched off, and with `declared` to those that nobody declared", async () => {
    await plane.end(combine(0, 1));
    await combineOnDemand(plane.ctx, portIds.slice(1, 3));
    await expect.poll(async () => (await inherited()).length).toBe(2);
    await expect
      .poll(async () => (await rows()).every(({ state }) => state === "ACTIVE"))
      .toBe(true);
    await keepCombinedRoles(plane.ctx);
    expect(await rows()).toHaveLength(2);
    await keepCombinedRoles(otherwise({ mode: "declared" }));
    await expect
      .poll(async () => (await rows()).map(({ declaredBy }) => declaredBy))
      .toEqual([ADA]);
    await keepCombinedRoles(otherwise({ mode: "off" }));
    await expect.poll(rows).toEqual([]);
    expect(await inherited()).toEqual([]);
  });

  it("comes to what was cancelled half-way", async () => {
    await together(async () => cancelOperation(plane.ctx, await combine(0, 1), ADA));
    await keepCombinedRoles(plane.ctx);
    await expect.poll(rows).toEqual([]);
    expect(await inherited()).toEqual([]);
  });

  it("is not the end of one that is asked for again meanwhile", async () => {
    await plane.end(combine(0, 1));
    const { name } = await onlyRow();
    const { writes } = await plane.stats();
    const [going, again] = await together(async () => [
      await submitSeparate(plane.ctx, { name, reason: "why not" }, ADA),
      await combine(0, 1),
    ]);
    expect((await plane.end(going ?? "")).result).toContain("wanted again");
    expect((await plane.end(again ?? "")).status).toBe("COMPLETED");
    expect((await plane.stats()).writes).toBe(writes);
    expect((await onlyRow()).state).toBe("ACTIVE");
    expect((await inherited()).map(({ role_name }) => role_name)).toEqual([name]);
  });

  it("waits while nothing may be written, though no query runs under it any more", async () => {
    await plane.end(combine(0, 1));
    const { name } = await onlyRow();
    const frozen = { ...plane.ctx, hasuraWrites: false };
    await worker.stop();
    const thawing = await startWorker(frozen, { reconcileSchedule: null });
    const token = await submitSeparate(frozen, { name, reason: "why not" }, ADA);
    const waiting = () => plane.ctx.db.operation.findUniqueOrThrow({ where: { token } });
    await expect.poll(async () => (await waiting()).attempts).toBeGreaterThan(0);
    await thawing.stop();
    expect((await onlyRow()).state).toBe("UNWANTED");
    expect(await inherited()).toHaveLength(1);
    worker = await plane.startWorker();
    expect((await plane.end(token)).status).toBe("COMPLETED");
    expect(await rows()).toEqual([]);
  });
});
