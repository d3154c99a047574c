/** What admins do to operations, ports and findings: cancel, retry, pause, protect, acknowledge, reconcile. */
import { randomUUID } from "node:crypto";
import { fingerprint } from "../domain/operation.ts";
import { AppError } from "../errors.ts";
import type { Tx } from "../inventory/db.ts";
import { acknowledgeFinding } from "../inventory/findings.ts";
import type { Operation, OperationKind, Prisma } from "../inventory/generated/client.ts";
import {
  completeOperation,
  endOperation,
  isCommitted,
  lockRunning,
  logOperation,
  readOperation,
} from "../inventory/operations.ts";
import { lockPort, lockPorts } from "../inventory/ports.ts";
import { identityFrom, type PortInput, recordOperation, unknownPort } from "./accept.ts";
import { isAccessChange, laterChange } from "./change-access.ts";
import type { OperationsContext } from "./context.ts";
import { leaveFailed, wakeBeside } from "./port-state.ts";
import { wake } from "./queue.ts";
import { operationRequestSchema } from "./request.ts";
import { submitProvision, submitUnprovision, submitUpdateAcl, submitValidation } from "./submit.ts";
import { repeatAccessChange } from "./submit-access.ts";
import { repeatCombine, repeatSeparate } from "./submit-combine.ts";

/**
 * Ends a running operation as FAILED with code CANCELLED, unless it is too late: then it ends by itself soon.
 * @throws AppError UNKNOWN_TOKEN, BAD_REQUEST when it has ended or is being written
 */
export async function cancelOperation(
  ctx: OperationsContext,
  token: string,
  actor: string,
): Promise<void> {
  await ctx.db.$transaction(async (tx) => {
    const { portId } = await readOperation(tx, token);
    if (portId !== null) await lockPorts(tx, [portId]);
    const running = await lockRunning(tx, [token]);
    const operation = await readOperation(tx, token);
    if (!running.has(token)) throw cannot(`has ended: ${operation.status}`);
    if (operation.claimedAt !== null) throw cannot("is being written to Hasura");
    if (!isCommitted(operation) && operation.accessGeneration !== null)
      throw cannot("is made; the webhooks are following");
    const message = `Cancelled by ${actor}.`;
    await logOperation(tx, token, "WARNING", "end", message);
    await leaveFailed(tx, operation, { code: "CANCELLED", message });
    await endOperation(tx, token, { status: "FAILED", code: "CANCELLED", result: message });
    await wakeFollowers(ctx, tx, operation);
  });
}

async function wakeFollowers(ctx: OperationsContext, tx: Tx, operation: Operation): Promise<void> {
  if (operation.portId !== null) await wakeBeside(tx, [operation.portId]);
  if (isCommitted(operation)) await wake(tx, { task: "commit", hasuraId: ctx.hasuraId });
}

function cannot(why: string): AppError {
  return new AppError("BAD_REQUEST", "This operation cannot be cancelled any more.", {
    problems: [{ path: "token", message: `names an operation that ${why}` }],
  });
}

/**
 * Asks for the same again, as a new operation.
 * @returns its token
 * @throws AppError UNKNOWN_TOKEN, BAD_REQUEST unless it has FAILED, SUPERSEDED when something newer was asked for the
 *   port, and what asking for it can throw
 */
export async function retryOperation(
  ctx: OperationsContext,
  token: string,
  actor: string,
): Promise<string> {
  const operation = await readOperation(ctx.db, token);
  if (operation.status !== "FAILED")
    throw new AppError("BAD_REQUEST", "Only an operation that has failed is repeated.", {
      problems: [{ path: "token", message: `names an operation that is ${operation.status}` }],
    });
  await refuseIfSuperseded(ctx, operation);
  const retry = await repeat(ctx, operation, actor);
  await logOperation(ctx.db, retry, "INFO", "accept", `Repeats ${token}.`);
  return retry;
}

async function refuseIfSuperseded(ctx: OperationsContext, operation: Operation): Promise<void> {
  const newer = isAccessChange(operation.kind)
    ? await laterChange(ctx.db, operation)
    : await laterOfPort(ctx, operation);
  if (newer === null) return;
  throw new AppError("SUPERSEDED", "Something newer was asked for since.", {
    problems: [
      {
        path: "token",
        message: "names an operation that a later one has overtaken",
        suggestion: `see ${newer}`,
      },
    ],
  });
}

async function laterOfPort(
  ctx: OperationsContext,
  { portId, seq, kind }: Operation,
): Promise<string | null> {
  if (portId === null) return null;
  const kinds: OperationKind[] =
    kind === "UPDATE_ACL" ? ["UPDATE_ACL", "UNPROVISION"] : ["PROVISION", "UNPROVISION"];
  const newer = await ctx.db.operation.findFirst({
    where: { portId, seq: { gt: seq }, kind: { in: kinds } },
    select: { token: true },
    orderBy: { seq: "desc" },
  });
  return newer?.token ?? null;
}

async function repeat(
  ctx: OperationsContext,
  operation: Operation,
  actor: string,
): Promise<string> {
  const request = operationRequestSchema.parse(operation.request);
  const { removeData } = request;
  if (operation.kind === "VALIDATE") {
    const { descriptor = "", descriptorKind } = request;
    return submitValidation(ctx, { descriptor, descriptorKind }, actor);
  }
  if (operation.kind === "RECONCILE") {
    const port = await portOf(ctx, operation);
    return submitReconcile(ctx, { ...port, mode: request.mode }, actor);
  }
  if (operation.kind === "PROVISION") {
    const { portId, revision: number } = operation;
    if (portId === null || number === null)
      throw new AppError("INTERNAL", "The operation's revision is missing.");
    const revision = await ctx.db.revision.findUniqueOrThrow({
      where: { portId_number: { portId, number } },
    });
    return submitProvision(ctx, { descriptor: revision.descriptor, removeData }, actor);
  }
  if (operation.kind === "COMBINE") return repeatCombine(ctx, request, actor);
  if (operation.kind === "SEPARATE") return repeatSeparate(ctx, request, actor);
  const port = await portOf(ctx, operation);
  if (operation.kind === "UNPROVISION")
    return submitUnprovision(ctx, { ...port, removeData }, actor);
  if (operation.kind === "UPDATE_ACL")
    return submitUpdateAcl(ctx, { ...port, refs: request.subjects ?? [] }, actor);
  if (isAccessChange(operation.kind))
    return repeatAccessChange(ctx, operation.kind, { ...request, ...port }, actor);
  throw new AppError("BAD_REQUEST", "Operations of this kind are not repeated.", {
    problems: [{ path: "token", message: `names an operation of kind ${operation.kind}` }],
  });
}

async function portOf(ctx: OperationsContext, { portId }: Operation): Promise<PortInput> {
  if (portId === null) return {};
  const port = await ctx.db.outputPort.findUniqueOrThrow({ where: { id: portId } });
  return { componentId: port.componentId, environment: port.environment };
}

/**
 * Has Hasura held against what was applied: a whole Hasura, or one port of it.
 * @returns the operation's token; the running one's when the same was asked before
 * @throws AppError NOT_PROVISIONED
 */
export async function submitReconcile(
  ctx: OperationsContext,
  input: PortInput & { mode?: "report" | "repair" | undefined },
  actor: string,
): Promise<string> {
  const { mode = ctx.reconcileMode, ...named } = input;
  const asked = named.componentId !== undefined || named.descriptor !== undefined;
  const identity = asked ? await identityFrom(ctx, named, "descriptor") : null;
  const { hasuraId } = ctx;
  return ctx.db.$transaction(async (tx) => {
    const port = identity === null ? null : await lockPort(tx, identity);
    if (identity !== null && (port === null || port.appliedRevision === null))
      throw new AppError("NOT_PROVISIONED", "There is nothing to hold Hasura against.", {
        problems: [{ path: "componentId", message: "names a port that is not provisioned" }],
      });
    const facts = {
      kind: "RECONCILE" as const,
      fingerprint: fingerprint({ kind: "RECONCILE", mode, portId: port?.id ?? null }),
      request: { mode },
    };
    const same = await tx.operation.findFirst({
      where: { hasuraId, status: "RUNNING", fingerprint: facts.fingerprint },
    });
    if (same !== null) return same.token;
    const token = randomUUID();
    const where = port ?? { hasuraId, environment: "default" };
    await recordOperation(ctx, tx, where, token, actor, facts);
    await wake(tx, { task: "commit", hasuraId });
    return token;
  });
}

/** What is to hold of a port from now on; what is absent stays as it is. */
export interface PauseInput extends PortInput {
  readonly paused?: boolean | undefined;
  readonly protected?: boolean | undefined;
  readonly reason: string;
}

/**
 * Pauses a port, protects it from teardown, or ends either.
 * @throws AppError NOT_FOUND when there is no such port
 */
export async function pauseOutputPort(
  ctx: OperationsContext,
  input: PauseInput,
  actor: string,
): Promise<string> {
  const { paused, protected: guarded, reason } = input;
  const identity = await identityFrom(ctx, input, "descriptor");
  const token = randomUUID();
  await ctx.db.$transaction(async (tx) => {
    const port = await lockPort(tx, identity);
    if (port === null) throw unknownPort();
    const at = new Date();
    const data: Prisma.OutputPortUpdateInput = {
      ...(paused === undefined
        ? {}
        : paused
          ? { pausedAt: at, pausedBy: actor, pauseReason: reason }
          : { pausedAt: null, pausedBy: null, pauseReason: null }),
      ...(guarded === undefined
        ? {}
        : guarded
          ? { protectedAt: at, protectedBy: actor, protectReason: reason }
          : { protectedAt: null, protectedBy: null, protectReason: null }),
    };
    await tx.outputPort.update({ where: { id: port.id }, data });
    const facts = { paused: paused ?? null, protected: guarded ?? null, reason };
    await recordOperation(ctx, tx, port, token, actor, {
      kind: "PAUSE",
      fingerprint: fingerprint({ kind: "PAUSE", id: port.id, ...facts }),
      request: { reason },
    });
    const result = pauseResult(paused, guarded, reason);
    await completeOperation(tx, token, result);
  });
  return token;
}

function pauseResult(
  paused: boolean | undefined,
  guarded: boolean | undefined,
  reason: string,
): string {
  const parts = [
    ...(paused === undefined ? [] : [paused ? "It is paused" : "It is not paused any more"]),
    ...(guarded === undefined
      ? []
      : [guarded ? "It is protected from teardown" : "It is not protected any more"]),
  ];
  return `${parts.join("; ") || "Nothing was changed"}: ${reason}`;
}

/**
 * Lets a finding be, with the reason.
 * @throws AppError NOT_FOUND
 */
export async function acknowledge(
  ctx: OperationsContext,
  input: { readonly id: string; readonly reason: string },
  actor: string,
): Promise<string> {
  const token = randomUUID();
  const { id, reason } = input;
  await ctx.db.$transaction(async (tx) => {
    const finding = await acknowledgeFinding(tx, id, { actor, reason });
    const where = {
      hasuraId: finding.hasuraId,
      environment: finding.environment ?? "default",
      ...(finding.portId === null ? {} : { id: finding.portId }),
    };
    await recordOperation(ctx, tx, where, token, actor, {
      kind: "ACKNOWLEDGE",
      fingerprint: fingerprint({ kind: "ACKNOWLEDGE", id, reason }),
      request: { reason },
    });
    const result = `${finding.name} ${finding.message}: ${reason}`;
    await endOperation(tx, token, { status: "COMPLETED", result });
  });
  return token;
}
