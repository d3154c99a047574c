/** Commands about ports that change nothing in Hasura: access lists, a cancelled change, a pause. */
import { expect } from "vitest";
import { cancelOperation, pauseOutputPort } from "../../../src/operations/interventions.ts";
import { submitProvision, submitUpdateAcl } from "../../../src/operations/submit.ts";
import { componentIdOf } from "../../support/described-port.ts";
import { describePort } from "../descriptors.ts";
import {
  ACTOR,
  type Command,
  commandOf,
  expectRecorded,
  expectRefused,
  expectSame,
  portOf,
} from "./command.ts";
import { count, type World } from "./world.ts";

/** Exactly these may read the port. */
export function updateAcl(index: number, subjects: readonly string[]): Command {
  return commandOf(`updateAcl(${index}, ${JSON.stringify(subjects)})`, async (model, world) => {
    const port = portOf(model, index);
    const descriptor = describePort({ ...port.port, variant: 0 });
    const before = await world.export();
    if (port.phase !== "ACTIVE")
      await expectRefused(
        submitUpdateAcl(world.plane.ctx, { descriptor, refs: subjects }, ACTOR),
        "NOT_PROVISIONED",
      );
    else {
      const { status } = await world.plane.updateAcl(descriptor, [...subjects]);
      expect(status).toBe("COMPLETED");
      port.grants = subjects;
    }
    await expectSame(world, before);
    await expectRecorded(world, model);
  });
}

/** Long enough for the cancellation to come first. */
const HELD_MS = 400;

/** A change is asked for and cancelled at once. */
export function cancel(index: number, variant: number): Command {
  return commandOf(
    `cancel(${index}, ${variant})`,
    async (model, world) => {
      const port = portOf(model, index);
      const { plane } = world;
      const before = await world.export();
      const descriptor = describePort({ ...port.port, variant });
      await plane.fault({ match: "export_metadata", action: "delay", ms: HELD_MS });
      const token = await submitProvision(plane.ctx, { descriptor }, ACTOR);
      await cancelOperation(plane.ctx, token, ACTOR);
      expect(await plane.end(token)).toMatchObject({ status: "FAILED", code: "CANCELLED" });
      await untilIdle(world);
      await plane.clearFaults();
      port.known = true;
      if (port.phase !== "ACTIVE") port.phase = "FAILED";
      count(world, "PROVISION cancelled");
      await expectSame(world, before);
      await expectRecorded(world, model);
    },
    (model) => !portOf(model, index).paused,
  );
}

/** Waits until no committer is at work. */
async function untilIdle({ plane }: World): Promise<void> {
  const committers = async (): Promise<number> => {
    const rows: unknown[] = await plane.ctx.db.$queryRaw`
      SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 7206
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    return rows.length;
  };
  await expect.poll(committers, { interval: 10 }).toBe(0);
}

/** An admin pauses the port, or ends its pause. */
export function pause(index: number, paused: boolean): Command {
  return commandOf(`pause(${index}, ${paused})`, async (model, world) => {
    const port = portOf(model, index);
    const input = { componentId: componentIdOf(port.port), environment: "development" };
    const asked = pauseOutputPort(world.plane.ctx, { ...input, paused, reason: "test" }, ACTOR);
    if (!port.known) return expectRefused(asked, "NOT_FOUND");
    await asked;
    port.paused = paused;
  });
}
