/** Commands that change ports, one or several at once, and what must come of them. */
import { expect } from "vitest";
import { canonical } from "../../../src/hasura/metadata.ts";
import type { Operation } from "../../../src/inventory/generated/client.ts";
import { previewPlan } from "../../../src/operations/preview.ts";
import { submitProvision, submitUnprovision } from "../../../src/operations/submit.ts";
import { describePort, type PortAs, tableOf } from "../descriptors.ts";
import { entries, type Metadata } from "../metadata.ts";
import { together } from "../together.ts";
import {
  ACTOR,
  type Command,
  commandOf,
  expectRecorded,
  expectRefused,
  portOf,
} from "./command.ts";
import {
  appliedTable,
  type Entry,
  isAsAsked,
  isOurTable,
  isStrange,
  type Model,
  type ModelPort,
  ownTables,
  permissionOf,
  sourceIn,
  strangersIn,
  tableIn,
  withoutRole,
} from "./model.ts";
import { count, type World } from "./world.ts";

/** What a port shall be: a variant, or null for gone. */
type Wish = readonly [index: number, variant: number | null];

/** The port shall be as the variant has it. */
export function provision(index: number, variant: number): Command {
  return commandOf(`provision(${index}, ${variant})`, (model, world) =>
    change(model, world, [[index, variant]]),
  );
}

/** The port shall be gone. */
export function unprovision(index: number): Command {
  return commandOf(`unprovision(${index})`, (model, world) =>
    change(model, world, [[index, null]]),
  );
}

/** Several ports at once, so that they share a write where they can. */
export function changeAll(wishes: readonly Wish[]): Command {
  return commandOf(`changeAll(${JSON.stringify(wishes)})`, (model, world) =>
    change(model, world, wishes),
  );
}

interface Obstacle {
  readonly what: string;
  readonly code: string;
}

const refused = (what: string): Obstacle => ({ what, code: "HASURA_REFUSED" });

/** Why a provisioning has to be refused. Null when it need not be. */
export function inTheWay(
  before: Metadata,
  model: Model,
  port: ModelPort,
  as: PortAs,
): Obstacle | null {
  const source = sourceIn(before, port.source);
  if (source !== undefined && !model.sources.has(port.source))
    return refused("a source of that name");
  const wanted = tableIn(source, tableOf(as));
  const own = ownTables(before, port);
  if (wanted !== undefined && !own.includes(wanted))
    return refused("a table that somebody else tracks");
  if (own.some((table) => table !== wanted && isStrange(table, port.role)))
    return refused("what others have put on the table that is left");
  const namesake = entries(source?.tables).some(
    (table) => table !== wanted && !own.includes(table) && isOurTable(port, source ?? {}, table),
  );
  return namesake ? { what: "a table with its names", code: "NAME_TAKEN" } : null;
}

/** The same for a teardown. */
function inTheWayOfTeardown(before: Metadata, port: ModelPort): Obstacle | null {
  const own = port.meant ? ownTables(before, port) : [];
  const isInTheWay = own.some((table) => isStrange(table, port.role));
  return isInTheWay ? refused("what others have put on its table") : null;
}

/** What is asked of one port, and how it was. */
interface Asked {
  readonly port: ModelPort;
  readonly as: PortAs | null;
  readonly obstacle: Obstacle | null;
  /** What Hasura held of it. */
  readonly own: readonly Entry[];
  readonly wasMeant: boolean;
  readonly wasApplied: boolean;
  readonly token: string;
}

async function change(model: Model, world: World, wishes: readonly Wish[]): Promise<void> {
  const { ctx } = world.plane;
  const before = await world.export();
  const strangers = strangersIn(before, model);
  const submitting = async ([index, variant]: Wish): Promise<Asked[]> => {
    const port = portOf(model, index);
    const as = variant === null ? null : { ...port.port, variant };
    const descriptor = describePort(as ?? { ...port.port, variant: port.applied ?? 0 });
    const submit = as === null ? submitUnprovision : submitProvision;
    const submitted = submit(ctx, { descriptor }, ACTOR);
    if (port.paused && (as !== null || port.phase !== "ABSENT")) {
      await expectRefused(submitted, "PORT_PAUSED");
      return [];
    }
    const obstacle =
      as === null ? inTheWayOfTeardown(before, port) : inTheWay(before, model, port, as);
    const { meant: wasMeant } = port;
    const own = wasMeant ? ownTables(before, port) : [];
    const wasApplied = port.applied !== null;
    return [{ port, as, obstacle, own, wasMeant, wasApplied, token: await submitted }];
  };
  const submitAll = async () => (await Promise.all(wishes.map(submitting))).flat();
  const asked = await (wishes.length === 1 ? submitAll() : together(world.plane, submitAll));
  for (const each of asked) settle(world, model, each, await world.plane.end(each.token));
  await expectChanged(world, model, { before, strangers, asked });
  await expectRecorded(world, model);
}

/** Holds an operation's end against what was expected, and notes it. */
function settle(
  world: World,
  model: Model,
  { port, as, obstacle }: Pick<Asked, "port" | "as" | "obstacle">,
  { kind, status, code, result }: Operation,
): void {
  count(world, `${kind} ${obstacle === null ? "COMPLETED" : `refused: ${obstacle.what}`}`);
  const expected = obstacle === null ? "COMPLETED" : `FAILED ${obstacle.code}`;
  expect(`${status}${code === null ? "" : ` ${code}`}`, result).toBe(expected);
  if (as !== null) port.known = true;
  // Access ends with a teardown, whatever becomes of the rest.
  else port.grants = [];
  if (obstacle !== null) {
    if (as === null || port.phase !== "ACTIVE") port.phase = "FAILED";
    port.meant ||= obstacle.code === "NAME_TAKEN";
  } else if (as === null) Object.assign(port, { phase: "ABSENT", applied: null, meant: false });
  else {
    Object.assign(port, { phase: "ACTIVE", applied: as.variant, meant: true });
    model.sources.add(port.source);
  }
}

interface Changed {
  readonly before: Metadata;
  readonly strangers: string;
  readonly asked: readonly Asked[];
}

async function expectChanged(world: World, model: Model, changed: Changed): Promise<void> {
  const { before, strangers, asked } = changed;
  const after = await world.export();
  const done = asked.filter(({ obstacle }) => obstacle === null);
  if (done.length === 0) expect(canonical(after)).toBe(canonical(before));
  let roles: readonly Entry[] = entries(before.inherited_roles);
  for (const { port, as, own, wasMeant } of done) {
    const now = ownTables(after, port);
    // What somebody has brought back of a port that is gone is not its teardown's.
    if (as === null && !wasMeant) continue;
    if (as === null) {
      expect(now).toEqual([]);
      if (own.some((table) => permissionOf(table, port.role) !== undefined))
        roles = withoutRole(roles, port.role);
      continue;
    }
    expect(now).toHaveLength(1);
    expect(isAsAsked(appliedTable(after, port), port.role, as)).toBe(true);
    const question = { provision: { descriptor: describePort(as) } };
    expect((await previewPlan(world.plane.ctx, question)).steps).toEqual([]);
  }
  expect(canonical(entries(after.inherited_roles))).toBe(canonical(roles));
  const others = (text: string) => ({ ...(JSON.parse(text) as object), inherited_roles: null });
  expect(canonical(others(strangersIn(after, model)))).toBe(canonical(others(strangers)));
  expectSourcesDropped(model, before, after, done);
}

/** A source goes with the last of its ports, unless somebody else has a table in it. */
function expectSourcesDropped(
  model: Model,
  before: Metadata,
  after: Metadata,
  done: readonly Asked[],
): void {
  const left = done.filter(({ as, wasApplied }) => as === null && wasApplied);
  for (const name of new Set(left.map(({ port }) => port.source))) {
    if (model.ports.some(({ source, meant }) => meant && source === name)) continue;
    if (!model.sources.has(name)) continue;
    const own = left.flatMap((each) => each.own);
    const remaining = entries(sourceIn(before, name)?.tables).filter(
      (table) => !own.includes(table),
    );
    if (remaining.length === 0) expect(sourceIn(after, name)).toBe(undefined);
    if (sourceIn(after, name) === undefined) model.sources.delete(name);
  }
}
