/** Roles over several ports, so that one query can be about all of them: made, mended and dropped by the one committer. */
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
  findCombinedRole,
  recordCombinedRole,
  removeCombinedRole,
} from "../inventory/combined-roles.ts";
import type { Operation } from "../inventory/generated/client.ts";
import { lastWrites, notePendingWrite, pendingWrite } from "../inventory/hasuras.ts";
import { endOperation, keepFirstPlans } from "../inventory/operations.ts";
import { timeLeft } from "./carry-out.ts";
import { type SeenHasura, seeHasura } from "./changes.ts";
import type { OperationsContext } from "./context.ts";
import { operationRequestSchema } from "./request.ts";
import { fence, frozen, sendWrite } from "./send-write.ts";

/** Makes the role that an operation asks for. Carried out by the one committer. */
export async function combine(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token } = operation;
  const { combinedRoleId = "" } = operationRequestSchema.parse(operation.request);
  const role = await findCombinedRole(ctx.db, combinedRoleId);
  if (role === null || role.state === "UNWANTED")
    throw new AppError("SUPERSEDED", "The role is wanted no more, or one of its ports is gone.");
  const made = await makeCombinedRole(ctx, role, token);
  const generation = await ctx.db.$transaction((tx) => recordCombinedRole(tx, role.id, made.cost));
  if (generation === null)
    throw new AppError("SUPERSEDED", "The role is wanted no more since it was made.");
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft([operation]) });
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

/** Drops the role that an operation ends, once no replica gives it any more. Carried out by the one committer. */
export async function separate(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token } = operation;
  const { combinedRoleId = "" } = operationRequestSchema.parse(operation.request);
  const end = async (result: string) =>
    endOperation(ctx.db, token, { status: "COMPLETED", result });
  const role = await findCombinedRole(ctx.db, combinedRoleId);
  if (role === null) return end("The role is gone already.");
  if (role.state !== "UNWANTED") return end(`The role ${role.name} is wanted again.`);
  const generation = operation.accessGeneration ?? 0n;
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft([operation]) });
  const seen = await seeSettled(ctx);
  const steps = isOurs(seen, role) ? combinedRoleRemoval(seen.index, role.name, seen.ownRoles) : [];
  if (steps.length > 0) await write(ctx, seen, role.id, steps, token);
  const removed = await ctx.db.$transaction((tx) => removeCombinedRole(tx, role.id));
  await end(removed ? `The role ${role.name} is gone.` : `The role ${role.name} is wanted again.`);
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
