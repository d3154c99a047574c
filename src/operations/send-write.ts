/** One write: sent once, its answer read, and what became of each port in it. */
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { RefusedByHasura } from "../hasura/client.ts";
import type { ObjectRef } from "../hasura/objects.ts";
import type { Item } from "../hasura/plan.ts";
import { isLagging, type Refusal } from "../hasura/refusal.ts";
import { blamed, commandOf, type ItemResult, readBulkResults } from "../hasura/write.ts";
import { notePendingWrite, recordWrite } from "../inventory/hasuras.ts";
import type { SeenHasura } from "./changes.ts";
import type { ChosenWrite } from "./choose-write.ts";
import type { OperationsContext } from "./context.ts";

/** What became of a write. */
interface Written {
  /** Ports that were refused, each with its own error. */
  readonly refused: ReadonlyMap<string, AppError>;
  /** Items that Hasura holds now. */
  readonly held: readonly Item[];
  /** Why the rest has to be planned again; null when it holds. */
  readonly troubled: AppError | null;
}

/**
 * @throws AppError HASURA_CONFLICT when the version moved, HASURA_UNAVAILABLE when the answer was lost: then the version
 *   has moved by now, or the write had as long again for it
 */
export async function sendWrite(
  ctx: OperationsContext,
  seen: SeenHasura,
  { way, items, shape, ports }: Pick<ChosenWrite, "way" | "items" | "shape" | "ports">,
): Promise<Written> {
  const began = performance.now();
  const command = commandOf(way, seen.index, items);
  let answer: unknown;
  try {
    answer = await ctx.hasura.write(command, seen.resourceVersion);
  } catch (error) {
    if (error instanceof RefusedByHasura) {
      await notePendingWrite(ctx.db, ctx.hasuraId, null);
      return refusedAsAWhole(ctx, error, { way, items });
    }
    if (error instanceof AppError && error.code === "HASURA_UNAVAILABLE")
      await awaitLostWrite(ctx, seen.resourceVersion, performance.now() - began);
    throw error;
  }
  const results = way === "bulk" ? readBulkResults(answer, items) : items.map(() => null);
  const ms = Math.round(performance.now() - began);
  await recordWrite(ctx.db, {
    ...{ hasuraId: ctx.hasuraId, ports, ms, ...shape },
    way: ({ bulk: "BULK", replace: "REPLACE", purge: "PURGE" } as const)[way],
  });
  return refusedByItem(ctx, seen, items, results);
}

/**
 * Makes sure that a write whose answer was lost does not come any more: a command that changes nothing moves the version
 * that it was planned on.
 */
export async function fence(ctx: OperationsContext, seen: SeenHasura): Promise<void> {
  const nothing = {
    reload_sources: false,
    reload_remote_schemas: false,
    recreate_event_triggers: false,
    reload_data_connectors: false,
  };
  const command = { type: "reload_metadata", args: nothing };
  await ctx.hasura.write(command, seen.resourceVersion);
  await notePendingWrite(ctx.db, ctx.hasuraId, null);
}

/** Why nothing is written while writes are switched off. */
export function frozen(): AppError {
  return new AppError("HASURA_FROZEN", "Writes to Hasura are switched off (HASURA_WRITES=off).");
}

/** Nothing was stored. Those who are to blame are told so; without them it is worth planning again. */
function refusedAsAWhole(
  ctx: OperationsContext,
  error: RefusedByHasura,
  { way, items }: Pick<ChosenWrite, "way" | "items">,
): Written {
  const guilty = items.filter((_, position) => blamed(way, error.refusal, items).has(position));
  const refused = new Map<string, AppError>();
  for (const item of guilty)
    for (const id of item.ports) refused.set(id, ctx.hasura.explain(error.refusal, ownName(item)));
  // A bulk that is refused without anybody to blame is refused for all; a replace can still go as a bulk.
  if (guilty.length === 0 && way !== "replace")
    for (const item of items) for (const id of item.ports) refused.set(id, error);
  const troubled = guilty.length === 0 && way === "replace" ? error : null;
  const rest = items.some(({ ports }) => ports.some((id) => !refused.has(id)));
  return { refused, held: [], troubled: troubled ?? (rest ? planAgain() : null) };
}

function planAgain(): AppError {
  return new AppError("HASURA_CONFLICT", "Hasura took nothing because of other ports.");
}

function refusedByItem(
  ctx: OperationsContext,
  seen: SeenHasura,
  items: readonly Item[],
  results: readonly ItemResult[],
): Written {
  const refused = new Map<string, AppError>();
  let troubled: AppError | null = null;
  const held: Item[] = [];
  for (const [position, item] of items.entries()) {
    const refusal = results[position];
    if (refusal == null) {
      held.push(item);
      continue;
    }
    // A source that is in the way of nobody is no reason for its ports to fail: a reconcile tells of it.
    if (item.steps.every(({ action, object }) => action === "remove" && object.kind === "SOURCE")) {
      ctx.log.warn({ refusal }, "a source that no port needs could not be dropped");
      continue;
    }
    // What failed only because an item before it did has its error already.
    const fresh = item.ports.filter((id) => !refused.has(id));
    if (fresh.length === 0) continue;
    if (lags(seen, item, refusal)) {
      troubled = new AppError(
        "HASURA_CONFLICT",
        "An instance of Hasura does not know yet what its metadata lists.",
      );
      continue;
    }
    const error = ctx.hasura.explain(refusal, ownName(item));
    for (const id of fresh) refused.set(id, error);
  }
  return { refused, held, troubled };
}

/** Whether it misses a source that the export lists and that was not found inconsistent. */
function lags({ index, inconsistent }: SeenHasura, { steps }: Item, refusal: Refusal): boolean {
  return (
    isLagging(refusal) &&
    steps.some(
      ({ object }) =>
        object.kind !== "INHERITED_ROLE" &&
        index.source(object.source) !== undefined &&
        !inconsistent.some(({ source }) => source === object.source),
    )
  );
}

function ownName({ steps }: Item): string | undefined {
  const isTable = (object: ObjectRef) => object.kind === "TABLE";
  const object = steps.map((step) => step.object).find(isTable);
  return object?.kind === "TABLE"
    ? `table ${object.table.join(".")} in source ${object.source}`
    : undefined;
}

/**
 * After an answer that never came: waits until the version moves, or until the write has had as long again. A write
 * that comes later still is fenced by the version it was planned on.
 */
async function awaitLostWrite(
  { hasura }: OperationsContext,
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
