/**
 * Roles in Hasura that belong to no port of ours. Somebody else makes them there and tells us their root fields and who
 * may have them. Each function is one transaction, and counts a new access generation when it changes anything.
 */
import { isForbiddenRole } from "../domain/access-index.ts";
import { componentKey } from "../domain/urn.ts";
import { AppError, type Problem } from "../errors.ts";
import { bumpGeneration, readGeneration } from "./access.ts";
import type { Db, Tx } from "./db.ts";
import type { ExternalRole } from "./generated/client.ts";
import { claimNames } from "./names.ts";

/** Roles of their own are in no environment; their rows need one. */
const ENVIRONMENT = "default";
const LONGEST_NAME = 256;
const GRAPHQL_NAME = /^[_A-Za-z][_0-9A-Za-z]*$/;
/** Characters that cannot be seen, and spaces that are none of the keyboard's. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]|[^\P{Zs} ]/u;

/** Which role is meant. */
export interface ExternalRoleRef {
  readonly hasuraId: string;
  /** The role in Hasura. */
  readonly role: string;
}

/** The generation that holds what was asked for; it may be an earlier one, when it was so already. */
interface Changed {
  readonly generation: bigint;
}

/**
 * Makes a role known, or its root fields what they are now.
 * @param input.componentId the component whose role it is; another's role is not touched
 * @throws AppError BAD_REQUEST for names that no role or field can have, NAME_TAKEN for a role of a port, of several
 * ports or of another component
 */
export async function upsertExternalRole(
  db: Db,
  input: ExternalRoleRef & { readonly componentId: string; readonly fields: readonly string[] },
): Promise<Changed> {
  const { hasuraId, role, componentId } = input;
  const problems = faults(input);
  if (problems.length > 0)
    throw new AppError("BAD_REQUEST", "The role cannot be recorded so.", { problems });
  const fields = [...new Set(input.fields)].sort();
  return await db.$transaction(async (tx) => {
    const { count: made } = await tx.externalRole.createMany({
      data: [{ hasuraId, name: role, componentId }],
      skipDuplicates: true,
    });
    const row = await lock(tx, input);
    if (row === null) throw new AppError("INTERNAL", "The role's row vanished.");
    const removed = row.removedAt !== null;
    if (!removed && componentKey(row.componentId) !== componentKey(componentId)) throw taken(role);
    const name = { namespace: "ROLE", name: role, purpose: "externalRole" } as const;
    const claim = { ...name, environment: ENVIRONMENT, externalRoleId: row.id };
    if ((await claimNames(tx, hasuraId, [claim])).length > 0) throw taken(role);
    const before = await fieldsOf(tx, row.id);
    if (made === 0 && !removed && before.join(" ") === fields.join(" "))
      return { generation: await readGeneration(tx) };
    await tx.externalRoleField.deleteMany({
      where: { externalRoleId: row.id, name: { notIn: fields } },
    });
    await tx.externalRoleField.createMany({
      data: fields.map((name) => ({ externalRoleId: row.id, name })),
      skipDuplicates: true,
    });
    await tx.externalRole.update({
      where: { id: row.id },
      data: { removedAt: null, componentId, updatedAt: new Date() },
    });
    return { generation: await bumpGeneration(tx, { holders: [row.id] }) };
  });
}

/**
 * Makes the users who have a role (or the groups) exactly these; the others of that kind have it no longer. Changes of
 * one role wait for one another.
 * @param input.subjects canonical refs of that kind
 * @throws AppError NOT_FOUND when nobody has made the role known, BAD_REQUEST for a ref of the other kind
 */
export async function replaceExternalGrants(
  db: Db,
  input: ExternalRoleRef & {
    readonly kind: "user" | "group";
    readonly subjects: readonly string[];
    readonly actor: string;
  },
): Promise<Changed & { readonly granted: readonly string[]; readonly ended: readonly string[] }> {
  const { hasuraId, role, kind, actor } = input;
  const wanted = new Set(input.subjects);
  const strangers = [...wanted].filter((subject) => !subject.startsWith(`${kind}:`));
  if (strangers.length > 0)
    throw new AppError("BAD_REQUEST", `Each must be a ${kind}.`, {
      problems: strangers.map((subject) => ({ path: "", message: `${subject} is no ${kind}` })),
    });
  return await db.$transaction(async (tx) => {
    const row = await lock(tx, input);
    if (row === null || row.removedAt !== null)
      throw new AppError("NOT_FOUND", `There is no role ${role}; make it known first.`);
    const where = { externalRoleId: row.id, class: "ACL" as const, endedAt: null };
    const live = await tx.grant.findMany({
      where: { ...where, subject: { startsWith: `${kind}:` } },
      select: { subject: true },
    });
    const held = new Set(live.map(({ subject }) => subject));
    const ended = [...held].filter((subject) => !wanted.has(subject));
    const granted = [...wanted].filter((subject) => !held.has(subject));
    if (ended.length + granted.length === 0)
      return { generation: await readGeneration(tx), granted, ended };
    await tx.grant.updateMany({
      where: { ...where, subject: { in: ended } },
      data: { endedAt: new Date(), endReason: "not in the access list" },
    });
    await tx.grant.createMany({
      data: granted.map((subject) => ({
        hasuraId,
        environment: ENVIRONMENT,
        externalRoleId: row.id,
        subject,
        class: "ACL" as const,
        actor,
      })),
    });
    const generation = await bumpGeneration(tx, { holders: [row.id] });
    return { generation, granted, ended };
  });
}

/**
 * Ends a role: its grants end, its name is free again. The row stays, for the grants that name it.
 * @throws AppError NOT_FOUND when nobody has made the role known, or it is gone already
 */
export async function removeExternalRole(
  db: Db,
  input: ExternalRoleRef & { readonly reason: string },
): Promise<Changed> {
  return await db.$transaction(async (tx) => {
    const row = await lock(tx, input);
    if (row === null || row.removedAt !== null)
      throw new AppError("NOT_FOUND", `There is no role ${input.role}.`);
    const now = new Date();
    await tx.grant.updateMany({
      where: { externalRoleId: row.id, endedAt: null },
      data: { endedAt: now, endReason: input.reason },
    });
    await tx.externalRoleField.deleteMany({ where: { externalRoleId: row.id } });
    await tx.ownedName.deleteMany({ where: { externalRoleId: row.id } });
    await tx.externalRole.update({ where: { id: row.id }, data: { removedAt: now } });
    return { generation: await bumpGeneration(tx, { holders: [row.id] }) };
  });
}

/** The role's row, locked until the transaction ends. */
async function lock(tx: Tx, { hasuraId, role }: ExternalRoleRef): Promise<ExternalRole | null> {
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM external_role WHERE hasura_id = ${hasuraId} AND name = ${role} FOR UPDATE`;
  return row === undefined ? null : tx.externalRole.findUniqueOrThrow({ where: { id: row.id } });
}

async function fieldsOf(tx: Tx, externalRoleId: string): Promise<string[]> {
  const rows = await tx.externalRoleField.findMany({ where: { externalRoleId } });
  return rows.map(({ name }) => name).sort();
}

function faults({ role, fields }: { role: string; fields: readonly string[] }): Problem[] {
  const problems: Problem[] = [];
  const fault = (message: string): void => void problems.push({ path: "role", message });
  if (isForbiddenRole(role)) fault("is no role that may be given to anybody");
  else if (role.length > LONGEST_NAME) fault(`is longer than ${LONGEST_NAME} characters`);
  else if (INVISIBLE.test(role) || role !== role.trim())
    fault("begins or ends with a space, or holds characters that cannot be seen");
  for (const [index, field] of fields.entries())
    if (field.length > LONGEST_NAME || !GRAPHQL_NAME.test(field))
      problems.push({ path: `fields.${index}`, message: "is no name that a root field can have" });
  return problems;
}

function taken(role: string): AppError {
  return new AppError("NAME_TAKEN", `The role ${role} belongs to somebody else.`, {
    problems: [{ path: "role", message: "belongs to an output port or another component" }],
  });
}
