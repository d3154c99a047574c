/**
 * Making Hasura agree for several ports at once: look, plan, record what is intended, write, and again until the plan is
 * empty. A write is never sent twice: after a lost answer it is looked what became of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, toAppError } from "../errors.ts";
import { type Costs, learnCosts } from "../hasura/cost.ts";
import { brokenSource } from "../hasura/inconsistencies.ts";
import { objectKey, refsOf, type Step } from "../hasura/objects.ts";
import { type BatchPlan, type Item, planBatch } from "../hasura/plan.ts";
import { planText } from "../hasura/plan-text.ts";
import type { Tx } from "../inventory/db.ts";
import type { LogLevel } from "../inventory/generated/client.ts";
import { lastWrites, notePendingWrite, pendingWrite } from "../inventory/hasuras.ts";
import { type IntendedObject, intendObjects } from "../inventory/objects.ts";
import { outOfTime } from "./carry-out.ts";
import {
  type KnownChange,
  portChanges,
  type SeenHasura,
  seeHasura,
  type WantedPort,
} from "./changes.ts";
import { chooseWrite } from "./choose-write.ts";
import type { OperationsContext } from "./context.ts";
import { dropEmptySource } from "./drop-source.ts";
import { fence, frozen, sendWrite } from "./send-write.ts";
import { noteSources } from "./source-health.ts";

/** Tells whoever asked what happens. */
export type Say = (level: LogLevel, phase: string, message: string) => void;

export interface Member extends WantedPort {
  readonly say: Say;
  /** After this no other round begins for it. */
  readonly deadlineAt: Date;
}

/**
 * Asked in the transaction before each write which of these ports are still wanted; what happened so far can be kept in
 * it, and with the first write the plan.
 */
export type Claim = (
  tx: Tx,
  ids: readonly string[],
  steps: ReadonlyMap<string, readonly Step[]>,
) => Promise<ReadonlySet<string>>;

/** `null`: Hasura agrees. An error: it does not. `withdrawn`: nobody wants it any more, and nothing was written. */
export type Outcome = null | AppError | "withdrawn";

export interface Converged {
  /** By port. A port without an outcome did not fit in and has to come again. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** Names of sources of ours that these ports no longer need and that Hasura does not have. */
  readonly goneSources: ReadonlySet<string>;
}

/** Rounds that end in trouble: somebody else's write, a lost answer, an instance of Hasura that lags. */
const TROUBLED_ROUNDS = 5;
/** Rounds in all: ports that are refused, and changes that take more than one write. */
const ROUNDS = 25;

interface State {
  readonly ctx: OperationsContext;
  readonly claim: Claim;
  readonly costs: Costs;
  readonly pending: Map<string, Member>;
  readonly outcomes: Map<string, Outcome>;
  /** Ports that Hasura holds nothing of any more, which is recorded in the end. */
  readonly removed: Set<string>;
  readonly goneSources: Set<string>;
  /** Sources that were added for several ports, before any of these was known to hold. */
  readonly added: Map<string, { readonly sourceKind: string; readonly ports: readonly string[] }>;
  /** Whether a `replace_metadata` was refused for something that is none of these ports' fault. */
  replaceRefused: boolean;
  trouble: AppError | null;
  troubles: number;
}

/** Never throws for what Hasura does: that is in the outcomes. */
export async function converge(
  ctx: OperationsContext,
  members: readonly Member[],
  claim: Claim,
): Promise<Converged> {
  const state: State = {
    ctx,
    claim,
    costs: learnCosts(await lastWrites(ctx.db, ctx.hasuraId)),
    pending: new Map(members.map((member) => [member.port.id, member])),
    outcomes: new Map(),
    removed: new Set(),
    goneSources: new Set(),
    added: new Map(),
    replaceRefused: false,
    trouble: null,
    troubles: 0,
  };
  try {
    for (let round = 0; state.pending.size > 0 && round < ROUNDS; round += 1) {
      await goRound(state);
      if (state.troubles >= TROUBLED_ROUNDS) break;
    }
  } catch (error) {
    state.trouble = toAppError(error);
  }
  const left =
    state.trouble ??
    new AppError("HASURA_CONFLICT", "Hasura's metadata did not come to rest; others change it.");
  for (const id of state.pending.keys()) state.outcomes.set(id, left);
  await dropStrays(state);
  return state;
}

async function goRound(state: State): Promise<void> {
  const { ctx } = state;
  settleOverdue(state);
  const changes = await portChanges(ctx.db, [...state.pending.values()], state.removed);
  // Nothing of it was ever meant for Hasura: it can go although Hasura is away.
  for (const { id, desired, owned } of changes)
    if (desired === null && owned.length === 0) settle(state, id, null);
  const open = changes.filter(({ id }) => state.pending.has(id));
  if (open.length === 0) return;
  const seen = await seeHasura(ctx);
  await noteSources(
    ctx,
    open.flatMap(({ sources }) => sources),
    seen.inconsistent,
  );
  noteAbsent(state, open, seen);
  const able = withoutWaiting(state, open, seen);
  const planned = planBatch(seen, able);
  tell(state, planned);
  for (const [id, problems] of planned.refused)
    settle(
      state,
      id,
      new AppError(
        "HASURA_REFUSED",
        "The change would touch objects in Hasura that are not ours; nothing was written.",
        { problems },
      ),
    );
  // While an earlier write may still come, what is there now proves nothing.
  const unsure = (await pendingWrite(ctx.db, ctx.hasuraId)) === seen.resourceVersion;
  if (!unsure) for (const id of planned.agreed) settle(state, id, null);
  if (planned.items.length > 0 || (unsure && planned.agreed.size > 0))
    await write(state, seen, able, planned);
}

function settleOverdue(state: State): void {
  for (const [id, { deadlineAt }] of state.pending)
    if (deadlineAt.getTime() < Date.now()) settle(state, id, outOfTime(state.trouble?.message));
}

function settle({ pending, outcomes, removed }: State, id: string, outcome: Outcome): void {
  const member = pending.get(id);
  if (member === undefined) return;
  pending.delete(id);
  outcomes.set(id, outcome);
  if (outcome === null && member.wanted === null) removed.add(id);
}

/** A port whose source Hasura could not use a moment ago waits until it is worth trying again. */
function withoutWaiting(
  state: State,
  changes: readonly KnownChange[],
  { inconsistent }: SeenHasura,
): KnownChange[] {
  return changes.filter(({ id, desired, sources }) => {
    if (desired === null || brokenSource(inconsistent, desired.source.name) === undefined)
      return true;
    const source = sources.find(({ name }) => name === desired.source.name);
    if (source?.probeAt == null || source.probes === 0 || source.probeAt <= new Date()) return true;
    settle(
      state,
      id,
      new AppError(
        "SOURCE_UNAVAILABLE",
        `Hasura cannot use the source ${desired.source.name}: ${source.brokenReason}`,
      ),
    );
    return false;
  });
}

function tell({ pending }: State, { steps }: BatchPlan): void {
  for (const [id, each] of steps)
    pending
      .get(id)
      ?.say(
        "INFO",
        "plan",
        each.length === 0
          ? "Hasura holds what was asked for; nothing to write."
          : `Planned ${each.length} step(s):\n${planText(each)}`,
      );
}

async function write(
  state: State,
  seen: SeenHasura,
  changes: readonly KnownChange[],
  planned: BatchPlan,
): Promise<void> {
  const { ctx, pending } = state;
  if (!ctx.hasuraWrites) {
    for (const id of pending.keys()) settle(state, id, frozen());
    return;
  }
  if (planned.items.length === 0) return trying(state, () => fence(ctx, seen));
  const chosen = chooseWrite(ctx, seen, planned, state);
  const items = await prepare(state, seen, changes, planned, chosen.items);
  sayAll(state, items, "INFO", chosen.reason);
  if (items.length > 0)
    await trying(state, async () => {
      const { refused, held, troubled } = await sendWrite(ctx, seen, { ...chosen, items });
      state.replaceRefused ||= troubled?.code === "HASURA_REFUSED";
      for (const [id, error] of refused) settle(state, id, error);
      noteSourceSteps(state, held);
      if (troubled !== null) throw troubled;
      for (const id of portsOf(items))
        if (!planned.later.has(id) && !chosen.left.has(id)) settle(state, id, null);
    });
  // Only now: what they share with others may have been written, and is recorded as intended by them too.
  for (const id of chosen.left) pending.delete(id);
}

/** @returns the items that are still wanted; they are recorded as intended, and that a write is on its way */
async function prepare(
  state: State,
  seen: SeenHasura,
  changes: readonly KnownChange[],
  planned: BatchPlan,
  items: readonly Item[],
): Promise<Item[]> {
  const { ctx, claim, pending } = state;
  const wanted = await ctx.db.$transaction(async (tx) => {
    const ids = portsOf(items);
    const still = await claim(tx, ids, planned.steps);
    await intendObjects(tx, intended(changes, pending, still));
    await notePendingWrite(tx, ctx.hasuraId, seen.resourceVersion);
    return still;
  });
  for (const id of portsOf(items)) if (!wanted.has(id)) settle(state, id, "withdrawn");
  return items.filter(({ ports }) => ports.some((id) => wanted.has(id)));
}

/** A port's source is recorded too, without the port: others may share it. */
function intended(
  changes: readonly KnownChange[],
  members: ReadonlyMap<string, Member>,
  ids: ReadonlySet<string>,
): IntendedObject[] {
  return changes.flatMap(({ id, desired }): IntendedObject[] => {
    const member = members.get(id);
    if (desired === null || member?.wanted == null || !ids.has(id)) return [];
    const { hasuraId, environment } = member.port;
    const where = { hasuraId, environment, sourceId: member.wanted.sourceId };
    return refsOf(desired).map((ref) => ({
      ...where,
      ...(ref.kind === "SOURCE" ? {} : { portId: id }),
      kind: ref.kind,
      key: objectKey(ref),
    }));
  });
}

/** Sources of ours that nobody needs and that are not there: somebody removed them, or an answer was lost. */
function noteAbsent(state: State, changes: readonly KnownChange[], { index }: SeenHasura): void {
  const kept = new Set(changes.flatMap(({ desired }) => desired?.source.name ?? []));
  for (const { owned, sharedSources } of changes)
    for (const { kind, source } of owned)
      if (kind === "SOURCE" && !kept.has(source) && !sharedSources.has(source))
        if (index.source(source) === undefined) state.goneSources.add(source);
}

/** Remembers sources that were added for several ports, and that sources are gone. */
function noteSourceSteps({ added, goneSources }: State, held: readonly Item[]): void {
  for (const { ports, steps } of held)
    for (const step of steps) {
      if (step.object.kind !== "SOURCE") continue;
      if (step.action === "remove") goneSources.add(step.object.source);
      if (step.action === "add" && ports.length > 1)
        added.set(step.object.source, { sourceKind: step.object.sourceKind, ports });
    }
}

/** A source whose ports were all refused is not left behind. */
async function dropStrays({ ctx, added, outcomes, goneSources }: State): Promise<void> {
  for (const [name, { sourceKind, ports }] of added)
    if (ports.every((id) => outcomes.get(id) != null))
      if (await dropEmptySource(ctx, { name, sourceKind })) goneSources.add(name);
}

/** Runs what writes; trouble after which it is worth planning again is counted. */
async function trying(state: State, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const known = toAppError(error);
    if (known.code === "INTERNAL") throw error;
    state.trouble = known;
    state.troubles += 1;
    const lost = known.code === "HASURA_UNAVAILABLE";
    const next = lost ? "Looking whether the change was made" : "Planning again";
    for (const { say } of state.pending.values())
      say(lost ? "WARNING" : "INFO", "apply", `${known.message} ${next}.`);
    // Jitter, so that writers that met do not meet again.
    await sleep(50 + Math.random() * 200);
  }
}

function portsOf(items: readonly Item[]): string[] {
  return [...new Set(items.flatMap(({ ports }) => ports))];
}

function sayAll(state: State, items: readonly Item[], level: LogLevel, message: string): void {
  for (const id of portsOf(items)) state.pending.get(id)?.say(level, "apply", message);
}
