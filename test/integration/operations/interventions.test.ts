import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  cancelOperation,
  pauseOutputPort,
  retryOperation,
  submitReconcile,
} from "../../../src/operations/interventions.ts";
import {
  submitProvision,
  submitUnprovision,
  submitUpdateAcl,
} from "../../../src/operations/submit.ts";
import { handleWakeUp } from "../../../src/operations/work.ts";
import type { Worker } from "../../../src/worker.ts";
import { type ManyPorts, manyPorts } from "../../support/many-ports.ts";
import { type Plane, startPlane } from "../../support/plane.ts";

const DATABASE = `HANDS_${process.pid}`;

let plane: Plane;
let ports: ManyPorts;
let worker: Worker | undefined;

beforeAll(async () => {
  ports = await manyPorts({ product: "hands", database: DATABASE });
  plane = await startPlane({ worker: false, settings: { HASURA_TIMEOUT: "2" } });
  await plane.sandbox.addSnowflakeDatabase(DATABASE, ports.sql(10));
});
afterAll(() => plane?.stop());
beforeEach(async () => {
  await worker?.stop();
  worker = undefined;
  await plane.clearFaults();
});

const work = async () => {
  worker = await plane.startWorker();
};
const provision = (port: number) =>
  submitProvision(plane.ctx, { descriptor: ports.descriptor(port) }, "test");
const unprovision = (port: number) =>
  submitUnprovision(plane.ctx, { componentId: ports.componentId(port) }, "test");
const row = (token: string) => plane.ctx.db.operation.findUniqueOrThrow({ where: { token } });
const cancel = (token: string) => cancelOperation(plane.ctx, token, "user:ada");
const retry = (token: string) => retryOperation(plane.ctx, token, "user:ada");

describe("cancelling", () => {
  it("ends what waits, and whatever comes after it goes on", async () => {
    const [first, second] = [await provision(0), await unprovision(0)];
    await cancel(first);
    expect(await row(first)).toMatchObject({
      status: "FAILED",
      code: "CANCELLED",
      result: "Cancelled by user:ada.",
    });
    await work();
    expect((await plane.end(second)).status).toBe("COMPLETED");
    expect((await plane.metadata()).sources).toEqual([]);
  });

  it("is too late once it is being written: then it ends by itself", async () => {
    await plane.fault({ match: "bulk_keep_going", times: 1, action: "delay", ms: 1_500 });
    const token = await provision(1);
    await work();
    await expect.poll(async () => (await row(token)).claimedAt).not.toBeNull();
    await expect(cancel(token)).rejects.toMatchObject({ code: "BAD_REQUEST" });
    expect((await plane.end(token)).status).toBe("COMPLETED");
    await expect(cancel(token)).rejects.toMatchObject({
      problems: [{ message: "names an operation that has ended: COMPLETED" }],
    });
    await expect(cancel("00000000-0000-4000-8000-000000000000")).rejects.toMatchObject({
      code: "UNKNOWN_TOKEN",
    });
  });

  /** Cancels it while the look at Hasura, from which its plan is made, is being held. */
  const cancelWhilePlanned = async (token: string): Promise<void> => {
    await plane.fault({ match: "export_metadata", times: 1, action: "delay", ms: 1_500 });
    await work();
    await expect.poll(() => plane.faultsLeft()).toBe(0);
    await cancel(token);
    expect((await row(token)).code).toBe("CANCELLED");
  };

  it("leaves nothing in Hasura when it comes between the plan and the write", async () => {
    const token = await provision(2);
    const before = (await plane.stats()).writes;
    await cancelWhilePlanned(token);
    expect((await plane.end(provision(3))).status).toBe("COMPLETED");
    expect(JSON.stringify(await plane.metadata())).not.toContain(`"${ports.view(2)}"`);
    expect((await plane.stats()).writes).toBe(before + 1);
  });

  it("is not overwritten by what finds nothing to do", async () => {
    await work();
    expect((await plane.end(provision(3))).status).toBe("COMPLETED");
    await worker?.stop();
    await cancelWhilePlanned(await provision(3));
    expect((await plane.end(provision(2))).status).toBe("COMPLETED");
    const port = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { componentId: ports.componentId(3) },
      include: { conditions: true },
    });
    expect(port.phase).toBe("ACTIVE");
    expect(port.conditions.find(({ type }) => type === "SYNCED")?.reason).toBe("CANCELLED");
  });

  it("says nothing of a port when it is only a look at it", async () => {
    await work();
    expect((await plane.end(provision(3))).status).toBe("COMPLETED");
    await worker?.stop();
    const componentId = ports.componentId(3);
    await cancel(await submitReconcile(plane.ctx, { componentId }, "user:ada"));
    const conditions = await plane.ctx.db.condition.findMany({ where: { port: { componentId } } });
    expect(conditions.map(({ status }) => status)).toEqual(["TRUE", "TRUE", "TRUE"]);
  });
});

describe("retrying", () => {
  it("asks for the same again, as another operation, and says of which it is the repeat", async () => {
    const refusal = { path: "$.args", error: "no", code: "not-supported" };
    const fault = { match: "bulk_keep_going", times: 1, action: "status", status: 400 };
    await plane.fault({ ...fault, body: refusal });
    await work();
    const failed = await plane.end(provision(4));
    expect(failed).toMatchObject({ status: "FAILED", code: "HASURA_REFUSED" });
    const again = await plane.end(retry(failed.token));
    expect(again).toMatchObject({
      status: "COMPLETED",
      actor: "user:ada",
      revision: failed.revision,
    });
    expect(again.token).not.toBe(failed.token);
    const logs = await plane.ctx.db.operationLog.findMany({
      where: { operationToken: again.token },
    });
    expect(logs.map(({ message }) => message)).toContain(`Repeats ${failed.token}.`);
  });

  it("is not for what has not failed, nor for what something newer has overtaken", async () => {
    await work();
    const done = await plane.end(provision(5));
    await expect(retry(done.token)).rejects.toMatchObject({ code: "BAD_REQUEST" });
    await worker?.stop();
    const token = await provision(6);
    await cancel(token);
    await unprovision(6);
    await expect(retry(token)).rejects.toMatchObject({ code: "SUPERSEDED" });
  });

  it("repeats a teardown and an access list too", async () => {
    await work();
    expect((await plane.end(provision(7))).status).toBe("COMPLETED");
    await worker?.stop();
    const asked = { componentId: ports.componentId(7), refs: ["user:bob_example.com"] };
    const acl = await submitUpdateAcl(plane.ctx, asked, "test");
    await cancel(acl);
    const repeated = await retry(acl);
    await work();
    expect((await plane.end(repeated)).status).toBe("COMPLETED");
    expect(await plane.ctx.db.grant.count({ where: { endedAt: null } })).toBe(1);
    await worker?.stop();
    const gone = await unprovision(7);
    await cancel(gone);
    const goneAgain = await retry(gone);
    await work();
    expect((await plane.end(goneAgain)).status).toBe("COMPLETED");
  });
});

describe("a hand on a port", () => {
  it("that pauses it refuses changes, saying whose and why, and lets access lists go on", async () => {
    await work();
    const componentId = ports.componentId(8);
    expect((await plane.end(provision(8))).status).toBe("COMPLETED");
    await pauseOutputPort(
      plane.ctx,
      { componentId, paused: true, reason: "incident 7" },
      "user:ada",
    );
    const refused = {
      code: "PORT_PAUSED",
      message: expect.stringContaining("by user:ada: incident 7"),
    };
    await expect(provision(8)).rejects.toMatchObject(refused);
    await expect(unprovision(8)).rejects.toMatchObject(refused);
    expect((await plane.updateAcl(ports.descriptor(8), ["user:bob_example.com"])).status).toBe(
      "COMPLETED",
    );
    await pauseOutputPort(
      plane.ctx,
      { componentId, paused: false, protected: true, reason: "in use" },
      "user:ada",
    );
    expect((await plane.end(provision(8))).status).toBe("COMPLETED");
    await expect(unprovision(8)).rejects.toMatchObject({ code: "PORT_PROTECTED" });
    expect(await plane.ctx.db.grant.count({ where: { endedAt: null } })).toBe(1);
    await pauseOutputPort(
      plane.ctx,
      { componentId, protected: false, reason: "moved" },
      "user:ada",
    );
    expect((await plane.end(unprovision(8))).status).toBe("COMPLETED");
  });
});

describe("a frozen Hasura", () => {
  it("is not written to: changes wait, access still ends", async () => {
    await work();
    expect((await plane.end(provision(9))).status).toBe("COMPLETED");
    await plane.updateAcl(ports.descriptor(9), ["user:bob_example.com"]);
    await worker?.stop();
    const frozen = { ...plane.ctx, hasuraWrites: false, deadlineMs: () => 1_500 };
    const before = (await plane.stats()).writes;
    const asked = { componentId: ports.componentId(9) };
    const token = await submitUnprovision(frozen, asked, "test");
    expect(await plane.ctx.db.grant.count({ where: { endedAt: null } })).toBe(0);
    const signal = new AbortController().signal;
    await expect
      .poll(
        async () => {
          await handleWakeUp(frozen, { task: "commit", hasuraId: plane.ctx.hasuraId }, signal);
          return (await row(token)).status;
        },
        { timeout: 10_000 },
      )
      .toBe("FAILED");
    expect((await row(token)).result).toContain("HASURA_WRITES=off");
    expect((await plane.stats()).writes).toBe(before);
    await work();
    expect((await plane.end(unprovision(9))).status).toBe("COMPLETED");
  });
});

describe("old operations", () => {
  it("are removed with their logs, the younger ones and the running ones stay, and so do grants", async () => {
    await work();
    const done = await plane.end(provision(0));
    await plane.updateAcl(ports.descriptor(0), ["user:bob_example.com"]);
    await worker?.stop();
    const waiting = await provision(1);
    const long = new Date(Date.now() - 91 * 86_400_000);
    await plane.ctx.db.operation.updateMany({
      data: { startedAt: long, finishedAt: long },
      where: { status: { not: "RUNNING" } },
    });
    const young = await provision(2);
    await cancel(young);
    const grants = await plane.ctx.db.grant.count();
    await handleWakeUp(plane.ctx, { task: "clean" }, new AbortController().signal);
    const left = await plane.ctx.db.operation.findMany({ select: { token: true } });
    expect(left.map(({ token }) => token).sort()).toEqual([waiting, young].sort());
    expect(await plane.ctx.db.operationLog.count({ where: { operationToken: done.token } })).toBe(
      0,
    );
    expect(await plane.ctx.db.grant.count()).toBe(grants);
    // A port whose operations are forgotten is as live as before.
    await work();
    expect((await plane.updateAcl(ports.descriptor(0), [])).status).toBe("COMPLETED");
    expect((await plane.end(unprovision(0))).status).toBe("COMPLETED");
  });
});
