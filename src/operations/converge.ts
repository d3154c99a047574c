/** Making Hasura agree for one port: export, plan, record what is intended, write, and again until the plan is empty. */
import { setTimeout as sleep } from "node:timers/promises";
import { problemText } from "../domain/problem-text.ts";
import { AppError } from "../errors.ts";
import type { HasuraClient } from "../hasura/client.ts";
import type { DesiredObjects } from "../hasura/desired.ts";
import { findSource } from "../hasura/metadata.ts";
import {
  bulkOf,
  type OwnedObject,
  objectKey,
  type Plan,
  type PortChange,
  plan,
  refsOf,
} from "../hasura/plan.ts";
import { planView } from "../hasura/plan-text.ts";
import type { DbOrTx } from "../inventory/db.ts";
import type { Operation, OutputPort, Prisma } from "../inventory/generated/client.ts";
import { intendObjects, portObjects, readObjectKey } from "../inventory/objects.ts";
import { keepFirstPlan, logOperation } from "../inventory/operations.ts";
import { sourcesUsedByOthers } from "../inventory/sources.ts";
import { kindOf } from "../sources/sources.ts";
import type { OperationsContext } from "./context.ts";

/** What a port is to be in Hasura; null when it is to be gone. */
export interface Wanted {
  readonly objects: DesiredObjects;
  readonly sourceId: string;
}

/** Rounds of plan and write, each after somebody else's write or a lost answer. */
const ROUNDS = 5;

/** What Hasura was found to hold after the last round. */
export interface Converged {
  readonly change: PortChange;
  /** Names of our sources that this port no longer needs and that Hasura no longer has. */
  readonly goneSources: readonly string[];
}

/**
 * @throws AppError HASURA_REFUSED (by Hasura, or by us because it would touch what is not ours), HASURA_UNAVAILABLE,
 *   HASURA_CONFLICT when others keep on writing
 */
export async function converge(
  ctx: OperationsContext,
  operation: Operation,
  port: OutputPort,
  wanted: Wanted | null,
): Promise<Converged> {
  let trouble: unknown;
  for (let round = 0; round < ROUNDS; round += 1) {
    const change = await portChange(ctx.db, port, wanted);
    // Nothing of it was ever meant for Hasura: it can go although Hasura is away.
    if (wanted === null && change.owned.length === 0) return { change, goneSources: [] };
    const { resourceVersion, metadata } = await ctx.hasura.exportMetadata();
    const planned = plan(metadata, change);
    await recordPlan(ctx, operation, planned, round);
    if (planned.steps.length > 0) {
      if (wanted !== null) await intend(ctx, port, wanted);
      trouble = await write(ctx, operation, planned, resourceVersion);
      if (trouble !== undefined) continue;
    }
    const dropped = planned.steps.filter(
      ({ action, object }) => action === "remove" && object.kind === "SOURCE",
    );
    const left = new Set(dropped.map(({ object }) => object.source));
    const kept = wanted?.objects.source.name;
    const goneSources = change.owned
      .filter(({ kind, source }) => kind === "SOURCE" && source !== kept)
      .map(({ source }) => source)
      .filter((name) => left.has(name) || findSource(metadata, name) === undefined);
    return { change, goneSources };
  }
  throw trouble;
}

/** What a plan is made from, for a port as the inventory knows it. */
export async function portChange(
  db: DbOrTx,
  port: Pick<OutputPort, "id" | "environment" | "componentId">,
  wanted: Wanted | null,
): Promise<PortChange> {
  const objects = await portObjects(db, port.id);
  const sourceIds = new Set(objects.flatMap(({ sourceId }) => sourceId ?? []));
  if (wanted !== null) sourceIds.add(wanted.sourceId);
  const sources = await db.source.findMany({
    where: { id: { in: [...sourceIds] } },
    include: { objects: { where: { kind: "SOURCE" } } },
  });
  const shared = await sourcesUsedByOthers(db, [...sourceIds], port.id);
  const owned = [...sources.flatMap((source) => source.objects), ...objects].map(
    (object): OwnedObject => {
      const source = sources.find(({ id }) => id === object.sourceId);
      const sourceKind = kindOf({ kind: source?.kind as "snowflake" }).hasuraKind;
      return {
        ...readObjectKey(object),
        sourceKind,
        confirmed: object.confirmedAt !== null,
      };
    },
  );
  return {
    environment: port.environment,
    componentId: port.componentId,
    desired: wanted?.objects ?? null,
    owned,
    sharedSources: new Set(sources.filter(({ id }) => shared.has(id)).map(({ name }) => name)),
  };
}

async function recordPlan(
  ctx: OperationsContext,
  { token }: Operation,
  planned: Plan,
  round: number,
): Promise<void> {
  if (planned.refusals.length > 0)
    throw new AppError(
      "HASURA_REFUSED",
      "The change would touch objects in Hasura that are not ours; nothing was written.",
      { problems: planned.refusals },
    );
  const view = planView(planned.steps);
  if (round === 0) await keepFirstPlan(ctx.db, token, view as unknown as Prisma.InputJsonValue);
  const message =
    planned.steps.length === 0
      ? "Hasura holds what was asked for; nothing to write."
      : `Planned ${planned.steps.length} step(s):\n${view.text}`;
  await logOperation(ctx.db, token, "INFO", "plan", message);
}

async function intend(ctx: OperationsContext, port: OutputPort, wanted: Wanted): Promise<void> {
  const { hasuraId, environment, id: portId } = port;
  const records = refsOf(wanted.objects).map((ref) => ({ kind: ref.kind, key: objectKey(ref) }));
  const [source, ...own] = records;
  const where = { hasuraId, environment, sourceId: wanted.sourceId };
  if (source !== undefined) await intendObjects(ctx.db, where, [source]);
  await intendObjects(ctx.db, { ...where, portId }, own);
}

/** @returns the trouble after which it is worth planning again, or undefined when it was written */
async function write(
  ctx: OperationsContext,
  { token }: Operation,
  planned: Plan,
  resourceVersion: bigint,
): Promise<AppError | undefined> {
  const began = performance.now();
  try {
    await ctx.hasura.write(bulkOf(planned.steps), resourceVersion);
    const took = Math.round(performance.now() - began);
    await logOperation(ctx.db, token, "INFO", "apply", `Hasura took the change in ${took} ms.`);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "HASURA_CONFLICT") {
      await logOperation(
        ctx.db,
        token,
        "INFO",
        "apply",
        `${problemText({ path: "", message: error.message })} Planning again.`,
      );
      await sleep(50 + Math.random() * 200);
      return error;
    }
    if (error.code !== "HASURA_UNAVAILABLE") throw error;
    const message = `${error.message} Looking whether the change was made.`;
    await logOperation(ctx.db, token, "WARNING", "apply", message);
    await awaitLostWrite(ctx.hasura, resourceVersion, performance.now() - began);
    return error;
  }
}

/**
 * After an answer that never came: waits until the version moves, or until the write has had as long again. A write
 * that comes later still is fenced by the version it was planned on.
 */
async function awaitLostWrite(
  hasura: HasuraClient,
  resourceVersion: bigint,
  tookMs: number,
): Promise<void> {
  const until = performance.now() + tookMs;
  do {
    const { resourceVersion: now } = await hasura.exportMetadata();
    if (now !== resourceVersion) return;
    await sleep(Math.min(1_000, Math.max(50, tookMs / 10)));
  } while (performance.now() < until);
}
