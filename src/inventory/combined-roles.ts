/** Roles in Hasura that inherit from the roles of several ports, so that one query can be about all of them. */
import { createHash } from "node:crypto";
import { AppError, type Problem } from "../errors.ts";
import { bumpGeneration } from "./access.ts";
import type { DbOrTx, Tx } from "./db.ts";
import type { CombinedRole } from "./generated/client.ts";
import { claimNames } from "./names.ts";

/** How many roles there may be of a Hasura, and of how many ports each. */
export interface CombinedRoleLimits {
  readonly roles: number;
  readonly ports: number;
}

/** Who asks for a role by hand, and why; such a role stays although nobody uses it. */
export interface Declaration {
  readonly by: string;
  readonly reason: string;
}

/**
 * Asks for a role over these ports, or notes that it is asked for again. It gives no access until it is ACTIVE.
 * @param portIds in any order
 * @throws AppError BAD_REQUEST unless they are two or more active ports of one environment and within the limits;
 *   NAME_TAKEN
 */
export async function wantCombinedRole(
  tx: Tx,
  hasuraId: string,
  portIds: readonly string[],
  limits: CombinedRoleLimits,
  declaration?: Declaration,
): Promise<CombinedRole> {
  const memberIds = [...new Set(portIds)].sort();
  const environment = await environmentOf(tx, hasuraId, memberIds, limits);
  // Only one asks at a time, so that the roles are counted as they are.
  await tx.$queryRaw`SELECT id FROM hasura WHERE id = ${hasuraId} FOR NO KEY UPDATE`;
  const where = { hasuraId_memberIds: { hasuraId, memberIds } };
  const known = await tx.combinedRole.findUnique({ where });
  if (known === null) await refuseIfFull(tx, hasuraId, limits);
  const declared =
    declaration === undefined
      ? {}
      : { declaredBy: declaration.by, declareReason: declaration.reason };
  const role = await tx.combinedRole.upsert({
    where,
    create: { hasuraId, environment, name: nameOf(memberIds), memberIds, ...declared },
    update: {
      requestedAt: new Date(),
      ...declared,
      ...(known?.state === "UNWANTED" ? { state: "WANTED" } : {}),
    },
  });
  const claim = { namespace: "ROLE", name: role.name, purpose: "combinedRole" } as const;
  const owned = { ...claim, environment, combinedRoleId: role.id };
  if ((await claimNames(tx, hasuraId, [owned])).length > 0)
    throw new AppError("NAME_TAKEN", `The role ${role.name} belongs to somebody else.`);
  return role;
}

/** The environment that all the ports are in. */
async function environmentOf(
  tx: Tx,
  hasuraId: string,
  memberIds: readonly string[],
  limits: CombinedRoleLimits,
): Promise<string> {
  if (memberIds.length < 2) throw cannotCombine("names one port or none", "name two or more");
  if (memberIds.length > limits.ports)
    throw cannotCombine(
      `names ${memberIds.length} ports, and a role is of ${limits.ports} at most`,
      "ask for fewer at once, or raise MULTI_PORT_MAX_PORTS",
    );
  const ports = await tx.outputPort.findMany({
    where: { hasuraId, id: { in: [...memberIds] }, phase: "ACTIVE" },
    select: { environment: true },
  });
  if (ports.length < memberIds.length)
    throw cannotCombine("names a port that is not provisioned", "provision it first");
  const [environment, ...others] = new Set(ports.map((port) => port.environment));
  if (environment === undefined || others.length > 0)
    throw cannotCombine("names ports of several environments", "name ports of one");
  return environment;
}

async function refuseIfFull(tx: Tx, hasuraId: string, { roles }: CombinedRoleLimits) {
  if ((await tx.combinedRole.count({ where: { hasuraId } })) < roles) return;
  throw cannotCombine(
    `asks for one more role than the ${roles} there may be`,
    "end one with separateOutputPorts, or raise MULTI_PORT_MAX_ROLES",
  );
}

function cannotCombine(message: string, suggestion: string): AppError {
  const problem: Problem = { path: "componentIds", message, suggestion };
  return new AppError("BAD_REQUEST", "These ports cannot be combined.", { problems: [problem] });
}

/** The same ports give the same name, so that a role that is made again is known again. */
function nameOf(memberIds: readonly string[]): string {
  const hash = createHash("sha256").update(memberIds.join(" ")).digest("hex");
  return `combined_${hash.slice(0, 20)}`;
}

/**
 * Says that a role is wanted no more: from the generation that is returned on nobody is given it. `null` when it was so
 * already, or there is none.
 */
export async function unwantCombinedRole(tx: Tx, id: string): Promise<bigint | null> {
  const { count } = await tx.combinedRole.updateMany({
    where: { id, state: { not: "UNWANTED" } },
    data: { state: "UNWANTED" },
  });
  return count === 0 ? null : bumpGeneration(tx, { holders: [id] });
}

/**
 * Records that Hasura holds a role, so that the webhook may give it.
 * @param cost in milliseconds; absent when nothing had to be written
 * @returns the generation from which on it does; null when it is wanted no more
 */
export async function recordCombinedRole(
  tx: Tx,
  id: string,
  cost?: { readonly writeMs: number; readonly rebuildMs: number },
): Promise<bigint | null> {
  const { count } = await tx.combinedRole.updateMany({
    where: { id, state: { not: "UNWANTED" } },
    data: { state: "ACTIVE", ...cost },
  });
  if (count === 0) return null;
  await tx.combinedRole.updateMany({ where: { id, madeAt: null }, data: { madeAt: new Date() } });
  return bumpGeneration(tx, { holders: [id] });
}

/** The role's row, locked until the transaction ends; null when it is gone. */
export async function lockCombinedRole(tx: Tx, id: string): Promise<CombinedRole | null> {
  await tx.$queryRaw`SELECT id FROM combined_role WHERE id = ${id}::uuid FOR UPDATE`;
  return tx.combinedRole.findUnique({ where: { id } });
}

/** Forgets a role that Hasura does not hold, unless it is wanted again; its name is free. @returns whether it was */
export async function removeCombinedRole(tx: Tx, id: string): Promise<boolean> {
  const { count } = await tx.combinedRole.deleteMany({ where: { id, state: "UNWANTED" } });
  return count > 0;
}

/** Forgets the roles over any of these ports, which have left Hasura with them. @returns their ids */
export async function removeCombinedRolesOf(
  tx: Tx,
  portIds: readonly string[],
): Promise<readonly string[]> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    DELETE FROM combined_role WHERE member_ids && ${[...portIds]}::uuid[] RETURNING id`;
  return rows.map(({ id }) => id);
}

/** The names of all of a Hasura, in whatever state. */
export async function combinedRoleNames(
  db: DbOrTx,
  hasuraId: string,
): Promise<ReadonlySet<string>> {
  const rows = await db.combinedRole.findMany({ where: { hasuraId }, select: { name: true } });
  return new Set(rows.map(({ name }) => name));
}

/** A role with the names of those that it inherits from. */
export interface CombinedRoleRow extends CombinedRole {
  readonly parents: readonly string[];
}

/** All of a Hasura, in whatever state. */
export async function combinedRoles(db: DbOrTx, hasuraId: string): Promise<CombinedRoleRow[]> {
  const rows = await db.combinedRole.findMany({ where: { hasuraId }, orderBy: { name: "asc" } });
  return withParents(db, rows);
}

/** One of them; null when there is none of that id. */
export async function findCombinedRole(db: DbOrTx, id: string): Promise<CombinedRoleRow | null> {
  const row = await db.combinedRole.findUnique({ where: { id } });
  return row === null ? null : ((await withParents(db, [row])).at(0) ?? null);
}

async function withParents(db: DbOrTx, rows: readonly CombinedRole[]): Promise<CombinedRoleRow[]> {
  if (rows.length === 0) return [];
  const ports = await db.outputPort.findMany({
    where: { id: { in: rows.flatMap(({ memberIds }) => memberIds) } },
    select: { id: true, role: true },
  });
  const byId = new Map(ports.map(({ id, role }) => [id, role]));
  return rows.map((row) => ({
    ...row,
    parents: row.memberIds.flatMap((id) => byId.get(id) ?? []).sort(),
  }));
}
