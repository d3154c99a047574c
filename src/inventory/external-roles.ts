/**
 * Roles in Hasura that belong to no port of ours. Somebody else makes them there and tells us their root fields and who
 * may have them. Each function counts a new access generation when it changes anything; it runs in the caller's
 * transaction, and is to be the last in it that waits for anybody.
 */
import { type ExternalRoleSpec, externalRoleProblems } from "../domain/external-role.ts";
import { invisibleFault } from "../domain/lookalike.ts";
import { quoted } from "../domain/problem-text.ts";
import type { SubjectKind } from "../domain/subject.ts";
import { componentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import { bumpGeneration, readGeneration } from "./access.ts";
import { databaseTime, type Tx } from "./db.ts";
import type { ExternalRole } from "./generated/client.ts";
import { bindGroups, type NewBinding } from "./groups.ts";
import { claimNames, ownersOf } from "./names.ts";

/** Roles of their own are in no environment; their rows need one. */
export const EXTERNAL_ENVIRONMENT = "default";

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
 * ports or of another component, and for a root field of a port
 */
export async function upsertExternalRole(
  tx: Tx,
  input: ExternalRoleRef & ExternalRoleSpec,
): Promise<Changed> {
  const { hasuraId, role, componentId } = input;
  requireRecordable(input);
  const fields = [...new Set(input.fields)].sort();
  const { count: made } = await tx.externalRole.createMany({
    data: [{ hasuraId, name: role, componentId }],
    skipDuplicates: true,
  });
  const row = await lock(tx, input);
  if (row === null) throw new AppError("INTERNAL", "The role's row vanished.");
  const removed = row.removedAt !== null;
  if (!removed && componentKey(row.componentId) !== componentKey(componentId))
    throw takenRole(role, `the component ${row.componentId}`);
  const name = { namespace: "ROLE", name: role, purpose: "externalRole" } as const;
  const claim = { ...name, environment: EXTERNAL_ENVIRONMENT, externalRoleId: row.id };
  const [other] = await claimNames(tx, hasuraId, [claim]);
  if (other !== undefined) throw takenRole(role, other.owner);
  await refusePortsFields(tx, hasuraId, input.fields);
  const before = await fieldsOf(tx, row.id);
  if (made === 0 && !removed && before.join(" ") === fields.join(" "))
    return { generation: await readGeneration(tx) };
  await tx.$executeRaw`
    DELETE FROM external_role_field
    WHERE external_role_id = ${row.id}::uuid AND name <> ALL(${fields}::text[])`;
  await tx.$executeRaw`
    INSERT INTO external_role_field (external_role_id, name)
    SELECT ${row.id}::uuid, name FROM unnest(${fields}::text[]) AS name ON CONFLICT DO NOTHING`;
  await tx.externalRole.update({
    where: { id: row.id },
    data: { removedAt: null, componentId, updatedAt: new Date() },
  });
  return { generation: await bumpGeneration(tx, { holders: [row.id] }) };
}

/** @throws AppError BAD_REQUEST for names that no role, component or root field can have */
export function requireRecordable(spec: ExternalRoleSpec): void {
  const problems = externalRoleProblems(spec);
  if (problems.length > 0)
    throw new AppError("BAD_REQUEST", "The role cannot be recorded so.", { problems });
}

/** The users who are to have a role, or the groups: the whole list. */
export interface ExternalGrants {
  readonly kind: SubjectKind;
  /** Canonical refs of that kind. */
  readonly subjects: readonly string[];
  readonly actor: string;
  /** The operation that asks, and what it found out about groups that nobody is granted by yet. */
  readonly operation?: { readonly token: string; readonly bindings: readonly NewBinding[] };
}

/**
 * Makes the users who have a role (or the groups) exactly these; the others of that kind have it no longer. Changes of
 * one role wait for one another.
 * @throws AppError NOT_FOUND when nobody has made the role known, NAME_TAKEN when it is not an external one, BAD_REQUEST
 * for a ref of the other kind
 */
export async function replaceExternalGrants(
  tx: Tx,
  input: ExternalRoleRef & ExternalGrants,
): Promise<Changed & { readonly granted: readonly string[]; readonly ended: readonly string[] }> {
  const { hasuraId, kind, actor, operation } = input;
  const groups = operation !== undefined && operation.bindings.length > 0;
  const wanted = new Set(input.subjects);
  const strangers = [...wanted].filter((subject) => !subject.startsWith(`${kind}:`));
  if (strangers.length > 0)
    throw new AppError("BAD_REQUEST", `Each must be a ${kind}.`, {
      problems: strangers.map((subject) => ({ path: "", message: `${subject} is no ${kind}` })),
    });
  const row = await lockLive(tx, input);
  const live = await tx.grant.findMany({
    where: {
      externalRoleId: row.id,
      class: "ACL",
      endedAt: null,
      subject: { startsWith: `${kind}:` },
    },
    select: { subject: true },
  });
  const held = new Set(live.map(({ subject }) => subject));
  const ended = [...held].filter((subject) => !wanted.has(subject));
  const granted = [...wanted].filter((subject) => !held.has(subject));
  if (ended.length + granted.length === 0 && !groups)
    return { generation: await readGeneration(tx), granted, ended };
  if (operation !== undefined)
    await bindGroups(tx, operation.bindings, { actor, operationToken: operation.token });
  const at = await databaseTime(tx);
  // As lists: making ten thousand values of them by Prisma would keep this process from answering for seconds.
  await tx.$executeRaw`
    UPDATE "grant" SET ended_at = ${at}::timestamptz, end_reason = 'not in the access list'
    WHERE external_role_id = ${row.id}::uuid AND class = 'ACL' AND ended_at IS NULL
      AND subject = ANY(${ended}::text[])`;
  await tx.$executeRaw`
    INSERT INTO "grant"
      (id, hasura_id, environment, external_role_id, subject, class, actor, operation_token, since)
    SELECT gen_random_uuid(), ${hasuraId}, ${EXTERNAL_ENVIRONMENT}, ${row.id}::uuid, subject,
      'ACL', ${actor}, ${operation?.token ?? null}::uuid, ${at}::timestamptz
    FROM unnest(${granted}::text[]) AS subject`;
  const generation = await bumpGeneration(tx, { holders: [row.id], groups });
  return { generation, granted, ended };
}

/**
 * Ends a role: its grants end, its name is free again. The row stays, for the grants that name it.
 * @throws AppError NOT_FOUND when nobody has made the role known, or it is gone already; NAME_TAKEN when it is not an
 * external one
 */
export async function removeExternalRole(
  tx: Tx,
  input: ExternalRoleRef & { readonly reason: string },
): Promise<Changed> {
  const row = await lockLive(tx, input);
  const at = await databaseTime(tx);
  await tx.grant.updateMany({
    where: { externalRoleId: row.id, endedAt: null },
    data: { endedAt: at, endReason: input.reason },
  });
  await tx.externalRoleField.deleteMany({ where: { externalRoleId: row.id } });
  await tx.ownedName.deleteMany({ where: { externalRoleId: row.id } });
  await tx.externalRole.update({ where: { id: row.id }, data: { removedAt: at } });
  return { generation: await bumpGeneration(tx, { holders: [row.id] }) };
}

/** The role's row, locked until the transaction ends. */
async function lock(tx: Tx, { hasuraId, role }: ExternalRoleRef): Promise<ExternalRole | null> {
  // The database refuses to compare some of what cannot be seen, and no role is called so.
  if (invisibleFault(role) !== null) return null;
  const [row] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM external_role WHERE hasura_id = ${hasuraId} AND name = ${role} FOR UPDATE`;
  return row === undefined ? null : tx.externalRole.findUniqueOrThrow({ where: { id: row.id } });
}

async function lockLive(tx: Tx, ref: ExternalRoleRef): Promise<ExternalRole> {
  const row = await lock(tx, ref);
  if (row !== null && row.removedAt === null) return row;
  const claim = { namespace: "ROLE" as const, name: ref.role, purpose: "" };
  const named = invisibleFault(ref.role) === null ? [claim] : [];
  const [other] = await ownersOf(tx, ref.hasuraId, named);
  if (other !== undefined) throw takenRole(ref.role, other.owner);
  throw unknownExternalRole(ref.role);
}

export function unknownExternalRole(role: string): AppError {
  const message = `there is no role ${quoted(role)}`;
  const suggestion = "make it known first, with its root fields";
  return new AppError("NOT_FOUND", `There is no role ${quoted(role)}.`, {
    problems: [{ path: "role", message, suggestion }],
  });
}

async function fieldsOf(tx: Tx, externalRoleId: string): Promise<string[]> {
  const rows = await tx.externalRoleField.findMany({ where: { externalRoleId } });
  return rows.map(({ name }) => name).sort();
}

/** What a port shows is had by the port's own role: another beside it would be a way around its access list. */
async function refusePortsFields(
  tx: Tx,
  hasuraId: string,
  fields: readonly string[],
): Promise<void> {
  const namespace = "ROOT_FIELD" as const;
  const claims = fields.map((name) => ({ namespace, name, purpose: "" }));
  const owned = await ownersOf(tx, hasuraId, claims);
  if (owned.length === 0) return;
  throw new AppError("NAME_TAKEN", "A root field of this role belongs to an output port.", {
    problems: owned.map(({ name, owner }) => ({
      path: `rootFields.${fields.indexOf(name)}`,
      message: `the root field ${name} belongs to the output port ${owner}`,
      suggestion: "give access by the port's own access list",
    })),
  });
}

/** @param owner of the role, as a person knows it */
function takenRole(role: string, owner: string): AppError {
  return new AppError("NAME_TAKEN", `The role ${role} belongs to ${owner}.`, {
    problems: [
      {
        path: "role",
        message: `the role ${role} belongs to ${owner}, and is changed there alone`,
      },
    ],
  });
}
