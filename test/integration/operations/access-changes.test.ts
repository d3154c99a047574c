/** In which order admins' changes of access are made, and what becomes of those that cannot be made. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cancelOperation, retryOperation } from "../../../src/operations/interventions.ts";
import {
  submitProvision,
  submitUnprovision,
  submitUpdateAcl,
} from "../../../src/operations/submit.ts";
import {
  submitBlock,
  submitGrant,
  submitRevoke,
  submitUnblock,
} from "../../../src/operations/submit-access.ts";
import type { Worker } from "../../../src/worker.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const DATABASE = `ACCESS_${process.pid}`;
const ANN = "user:ann";
const reason = "because";

let plane: Plane;
let ports: ManyPorts;
let worker: Worker | undefined;

beforeAll(async () => {
  ports = await manyPorts({ product: "access", database: DATABASE });
  plane = await startPlane({ worker: false });
  await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(10));
});
afterAll(() => plane?.stop());
afterEach(async () => {
  await worker?.stop();
  worker = undefined;
});

const work = async () => {
  worker = await plane.startWorker();
};
const provision = (port: number) =>
  submitProvision(plane.ctx, { descriptor: ports.descriptor(port) }, "test");
const grant = (port: number, more: object = {}) =>
  submitGrant(
    plane.ctx,
    { componentId: ports.componentId(port), subject: ANN, reason, ...more },
    "user:ada",
  );
const revoke = (port: number, subject = ANN) =>
  submitRevoke(plane.ctx, { componentId: ports.componentId(port), subject, reason }, "user:ada");
const row = (token: string) => plane.ctx.db.operation.findUniqueOrThrow({ where: { token } });
const live = (subject = ANN) =>
  plane.ctx.db.grant.findMany({ where: { subject, endedAt: null }, include: { port: true } });

describe("a grant on a port that is to come", () => {
  it("waits for it, and what is asked for the same subject after it waits too", async () => {
    const change = await provision(0);
    const [given, ended, others] = [
      await grant(0),
      await revoke(0),
      await grant(0, { subject: "user:bob" }),
    ];
    const again = await grant(0);
    expect(again).not.toBe(given);
    expect(await grant(0)).toBe(again);
    expect(await live()).toEqual([]);
    await work();
    for (const token of [change, given, ended, others, again])
      expect(await plane.end(token)).toMatchObject({ status: "COMPLETED" });
    const rows = await plane.ctx.db.grant.findMany({
      where: { subject: ANN },
      orderBy: { since: "asc" },
    });
    expect(rows.map(({ endReason, operationToken }) => [endReason, operationToken])).toEqual([
      [`revoked by user:ada: ${reason}`, given],
      [null, again],
    ]);
    expect(await live("user:bob")).toHaveLength(1);
  });

  it("fails with a teardown that overtakes it, and so does what was to end it", async () => {
    await provision(1);
    const [given, ended] = [await grant(1), await revoke(1)];
    await submitUnprovision(plane.ctx, { componentId: ports.componentId(1) }, "test");
    await expect(grant(1, { subject: "user:bob" })).rejects.toMatchObject({
      code: "NOT_PROVISIONED",
    });
    await work();
    expect(await plane.end(given)).toMatchObject({ status: "FAILED", code: "NOT_PROVISIONED" });
    expect(await plane.end(ended)).toMatchObject({
      status: "FAILED",
      code: "NOT_FOUND",
      problems: [{ path: "subject" }],
    });
    expect(await live()).not.toContainEqual(
      expect.objectContaining({
        port: expect.objectContaining({ componentId: ports.componentId(1) }),
      }),
    );
  });

  it("ends with the teardown, as every other", async () => {
    await work();
    await plane.end(await provision(2));
    await plane.end(await grant(2, { subject: "user:cy" }));
    expect(await live("user:cy")).toHaveLength(1);
    await plane.end(submitUnprovision(plane.ctx, { componentId: ports.componentId(2) }, "test"));
    expect(await live("user:cy")).toEqual([]);
  });
});

describe("a change of access", () => {
  it("is made when it is accepted, while no worker runs", async () => {
    await work();
    await plane.end(await provision(3));
    await worker?.stop();
    const token = await grant(3, { subject: "user:di" });
    expect((await row(token)).status).toBe("RUNNING");
    expect(await live("user:di")).toHaveLength(1);
    const ended = await revoke(3, "user:di");
    expect(await live("user:di")).toEqual([]);
    const blocked = await submitBlock(plane.ctx, { subject: "user:di", reason }, "user:ada");
    expect(await plane.ctx.db.accessBlock.count({ where: { subject: "user:di" } })).toBe(1);
    await work();
    for (const made of [token, ended, blocked])
      expect((await plane.end(made)).status).toBe("COMPLETED");
  });

  it("and an access list do not wait for one another, nor for a look at Hasura", async () => {
    await work();
    await plane.end(await provision(4));
    await worker?.stop();
    const port = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { componentId: ports.componentId(4) },
    });
    const { id: portId, hasuraId, environment } = port;
    const far = new Date(Date.now() + 600_000);
    await plane.ctx.db.operation.create({
      data: {
        token: "00000000-0000-4000-8000-00000000aaaa",
        ...{ hasuraId, environment, portId, actor: "test", fingerprint: "", request: {} },
        kind: "RECONCILE",
        deadlineAt: far,
        nextAttemptAt: far,
      },
    });
    const componentId = ports.componentId(4);
    const refs = ["user:eve"];
    const list = await submitUpdateAcl(plane.ctx, { componentId, refs }, "test");
    const given = await grant(4, { subject: "user:fay" });
    expect(await live("user:fay")).toHaveLength(1);
    await work();
    for (const token of [list, given]) expect((await plane.end(token)).status).toBe("COMPLETED");
  });

  it("of one subject at the same moment is made one after the other", async () => {
    const target = { subject: "user:gus", reason };
    await work();
    await plane.end(submitBlock(plane.ctx, target, "user:ada"));
    for (let round = 0; round < 5; round += 1) {
      const tokens = await Promise.allSettled([
        submitUnblock(plane.ctx, target, "user:ada"),
        submitBlock(plane.ctx, { ...target, reason: `round ${round}` }, "user:ada"),
      ]);
      for (const settled of tokens)
        if (settled.status === "fulfilled") await plane.end(settled.value);
      const rows = await plane.ctx.db.operation.findMany({
        where: {
          kind: { in: ["BLOCK", "UNBLOCK"] },
          request: { path: ["subject"], equals: "user:gus" },
        },
        orderBy: { seq: "desc" },
      });
      const blocks = await plane.ctx.db.accessBlock.count({
        where: { subject: "user:gus", endedAt: null },
      });
      expect([rows[0]?.kind, blocks > 0]).toEqual([rows[0]?.kind, rows[0]?.kind === "BLOCK"]);
      await plane.end(submitBlock(plane.ctx, target, "user:ada"));
    }
  });

  it("that was made cannot be cancelled; one that waits can, and can be asked for again", async () => {
    const change = await provision(5);
    const token = await grant(5, { subject: "user:hal" });
    await cancelOperation(plane.ctx, token, "user:ada");
    expect(await row(token)).toMatchObject({ status: "FAILED", code: "CANCELLED" });
    await work();
    await plane.end(change);
    expect(await live("user:hal")).toEqual([]);
    const retry = await retryOperation(plane.ctx, token, "user:ada");
    expect((await plane.end(retry)).status).toBe("COMPLETED");
    expect(await live("user:hal")).toHaveLength(1);
    await expect(cancelOperation(plane.ctx, retry, "user:ada")).rejects.toMatchObject({
      code: "BAD_REQUEST",
    });
    await expect(retryOperation(plane.ctx, token, "user:ada")).rejects.toMatchObject({
      code: "SUPERSEDED",
      problems: [{ suggestion: `see ${retry}` }],
    });
  });
});
