/**
 * Changes of roles that belong to no port, as operations. Each is made in the transaction that accepts it, so of two
 * changes of one role the later one holds, whole; what is left to do is to wait until every webhook decides by it.
 */
import { randomUUID } from "node:crypto";
import { type Asker, requirePermission } from "../domain/actor.ts";
import type { ExternalRoleSpec } from "../domain/external-role.ts";
import { invisibleFault } from "../domain/lookalike.ts";
import { fingerprint } from "../domain/operation.ts";
import { quoted } from "../domain/problem-text.ts";
import { parseRefs, type SubjectKind } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { awaitEnforced } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import {
  EXTERNAL_ENVIRONMENT,
  removeExternalRole,
  replaceExternalGrants,
  requireRecordable,
  unknownExternalRole,
  upsertExternalRole,
} from "../inventory/external-roles.ts";
import type { Operation } from "../inventory/generated/client.ts";
import { completeOperation, logOperation } from "../inventory/operations.ts";
import { recordOperation } from "./accept.ts";
import { timeLeft } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { lookUpGroups } from "./look-up-groups.ts";
import { wake } from "./queue.ts";
import { type ExternalRoleChange, operationRequestSchema } from "./request.ts";

/**
 * Makes a role known, or its root fields exactly these.
 * @returns the operation's token; asking twice is two operations, of which the second changes nothing
 * @throws AppError FORBIDDEN, BAD_REQUEST, NAME_TAKEN for a role or a root field that belongs to somebody else
 */
export async function putExternalRole(
  ctx: OperationsContext,
  { role, componentId, fields }: ExternalRoleSpec,
  asker: Asker,
): Promise<string> {
  const { hasuraId } = ctx;
  requireRecordable({ role, componentId, fields });
  const asked = { change: "PUT" as const, role, componentId, fields: [...fields] };
  return accept(ctx, asker, asked, async (tx) => {
    const { generation } = await upsertExternalRole(tx, { hasuraId, ...asked });
    return { generation, message: `It belongs to ${componentId} and sees: ${fields.join(", ")}` };
  });
}

/** A role and the refs of exactly those who are to have it, of one kind. */
export interface ExternalAccessList {
  readonly role: string;
  readonly kind: SubjectKind;
  /** As they were sent. */
  readonly refs: readonly string[];
}

/**
 * Gives a role to exactly these users, or groups; those of the other kind keep it. All refs are good, or nothing changes.
 * Groups are looked up in the directory first, where they are bound.
 * @returns the operation's token
 * @throws AppError FORBIDDEN, INVALID_REFS naming each bad one at `users.<index>` or `groups.<index>`, NOT_FOUND,
 * NAME_TAKEN for a role that is not an external one, DIRECTORY_UNAVAILABLE
 */
export async function setExternalRoleSubjects(
  ctx: OperationsContext,
  { role, kind, refs }: ExternalAccessList,
  asker: Asker,
): Promise<string> {
  requirePermission(asker, "operator");
  const path = `${kind}s`;
  const parsed = parseRefs(refs, { path, kind });
  if (!parsed.ok)
    throw new AppError("INVALID_REFS", "The access list has faults; nothing was changed.", {
      problems: parsed.problems,
    });
  const { hasuraId } = ctx;
  const subjects = [...parsed.subjects];
  const bindings = await lookUpGroups(ctx, { subjects, refs: [...refs] }, path);
  const asked = { change: "SUBJECTS" as const, role, kind, subjects };
  return accept(ctx, asker, asked, async (tx, token) => {
    const { generation, granted, ended } = await replaceExternalGrants(tx, {
      hasuraId,
      role,
      kind,
      subjects,
      actor: asker.name,
      operation: { token, bindings },
    });
    return { generation, message: `${granted.length} given, ${ended.length} ended.` };
  });
}

/**
 * Ends a role: nobody has it any more, and its name is free.
 * @returns the operation's token
 * @throws AppError FORBIDDEN, NOT_FOUND, NAME_TAKEN for a role that is not an external one
 */
export async function endExternalRole(
  ctx: OperationsContext,
  { role, reason }: { readonly role: string; readonly reason: string },
  asker: Asker,
): Promise<string> {
  const { hasuraId } = ctx;
  return accept(ctx, asker, { change: "REMOVE", role, reason }, async (tx) => {
    const { generation } = await removeExternalRole(tx, { hasuraId, role, reason });
    return { generation, message: "Its grants have ended; its name is free again." };
  });
}

/** Records the operation and makes its change, in one transaction. */
async function accept(
  ctx: OperationsContext,
  asker: Asker,
  asked: ExternalRoleChange,
  change: (tx: Tx, token: string) => Promise<{ generation: bigint; message: string }>,
): Promise<string> {
  requirePermission(asker, "operator");
  // The database keeps none of what cannot be seen, and no role is called so.
  if (invisibleFault(asked.role) !== null) throw unknownExternalRole(asked.role);
  const token = randomUUID();
  const where = { hasuraId: ctx.hasuraId, environment: EXTERNAL_ENVIRONMENT };
  await ctx.db.$transaction(async (tx) => {
    await recordOperation(ctx, tx, where, token, asker.name, {
      kind: "EXTERNAL_ROLE",
      fingerprint: fingerprint({ kind: "EXTERNAL_ROLE", ...asked }),
      request: { externalRole: asked },
    });
    const { generation, message } = await change(tx, token);
    await logOperation(tx, token, "INFO", "roles", message);
    await tx.operation.update({ where: { token }, data: { accessGeneration: generation } });
    await wake(tx, { task: "beside", token });
  });
  return token;
}

/** Ends the operation when no webhook decides by anything older than its change. */
export async function enforceExternalRole(
  ctx: OperationsContext,
  { token, request, accessGeneration, deadlineAt }: Operation,
): Promise<void> {
  const { externalRole } = operationRequestSchema.parse(request);
  if (accessGeneration === null || externalRole === undefined)
    throw new AppError("INTERNAL", "The operation's change is missing.");
  await awaitEnforced(ctx.db, accessGeneration, { timeoutMs: timeLeft([{ deadlineAt }]) });
  const result = resultOf(externalRole);
  await ctx.db.$transaction(async (tx) => {
    await completeOperation(tx, token, result);
  });
}

function resultOf(asked: ExternalRoleChange): string {
  const role = `The role ${quoted(asked.role)}`;
  if (asked.change === "PUT") return `${role} can see ${asked.fields.length} root field(s).`;
  if (asked.change === "REMOVE") return `${role} is removed: ${asked.reason}`;
  return `${role} is given to exactly ${asked.subjects.length} ${asked.kind}(s).`;
}
