/** Commands that hold Hasura against what was applied, and what must come of them. */
import { expect } from "vitest";
import { canonical } from "../../../src/hasura/metadata.ts";
import { submitReconcile } from "../../../src/operations/interventions.ts";
import { componentIdOf } from "../../support/described-port.ts";
import { entries, type Metadata } from "../metadata.ts";
import { inTheWay } from "./change.ts";
import { ACTOR, type Command, commandOf, portOf } from "./command.ts";
import { expectedFindings, type Told } from "./findings.ts";
import {
  appliedTable,
  type Entry,
  isAsAsked,
  isStrange,
  type Model,
  type ModelPort,
  ownTables,
  sourceIn,
  strangersIn,
  withoutRole,
} from "./model.ts";
import { count, type World } from "./world.ts";

/** @param index absent: all of Hasura */
export function reconcile(mode: "report" | "repair", index?: number): Command {
  const text = index === undefined ? `"${mode}"` : `"${mode}", ${index}`;
  return commandOf(`reconcile(${text})`, async (model, world) => {
    const { ctx } = world.plane;
    const scope = index === undefined ? null : portOf(model, index);
    const named = scope === null ? {} : { componentId: componentIdOf(scope.port) };
    const asked = submitReconcile(ctx, { ...named, environment: "development", mode }, ACTOR);
    if (scope !== null && scope.applied === null) {
      await expect(asked).rejects.toMatchObject({ code: "NOT_PROVISIONED" });
      return;
    }
    const before = await world.export();
    const operation = await world.plane.end(asked);
    const { status, code, result } = operation;
    if (mode === "report") {
      expect(status, result).toBe("COMPLETED");
      expect(canonical(await world.export())).toBe(canonical(before));
    } else {
      const repair = expectedRepair(world, model, before, scope);
      const isWhole = repair.refused.length === 0;
      count(world, isWhole ? "repair COMPLETED" : "repair refused in part");
      const ended = isWhole ? ["COMPLETED", null] : ["FAILED", "HASURA_REFUSED"];
      expect([status, code], result).toEqual(ended);
      await expectRepaired(world, model, before, repair);
    }
    await expectFindings(world, model, scope);
  });
}

/** The findings that are kept are those that there are now. */
async function expectFindings(world: World, model: Model, scope: ModelPort | null): Promise<void> {
  const rows = await world.plane.ctx.db.finding.findMany({
    where: { endedAt: null },
    include: { port: { select: { componentId: true } } },
  });
  const told = expectedFindings(await world.export(), model, world.connection);
  const kept = rows.map(({ kind, name, port }): Told => {
    const componentId = port?.componentId;
    const owner = model.ports.find((each) => componentIdOf(each.port) === componentId) ?? null;
    return { text: `${kind} ${name}`, port: owner, mended: false };
  });
  const textsOf = (findings: readonly Told[]): string[] =>
    findings
      .filter((finding) => scope === null || concerns(finding, scope))
      .map(({ text }) => text)
      .sort();
  for (const text of textsOf(told))
    count(world, `found ${text.split(/ (?:healthcare|theirs)/)[0]}`);
  expect(textsOf(kept)).toEqual(textsOf(told));
}

/** Whether a finding is of the port, its source's included. */
function concerns({ port, text }: Told, { source, ...own }: ModelPort): boolean {
  if (port !== null) return port.port === own.port;
  return text === `MISSING source ${source}` || text === `CHANGED source ${source}`;
}

interface Repair {
  /** Ports that are to be again what was applied. */
  readonly mended: readonly ModelPort[];
  /** Ports that are gone and of which something is there again, which is to go. */
  readonly cleared: readonly ModelPort[];
  /** Ports of either kind with something of others in the way. */
  readonly refused: readonly ModelPort[];
  /** Sources of ours that nobody needs. */
  readonly dropped: readonly string[];
}

function expectedRepair(
  { connection }: World,
  model: Model,
  before: Metadata,
  scope: ModelPort | null,
): Repair {
  const told = expectedFindings(before, model, connection);
  const drifted = model.ports.filter(
    (port) =>
      (scope === null || scope === port) &&
      port.phase === "ACTIVE" &&
      !port.paused &&
      told.some((finding) => finding.mended && concerns(finding, port)),
  );
  const isInTheWay = (port: ModelPort): boolean =>
    inTheWay(before, model, port, { ...port.port, variant: port.applied ?? 0 }) !== null;
  const left = scope === null ? model.ports.filter(({ phase }) => phase === "ABSENT") : [];
  const orphaned = left.filter((port) => port.known && ownTables(before, port).length > 0);
  const isShared = (port: ModelPort): boolean =>
    ownTables(before, port).some((table) => isStrange(table, port.role));
  const empty = told.filter(({ text }) => scope === null && text.startsWith(ORPHAN_SOURCE));
  return {
    mended: drifted.filter((port) => !isInTheWay(port)),
    cleared: orphaned.filter((port) => !isShared(port)),
    refused: [...drifted.filter(isInTheWay), ...orphaned.filter(isShared)],
    dropped: empty.map(({ text }) => text.slice(ORPHAN_SOURCE.length)),
  };
}

const ORPHAN_SOURCE = "ORPHAN source ";

async function expectRepaired(
  world: World,
  model: Model,
  before: Metadata,
  { mended, cleared, refused, dropped }: Repair,
): Promise<void> {
  const after = await world.export();
  for (const port of mended) {
    count(world, "port repaired");
    const as = { ...port.port, variant: port.applied ?? 0 };
    expect(isAsAsked(appliedTable(after, port), port.role, as)).toBe(true);
    expect(canonical(sourceIn(after, port.source)?.configuration)).toBe(world.connection);
  }
  let roles: readonly Entry[] = entries(before.inherited_roles);
  for (const port of cleared) {
    count(world, "what was left of a port removed");
    expect(ownTables(after, port)).toEqual([]);
    // As with a teardown: what inherits from a role that has nothing left does so no more.
    roles = withoutRole(roles, port.role);
  }
  for (const port of refused)
    expect(canonical(ownTables(after, port))).toBe(canonical(ownTables(before, port)));
  for (const name of dropped) {
    expect(sourceIn(after, name)).toBe(undefined);
    model.sources.delete(name);
  }
  expect(strangersIn(after, model)).toBe(strangersIn({ ...before, inherited_roles: roles }, model));
}
