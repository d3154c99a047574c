/**
 * Accepting that there is to be a role over several ports, or none any more: asked for by an admin, by a query that
 * needed one, or by the keeper of what nobody uses.
 */
import { randomUUID } from "node:crypto";
import { fingerprint } from "../domain/operation.ts";
import { AppError, type Problem, toAppError } from "../errors.ts";
import {
  combinedRoles,
  type Declaration,
  findCombinedRole,
  lockCombinedRole,
  unwantCombinedRole,
  wantCombinedRole,
} from "../inventory/combined-roles.ts";
import type { Tx } from "../inventory/db.ts";
import type { CombinedRole } from "../inventory/generated/client.ts";
import { endOperation, logOperation } from "../inventory/operations.ts";
import { findPort } from "../inventory/ports.ts";
import { recordOperation } from "./accept.ts";
import type { OperationsContext } from "./context.ts";
import { wake } from "./queue.ts";
import type { OperationRequest } from "./request.ts";

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
