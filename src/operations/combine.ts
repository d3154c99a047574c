/**
 * Roles over several ports, so that one query can be about all of them: asked for by an admin or by a query that needed
 * one, made and dropped by the one committer, and dropped again when nobody uses them.
 */
import { randomUUID } from "node:crypto";
import { fingerprint } from "../domain/operation.ts";
import { AppError, type Problem, toAppError } from "../errors.ts";
import { bulkShape, learnCosts } from "../hasura/cost.ts";
import type { Difference } from "../hasura/difference.ts";
import {
  combinedRoleRemoval,
  combinedRoleStep,
  inheritedRole,
  inheritsExactly,
} from "../hasura/inherited-roles.ts";
import { objectKey, type Step } from "../hasura/objects.ts";
import { planView } from "../hasura/plan-text.ts";
import { awaitEnforced } from "../inventory/access.ts";
import {
  type CombinedRoleRow,
  combinedRoles,
  type Declaration,
  findCombinedRole,
  lockCombinedRole,
  recordCombinedRole,
  removeCombinedRole,
  unwantCombinedRole,
  wantCombinedRole,
} from "../inventory/combined-roles.ts";
import type { Tx } from "../inventory/db.ts";
import type { CombinedRole, Operation } from "../inventory/generated/client.ts";
import { lastWrites, notePendingWrite, pendingWrite } from "../inventory/hasuras.ts";
import { endOperation, keepFirstPlans, logOperation } from "../inventory/operations.ts";
import { findPort } from "../inventory/ports.ts";
import { recordOperation } from "./accept.ts";
import { type SeenHasura, seeHasura } from "./changes.ts";
import type { OperationsContext } from "./context.ts";
import { wake } from "./queue.ts";
import { type OperationRequest, operationRequestSchema } from "./request.ts";
import { fence, frozen, sendWrite } from "./send-write.ts";

/** Ports by their URNs, all of one environment. */
export interface CombineInput {
  readonly componentIds: readonly string[];
  /** Absent: the only one that each of them exists in. */
  readonly environment?: string | undefined;
  readonly reason: string;
}

/**
 * Asks for a role over these ports, which stays although nobody uses it.
 * @returns the operation's token; the running one's when the same was asked before
 * @throws AppError BAD_REQUEST naming each port that is not provisioned, or when MULTI_PORT is off, or for what is
 *   beyond the limits; AMBIGUOUS; NAME_TAKEN
 */
export async function submitCombine(
  ctx: OperationsContext,
  { componentIds, environment, reason }: CombineInput,
  actor: string,
): Promise<string> {
  refuseIfOff(ctx);
  const problems: Problem[] = [];
  const portIds: string[] = [];
  for (const [position, componentId] of componentIds.entries()) {
    const port = await findPort(ctx.db, { hasuraId: ctx.hasuraId, componentId, environment });
    if (port?.phase === "ACTIVE") portIds.push(port.id);
    else
      problems.push({
        path: `componentIds.${position}`,
        message: "names a port that is not provisioned",
        suggestion: "provision it first",
      });
  }
  if (problems.length > 0)
    throw new AppError("BAD_REQUEST", "These ports cannot be combined.", { problems });
  return ctx.db.$transaction((tx) => combineIn(ctx, tx, portIds, actor, { by: actor, reason }));
}

function refuseIfOff({ multiPort }: OperationsContext): void {
  if (multiPort.mode !== "off") return;
  throw new AppError("BAD_REQUEST", "Roles over several ports are switched off.", {
    problems: [
      {
        path: "componentIds",
        message: "cannot be combined here",
        suggestion: "set MULTI_PORT to declared or auto",
      },
    ],
  });
}

/**
 * Asks again for what an operation of that kind asked for.
 * @throws AppError BAD_REQUEST, NAME_TAKEN
 */
export async function repeatCombine(
  ctx: OperationsContext,
  { portIds = [], reason }: OperationRequest,
  actor: string,
): Promise<string> {
  refuseIfOff(ctx);
  const declaration = reason === undefined ? undefined : { by: actor, reason };
  return ctx.db.$transaction((tx) => combineIn(ctx, tx, portIds, actor, declaration));
}

/** Who asks when a query does. */
const WEBHOOK = "portcullis:webhook";
/** Who asks for what is done by itself. */
const KEEPER = "portcullis:keeper";

/** For how long a query does not ask again for what could not be made, in milliseconds. */
const FAILED_FOR_MS = 3_600_000;

/**
 * Asks for a role that a query needed. That there can be none is nobody's failure: it is logged, and the query stays
 * refused.
 * @param portIds of active ports, all of which whoever asked is granted
 */
export async function combineOnDemand(
  ctx: OperationsContext,
  portIds: readonly string[],
): Promise<void> {
  if (ctx.multiPort.mode !== "auto") return;
  const before = await ctx.db.operation.findFirst({
    where: { hasuraId: ctx.hasuraId, fingerprint: combineFingerprint(portIds) },
    orderBy: { seq: "desc" },
  });
  if (before?.status === "RUNNING") return;
  const failedAt = before?.status === "FAILED" ? (before.finishedAt?.getTime() ?? 0) : 0;
  if (Date.now() - failedAt < FAILED_FOR_MS) return;
  try {
    await ctx.db.$transaction((tx) => combineIn(ctx, tx, portIds, WEBHOOK));
  } catch (error) {
    const { code, problems } = toAppError(error);
    if (code !== "BAD_REQUEST" && code !== "NAME_TAKEN") throw error;
    ctx.log.info({ portIds, problems }, "a query about several ports stays refused");
  }
}

function combineFingerprint(portIds: readonly string[]): string {
  return fingerprint({ kind: "COMBINE", portIds: [...portIds].sort() });
}

async function combineIn(
  ctx: OperationsContext,
  tx: Tx,
  portIds: readonly string[],
  actor: string,
  declaration?: Declaration,
): Promise<string> {
  const { hasuraId, multiPort } = ctx;
  const role = await wantCombinedRole(tx, hasuraId, portIds, multiPort.limits, declaration);
  const asked = combineFingerprint(role.memberIds);
  const same = await tx.operation.findFirst({
    where: { hasuraId, status: "RUNNING", fingerprint: asked },
  });
  if (same !== null) return same.token;
  const token = randomUUID();
  await recordOperation(ctx, tx, whereOf(role), token, actor, {
    kind: "COMBINE",
    fingerprint: asked,
    request: { combinedRoleId: role.id, portIds: role.memberIds, reason: declaration?.reason },
  });
  if (role.state === "ACTIVE")
    await endOperation(tx, token, {
      status: "COMPLETED",
      result: `The role ${role.name} is over these ports already.`,
    });
  else await wake(tx, { task: "commit", hasuraId });
  return token;
}

function whereOf({ hasuraId, environment }: CombinedRole) {
  return { hasuraId, environment };
}

/** Makes the role that an operation asks for. Carried out by the one committer. */
export async function combine(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token, deadlineAt } = operation;
  const { combinedRoleId = "" } = operationRequestSchema.parse(operation.request);
  const role = await findCombinedRole(ctx.db, combinedRoleId);
  if (role === null || role.state === "UNWANTED")
    throw new AppError("SUPERSEDED", "The role is wanted no more, or one of its ports is gone.");
  const made = await makeCombinedRole(ctx, role, token);
  const generation = await ctx.db.$transaction((tx) => recordCombinedRole(tx, role.id, made.cost));
  if (generation === null)
    throw new AppError("SUPERSEDED", "The role is wanted no more since it was made.");
  await awaitEnforced(ctx.db, generation, { timeoutMs: deadlineAt.getTime() - Date.now() });
  const { limits } = ctx.multiPort;
  const count = await ctx.db.combinedRole.count({ where: { hasuraId: ctx.hasuraId } });
  await endOperation(ctx.db, token, {
    status: "COMPLETED",
    result: `The role ${role.name} is over ${role.memberIds.length} ports${told(made.cost)}. It is one of ${count}; there may be ${limits.roles}.`,
  });
}

interface RoleCost {
  readonly writeMs: number;
  readonly rebuildMs: number;
}

function told(cost: RoleCost | undefined): string {
  if (cost === undefined) return ", as Hasura holds it";
  return `: Hasura took ${cost.writeMs} ms, and takes about ${cost.rebuildMs} ms longer for every change from now on`;
}

/**
 * Makes Hasura hold a role of ours as it should be. Only for the one committer.
 * @param token the operation in whose log it is told
 * @throws AppError HASURA_REFUSED when a role of its name is not ours, and what a write can throw
 */
async function makeCombinedRole(
  ctx: OperationsContext,
  role: CombinedRoleRow,
  token: string,
): Promise<{ readonly cost: RoleCost | undefined }> {
  const seen = await seeSettled(ctx);
  const step = combinedRoleStep(seen.index, role.name, role.parents);
  if (step === null) return { cost: undefined };
  if (!isOurs(seen, role))
    throw new AppError("HASURA_REFUSED", `Hasura has a role ${role.name} that is not ours.`, {
      problems: [
        {
          path: role.name,
          message: "is an inherited role in Hasura that is not ours",
          suggestion: "drop it there, then try again",
        },
      ],
    });
  const writeMs = await write(ctx, seen, role.id, [step], token);
  // A rebuild goes through one role more; what that takes is learnt from the last writes, this one among them.
  const { rebuildEach } = learnCosts(await lastWrites(ctx.db, ctx.hasuraId));
  return { cost: { writeMs, rebuildMs: Number(rebuildEach.toPrecision(2)) } };
}

/** Whether what Hasura has under that name, if anything, is the role that we made or meant to make. */
function isOurs({ index }: SeenHasura, { name, parents, madeAt }: CombinedRoleRow): boolean {
  const entry = inheritedRole(index, name);
  return entry === undefined || madeAt !== null || inheritsExactly(entry, parents);
}

/** Hasura as it is when no earlier write is on its way. */
async function seeSettled(ctx: OperationsContext): Promise<SeenHasura> {
  const seen = await seeHasura(ctx);
  if ((await pendingWrite(ctx.db, ctx.hasuraId)) !== seen.resourceVersion) return seen;
  await fence(ctx, seen);
  return seeHasura(ctx);
}

/** @returns how long it took, in milliseconds */
async function write(
  ctx: OperationsContext,
  seen: SeenHasura,
  id: string,
  steps: readonly Step[],
  token: string,
): Promise<number> {
  if (!ctx.hasuraWrites) throw frozen();
  await ctx.db.$transaction(async (tx) => {
    await keepFirstPlans(tx, [{ token, plan: planView(steps) }]);
    await notePendingWrite(tx, ctx.hasuraId, seen.resourceVersion);
  });
  const items = [{ ports: [id], steps }];
  const shape = bulkShape(items, seen.index.size);
  const began = performance.now();
  const writing = { way: "bulk", items, shape, ports: 0 } as const;
  const { refused, troubled } = await sendWrite(ctx, seen, writing);
  const error = refused.get(id) ?? troubled;
  if (error !== null) throw error;
  return Math.round(performance.now() - began);
}

/**
 * Ends a role over several ports. From now on no query runs under it.
 * @param input.name of the role
 * @returns the operation's token; the running one's when the same was asked before
 * @throws AppError NOT_FOUND
 */
export async function submitSeparate(
  ctx: OperationsContext,
  { name, reason }: { readonly name: string; readonly reason: string },
  actor: string,
): Promise<string> {
  const { hasuraId } = ctx;
  return ctx.db.$transaction(async (tx) => {
    const role = await tx.combinedRole.findUnique({ where: { hasuraId_name: { hasuraId, name } } });
    if (role === null) throw unknownRole("name");
    return separateIn(ctx, tx, role, actor, reason);
  });
}

async function separateIn(
  ctx: OperationsContext,
  tx: Tx,
  role: CombinedRole,
  actor: string,
  reason: string,
): Promise<string> {
  const { hasuraId } = ctx;
  const asked = fingerprint({ kind: "SEPARATE", id: role.id });
  const generation = await unwantCombinedRole(tx, role.id);
  const same = await tx.operation.findFirst({
    where: { hasuraId, status: "RUNNING", fingerprint: asked },
  });
  if (generation === null && same !== null) return same.token;
  const token = randomUUID();
  await recordOperation(ctx, tx, whereOf(role), token, actor, {
    kind: "SEPARATE",
    fingerprint: asked,
    request: { combinedRoleId: role.id, reason },
    ...(generation === null ? {} : { accessGeneration: generation }),
  });
  await logOperation(tx, token, "INFO", "accept", `${role.name}: ${reason}`);
  await wake(tx, { task: "commit", hasuraId });
  return token;
}

/**
 * Ends again what an operation of that kind was to end.
 * @throws AppError NOT_FOUND when it is gone already
 */
export async function repeatSeparate(
  ctx: OperationsContext,
  { combinedRoleId, reason = "" }: OperationRequest,
  actor: string,
): Promise<string> {
  const role = await findCombinedRole(ctx.db, combinedRoleId ?? "");
  if (role === null) throw unknownRole("token");
  return ctx.db.$transaction((tx) => separateIn(ctx, tx, role, actor, reason));
}

function unknownRole(path: string): AppError {
  return new AppError("NOT_FOUND", "There is no such role over several ports.", {
    problems: [{ path, message: "names no role of ours", suggestion: "see combinedRoles" }],
  });
}

/** Drops the role that an operation ends, once no replica gives it any more. Carried out by the one committer. */
export async function separate(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token, deadlineAt } = operation;
  const { combinedRoleId = "" } = operationRequestSchema.parse(operation.request);
  const end = async (result: string) =>
    endOperation(ctx.db, token, { status: "COMPLETED", result });
  const role = await findCombinedRole(ctx.db, combinedRoleId);
  if (role === null) return end("The role is gone already.");
  if (role.state !== "UNWANTED") return end(`The role ${role.name} is wanted again.`);
  const generation = operation.accessGeneration ?? 0n;
  await awaitEnforced(ctx.db, generation, { timeoutMs: deadlineAt.getTime() - Date.now() });
  const seen = await seeSettled(ctx);
  const steps = isOurs(seen, role) ? combinedRoleRemoval(seen.index, role.name, seen.ownRoles) : [];
  if (steps.length > 0) await write(ctx, seen, role.id, steps, token);
  const removed = await ctx.db.$transaction((tx) => removeCombinedRole(tx, role.id));
  await end(removed ? `The role ${role.name} is gone.` : `The role ${role.name} is wanted again.`);
}

/**
 * Ends roles that should not be there: all when MULTI_PORT is off, else what queries asked for and no query has used for
 * long, or is allowed to ask for no more; and what was given up half-way.
 */
export async function keepCombinedRoles(ctx: OperationsContext): Promise<void> {
  for (const { id, ...seen } of await combinedRoles(ctx.db, ctx.hasuraId)) {
    if (whyEnd(ctx, seen) === null) continue;
    await ctx.db.$transaction(async (tx) => {
      // Whoever asks for it again, or has just made it, holds the row too: then it is looked at anew.
      const role = await lockCombinedRole(tx, id);
      const reason = role === null || (await isBusy(tx, id)) ? null : whyEnd(ctx, role);
      if (role !== null && reason !== null) await separateIn(ctx, tx, role, KEEPER, reason);
    });
  }
}

/** Whether an operation on its way is about it. */
async function isBusy(tx: Tx, id: string): Promise<boolean> {
  const busy = await tx.operation.findFirst({
    where: {
      ...{ status: "RUNNING", kind: { in: ["COMBINE", "SEPARATE"] } },
      request: { path: ["combinedRoleId"], equals: id },
    },
    select: { token: true },
  });
  return busy !== null;
}

const DAY_MS = 86_400_000;

function whyEnd(
  { multiPort, hasuraWrites }: OperationsContext,
  role: Pick<CombinedRole, "state" | "declaredBy" | "requestedAt" | "lastUsedAt">,
): string | null {
  const { mode, unusedDays } = multiPort;
  // Nobody is given it any more; the rest waits until something may be written.
  if (role.state === "UNWANTED" && !hasuraWrites) return null;
  if (role.state !== "ACTIVE") return "it was given up half-way";
  if (mode === "off") return "MULTI_PORT is off";
  if (role.declaredBy !== null) return null;
  if (mode === "declared") return "MULTI_PORT is declared, and nobody has declared it";
  if (unusedDays === null) return null;
  const lastAt = Math.max(role.requestedAt.getTime(), role.lastUsedAt?.getTime() ?? 0);
  return Date.now() - lastAt < unusedDays * DAY_MS
    ? null
    : `no query has used it for ${unusedDays} days`;
}

/** Steps that mend the roles of ours among these differences. */
export async function combinedRoleSteps(
  ctx: OperationsContext,
  { index }: SeenHasura,
  differences: readonly Difference[],
): Promise<Step[]> {
  const roles = await driftedRoles(ctx, differences);
  return roles.flatMap(({ name, parents }) => combinedRoleStep(index, name, parents) ?? []);
}

/** Mends the roles of ours among these differences. Only for the one committer. */
export async function mendCombinedRoles(
  ctx: OperationsContext,
  differences: readonly Difference[],
  token: string,
): Promise<{ repaired: number; problems: Problem[] }> {
  let repaired = 0;
  const problems: Problem[] = [];
  for (const role of await driftedRoles(ctx, differences))
    try {
      await makeCombinedRole(ctx, role, token);
      repaired += 1;
    } catch (error) {
      problems.push({ path: role.name, message: toAppError(error).message });
    }
  return { repaired, problems };
}

async function driftedRoles(
  ctx: OperationsContext,
  differences: readonly Difference[],
): Promise<CombinedRoleRow[]> {
  const keys = new Set(
    differences.flatMap(({ object, key, repairable }) =>
      object === "INHERITED_ROLE" && repairable ? [key] : [],
    ),
  );
  if (keys.size === 0) return [];
  const roles = await combinedRoles(ctx.db, ctx.hasuraId);
  return roles.filter(({ name }) => keys.has(objectKey({ kind: "INHERITED_ROLE", role: name })));
}
