/**
 * Accepting what admins change of access. The change is made in the very transaction that accepts it, unless a group
 * has to be looked up for it or something that was asked before is not done: then a worker makes it.
 */
import { randomUUID } from "node:crypto";
import { fingerprint } from "../domain/operation.ts";
import { parseSubject, type Subject } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { unknownBlock } from "../inventory/blocks.ts";
import type { Tx } from "../inventory/db.ts";
import { readOperation } from "../inventory/operations.ts";
import { lockPort, type PortIdentity } from "../inventory/ports.ts";
import {
  identityFrom,
  isProvisioned,
  notProvisioned,
  type PortInput,
  recordOperation,
  unknownPort,
} from "./accept.ts";
import { type AccessChangeKind, lockTarget, makeChange, runningOn } from "./change-access.ts";
import type { OperationsContext } from "./context.ts";
import { wake } from "./queue.ts";
import type { OperationRequest } from "./request.ts";

/** A port by its URN. */
type PortName = Pick<PortInput, "componentId" | "environment">;

export interface GrantInput extends PortName {
  /** `user:…` or `group:…`, in any case. */
  readonly subject: string;
  readonly until?: Date | undefined;
  readonly reason: string;
}

/** What is blocked: a subject everywhere, a port for everybody, or the pair. */
export interface BlockInput extends PortName {
  readonly subject?: string | undefined;
  readonly until?: Date | undefined;
  readonly reason: string;
}

/** A target, or one block by its id. */
export type UnblockInput = Omit<BlockInput, "until"> & { readonly id?: string | undefined };

/**
 * Accepts that an admin gives a subject a port's role. Access lists leave it alone; a teardown ends it.
 * @throws AppError INVALID_REFS, BAD_REQUEST when `until` has passed, NOT_PROVISIONED, AMBIGUOUS
 */
export async function submitGrant(
  ctx: OperationsContext,
  { subject, until, reason, ...port }: GrantInput,
  actor: string,
): Promise<string> {
  const asked = { subject: subjectOf(subject), until: endOf(until), reason };
  return submitChange(ctx, { kind: "GRANT", port: await identity(ctx, port), asked, actor });
}

/**
 * Accepts that what an admin gave a subject on a port ends. Grants of other classes stay.
 * @throws AppError INVALID_REFS, NOT_FOUND when there is no such port or grant, AMBIGUOUS
 */
export async function submitRevoke(
  ctx: OperationsContext,
  { subject, reason, ...port }: Omit<GrantInput, "until">,
  actor: string,
): Promise<string> {
  const asked = { subject: subjectOf(subject), reason };
  return submitChange(ctx, { kind: "REVOKE", port: await identity(ctx, port), asked, actor });
}

/**
 * Accepts that nobody is let in by what is named, whatever is granted.
 * @throws AppError INVALID_REFS, BAD_REQUEST when nothing is named or `until` has passed, NOT_FOUND, AMBIGUOUS
 */
export async function submitBlock(
  ctx: OperationsContext,
  { subject, until, reason, ...port }: BlockInput,
  actor: string,
): Promise<string> {
  refuseUnlessNamed({ ...port, subject });
  const asked = {
    ...(subject === undefined ? {} : { subject: subjectOf(subject) }),
    until: endOf(until),
    reason,
  };
  return submitChange(ctx, { kind: "BLOCK", port: await maybe(ctx, port), asked, actor });
}

/**
 * Accepts that blocks end: all on exactly this target, or the one that is named.
 * @throws AppError INVALID_REFS, BAD_REQUEST, NOT_FOUND when there is none in force, AMBIGUOUS
 */
export async function submitUnblock(
  ctx: OperationsContext,
  { id, subject, reason, ...port }: UnblockInput,
  actor: string,
): Promise<string> {
  const named = { ...port, subject };
  if (id !== undefined) {
    refuseIfNamedTwice(named);
    return submitUnblockOne(ctx, id, reason, actor);
  }
  refuseUnlessNamed(named);
  const asked = { ...(subject === undefined ? {} : { subject: subjectOf(subject) }), reason };
  return submitChange(ctx, { kind: "UNBLOCK", port: await maybe(ctx, port), asked, actor });
}

async function submitUnblockOne(
  ctx: OperationsContext,
  blockId: string,
  reason: string,
  actor: string,
): Promise<string> {
  const { hasuraId } = ctx;
  const where = { id: blockId, hasuraId };
  const block = await ctx.db.accessBlock.findFirst({ where, include: { port: true } });
  if (block === null) throw unknownBlock();
  const { subject, port } = block;
  const asked = { ...(subject === null ? {} : { subject }), blockId, reason };
  return submitChange(ctx, { kind: "UNBLOCK", port, asked, actor });
}

/**
 * Asks again for what a change that failed was to do.
 * @throws what asking for it can throw
 */
export async function repeatAccessChange(
  ctx: OperationsContext,
  kind: AccessChangeKind,
  asked: PortName & Pick<OperationRequest, "subject" | "until" | "blockId" | "reason">,
  actor: string,
): Promise<string> {
  const { componentId, environment, subject = "", blockId: id, reason = "" } = asked;
  const until = asked.until === undefined ? undefined : new Date(asked.until);
  const port = { componentId, environment };
  if (kind === "GRANT") return submitGrant(ctx, { ...port, subject, until, reason }, actor);
  if (kind === "REVOKE") return submitRevoke(ctx, { ...port, subject, reason }, actor);
  const blocked = { ...port, subject: asked.subject, reason };
  return kind === "BLOCK"
    ? submitBlock(ctx, { ...blocked, until }, actor)
    : submitUnblock(ctx, id === undefined ? blocked : { id, reason }, actor);
}

interface Change {
  readonly kind: AccessChangeKind;
  readonly port: PortIdentity | null;
  readonly asked: Partial<OperationRequest>;
  readonly actor: string;
}

/** @returns the operation's token; the running one's when the same was asked just before */
async function submitChange(ctx: OperationsContext, change: Change): Promise<string> {
  const { kind, asked, actor } = change;
  const { hasuraId } = ctx;
  return ctx.db.$transaction(async (tx) => {
    const port = await lockedPort(tx, change);
    const target = { hasuraId, portId: port?.id ?? null, subject: asked.subject ?? null };
    if (port === null) await lockTarget(tx, target);
    const facts = {
      kind,
      fingerprint: fingerprint({ kind, portId: target.portId, ...asked }),
      request: asked,
    };
    const newest = (await runningOn(tx, kind, target)).at(-1);
    if (newest?.fingerprint === facts.fingerprint) return newest.token;
    const token = randomUUID();
    const where = port ?? { hasuraId, environment: "default" };
    await recordOperation(ctx, tx, where, token, actor, facts);
    await wake(tx, { task: "beside", token });
    await makeChange(ctx, tx, await readOperation(tx, token), []);
    return token;
  });
}

async function lockedPort(tx: Tx, { kind, port: named }: Change) {
  if (named === null) return null;
  const port = await lockPort(tx, named);
  if (kind === "GRANT" && (port === null || !(await isProvisioned(tx, port))))
    throw notProvisioned(named, "componentId");
  if (port === null) throw unknownPort();
  return port;
}

async function identity(ctx: OperationsContext, port: PortName): Promise<PortIdentity> {
  return identityFrom(ctx, port, "componentId");
}

async function maybe(ctx: OperationsContext, port: PortName): Promise<PortIdentity | null> {
  return port.componentId === undefined ? null : identity(ctx, port);
}

function subjectOf(ref: string): Subject {
  const parsed = parseSubject(ref);
  if (parsed.ok) return parsed.subject;
  throw new AppError("INVALID_REFS", "This is no subject; nothing was changed.", {
    problems: [{ ...parsed.problem, path: "subject" }],
  });
}

function endOf(until: Date | undefined): string | undefined {
  return until?.toISOString();
}

function refuseIfNamedTwice({
  componentId,
  environment,
  subject,
}: Omit<BlockInput, "reason">): void {
  if (componentId === undefined && environment === undefined && subject === undefined) return;
  throw new AppError("BAD_REQUEST", "A block that is named by its id needs nothing else.", {
    problems: [{ path: "id", message: "is given beside a subject or a port" }],
  });
}

/** A block of nothing in particular would be one of everything, and a subject is the same in every environment. */
function refuseUnlessNamed({
  componentId,
  environment,
  subject,
}: Omit<BlockInput, "reason">): void {
  if (componentId === undefined && subject === undefined)
    throw new AppError("BAD_REQUEST", "It is not said whom or what is meant.", {
      problems: [{ path: "subject", message: "is missing, and `componentId` too" }],
    });
  if (componentId === undefined && environment !== undefined)
    throw new AppError("BAD_REQUEST", "A block of a subject alone holds in every environment.", {
      problems: [
        {
          path: "environment",
          message: "is given without a port",
          suggestion: "name the port too",
        },
      ],
    });
}
