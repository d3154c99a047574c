import fc from "fast-check";
import { expect } from "vitest";
import { stringifyLossless } from "../../../src/hasura/metadata.ts";
import { command, differencesFrom, entries } from "../metadata.ts";
import { pause } from "./asked.ts";
import { unprovision } from "./change.ts";
import type { Command } from "./command.ts";
import { type Model, newModel, ownTables } from "./model.ts";
import { reconcile } from "./reconciled.ts";
import type { World } from "./world.ts";

/** When everybody else has taken their things away, a repair leaves exactly what was applied. */
async function expectAllWell(world: World, model: Model): Promise<void> {
  const { sandbox, ctx } = world.plane;
  for (const [index, { paused }] of model.ports.entries())
    if (paused) await pause(index, false).run(model, world);
  const { inherited_roles: _roles, ...metadata } = await world.export();
  const sources = metadata.sources
    .filter(({ name }) => name !== "theirs_copy")
    .flatMap((source) => {
      const isOurs = model.ports.some((port) => port.source === source.name);
      if (!isOurs) return [source];
      const tables = entries(source.tables).flatMap((table) => {
        const owner = model.ports.find((port) => ownTables(metadata, port).includes(table));
        if (owner === undefined) return [];
        const own = entries(table.select_permissions).filter(({ role }) => role === owner.role);
        const { configuration } = table;
        return [{ table: table.table, configuration, select_permissions: own }];
      });
      return [{ ...source, tables }];
    });
  const args = { allow_inconsistent_metadata: true, metadata: { ...metadata, sources } };
  await command(sandbox, stringifyLossless({ type: "replace_metadata", version: 2, args }));
  await reconcile("repair").run(model, world);
  const after = await world.export();
  for (const { port, phase, applied } of model.ports)
    if (phase === "ACTIVE" && applied !== null)
      expect(differencesFrom(after, { ...port, variant: applied })).toEqual([]);
  for (const [index, { phase }] of model.ports.entries())
    if (phase === "FAILED") await unprovision(index).run(model, world);
  expect(await ctx.db.operation.count({ where: { status: "RUNNING" } })).toBe(0);
}

/** Runs commands on a fresh world, and looks at what is left. */
export async function runCommands(
  world: World,
  sequence: Iterable<Command>,
  inconsistent: boolean,
): Promise<void> {
  const model = newModel(world.names);
  await world.reset({ inconsistent });
  await fc.asyncModelRun(() => ({ model, real: world }), sequence);
  await expectAllWell(world, model);
}
