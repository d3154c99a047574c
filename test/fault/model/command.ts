import type fc from "fast-check";
import { expect } from "vitest";
import { canonical } from "../../../src/hasura/metadata.ts";
import { componentIdOf } from "../../support/described-port.ts";
import type { Metadata } from "../metadata.ts";
import type { Model, ModelPort } from "./model.ts";
import type { World } from "./world.ts";

export type Command = fc.AsyncCommand<Model, World>;

/** By whom everything is asked. */
export const ACTOR = "model";

/**
 * @param text how it is written in a test
 * @param check whether it makes sense now; absent: always
 */
export function commandOf(
  text: string,
  run: Command["run"],
  check: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return {
    check,
    async run(model, world) {
      await run(model, world);
      world.history.push(await world.export());
    },
    toString: () => text,
  };
}

/** The port of that number. */
export function portOf({ ports }: Readonly<Model>, index: number): ModelPort {
  const port = ports[index];
  if (port === undefined) throw new Error(`there is no port ${index}`);
  return port;
}

export async function expectRefused(submitting: Promise<unknown>, code: string): Promise<void> {
  await expect(submitting).rejects.toMatchObject({ code });
}

export async function expectSame(world: World, before: Metadata): Promise<void> {
  expect(canonical(await world.export())).toBe(canonical(before));
}

/** Holds the inventory's rows against the model: phases, and who may read. */
export async function expectRecorded({ plane }: World, { ports }: Model): Promise<void> {
  for (const { port, known, phase, role, grants } of ports) {
    const row = await plane.ctx.db.outputPort.findFirst({
      where: { componentId: componentIdOf(port) },
      include: { grants: { where: { endedAt: null }, select: { subject: true } } },
    });
    expect(row !== null).toBe(known);
    if (row === null) continue;
    expect({ phase: row.phase, role: row.role }).toEqual({
      phase: phase === "ABSENT" ? "REMOVED" : phase,
      role,
    });
    expect(row.grants.map(({ subject }) => subject).sort()).toEqual([...grants].sort());
  }
}
