/** What accepting an operation of any kind has in common: which port is meant, and the row that is recorded. */
import { environmentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import type { Tx } from "../inventory/db.ts";
import type { Operation, OperationKind, OutputPort } from "../inventory/generated/client.ts";
import { addOperation, newestOperation, newestRunningChange } from "../inventory/operations.ts";
import { findPort, type PortIdentity } from "../inventory/ports.ts";
import type { OperationsContext } from "./context.ts";
import { readPortName } from "./read-port.ts";
import type { OperationRequest } from "./request.ts";

/** A port by its URN, or by a descriptor that names it. */
export interface PortInput {
  readonly componentId?: string | undefined;
  readonly environment?: string | undefined;
  readonly descriptor?: string | undefined;
}

export type OperationFacts = {
  kind: OperationKind;
  fingerprint: string;
  request: Partial<OperationRequest>;
  revision?: number;
  accessGeneration?: bigint;
};

export function identityOf(
  ctx: OperationsContext,
  port: { componentId: string; environment: string },
) {
  const { componentId, environment } = port;
  return { hasuraId: ctx.hasuraId, componentId, environment };
}

/**
 * Which port is meant.
 * @param path of the descriptor, for problems with it
 * @throws AppError BAD_REQUEST, INVALID_DESCRIPTOR, AMBIGUOUS
 */
export async function identityFrom(
  ctx: OperationsContext,
  input: PortInput,
  path: string,
): Promise<PortIdentity> {
  const { componentId, environment, descriptor } = input;
  if (componentId === undefined) {
    if (descriptor !== undefined) return identityOf(ctx, readPortName(descriptor, path));
    throw new AppError("BAD_REQUEST", "It is not said which output port is meant.", {
      problems: [{ path: "componentId", message: "is missing", suggestion: "the port's URN" }],
    });
  }
  if (environment !== undefined)
    return identityOf(ctx, { componentId, environment: environmentKey(environment) });
  const port = await findPort(ctx.db, { hasuraId: ctx.hasuraId, componentId });
  return identityOf(ctx, { componentId, environment: port?.environment ?? environmentKey(null) });
}

/** The newest operation of the port, when it is the same and still running: asking twice is asking once. */
export async function sameRunning(
  tx: Tx,
  port: OutputPort,
  asked: string,
): Promise<Operation | null> {
  const newest = await newestOperation(tx, port.id);
  return newest?.status === "RUNNING" && newest.fingerprint === asked ? newest : null;
}

/** Whether it is live, or will be when what is on its way is done; a teardown on its way says no. */
export async function isProvisioned(tx: Tx, port: OutputPort): Promise<boolean> {
  const running = await newestRunningChange(tx, port.id);
  return running === null ? port.phase === "ACTIVE" : running.kind === "PROVISION";
}

/** @param path of what names the port */
export function notProvisioned(identity: PortIdentity, path: string): AppError {
  const { componentId, environment } = identity;
  return new AppError(
    "NOT_PROVISIONED",
    `The output port ${componentId} is not provisioned in environment ${environment}.`,
    {
      problems: [
        { path, message: "names a port that is not provisioned", suggestion: "provision it first" },
      ],
    },
  );
}

export function unknownPort(): AppError {
  return new AppError("NOT_FOUND", "There is no such output port.", {
    problems: [{ path: "componentId", message: "names no port that was ever asked for" }],
  });
}

/** @throws AppError PORT_PAUSED, or PORT_PROTECTED for a teardown */
export function refuseIfHeld(port: OutputPort, change: "PROVISION" | "UNPROVISION"): void {
  const held = (
    code: "PORT_PAUSED" | "PORT_PROTECTED",
    what: string,
    by: string | null,
    why: string | null,
  ) =>
    new AppError(code, `The output port is ${what} by ${by}: ${why}`, {
      problems: [
        {
          path: "componentIdToProvision",
          message: `names a port that is ${what}`,
          suggestion: `ask ${by}, or end it with the mutation pauseOutputPort`,
        },
      ],
    });
  if (port.pausedAt !== null) throw held("PORT_PAUSED", "paused", port.pausedBy, port.pauseReason);
  if (change === "UNPROVISION" && port.protectedAt !== null)
    throw held("PORT_PROTECTED", "protected from teardown", port.protectedBy, port.protectReason);
}

/** Until when an operation that is accepted now may be tried. */
export function deadlineOf(ctx: OperationsContext, kind: OperationKind): Date {
  return new Date(Date.now() + ctx.deadlineMs(kind));
}

/** Records an operation as running. */
export async function recordOperation(
  ctx: OperationsContext,
  tx: Tx,
  where: { hasuraId: string; environment: string; id?: string },
  token: string,
  actor: string,
  facts: OperationFacts,
): Promise<void> {
  const { hasuraId, environment, id } = where;
  const deadlineAt = deadlineOf(ctx, facts.kind);
  await addOperation(tx, {
    ...facts,
    ...{ token, hasuraId, environment, portId: id ?? null, actor, deadlineAt },
  });
}
