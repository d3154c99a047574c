/** Accepting that a port shall be as a descriptor says. */
import { randomUUID } from "node:crypto";
import { roleName } from "../domain/names.ts";
import { fingerprint } from "../domain/operation.ts";
import type { PortSpec } from "../domain/output-port.ts";
import { problemText } from "../domain/problem-text.ts";
import { AppError, type Problem } from "../errors.ts";
import type { Tx } from "../inventory/db.ts";
import type { OutputPort } from "../inventory/generated/client.ts";
import { claimNames, type NameClaim, type TakenName } from "../inventory/names.ts";
import { recordNewPort } from "../inventory/new-port.ts";
import { logOperations } from "../inventory/operations.ts";
import { acceptRevision, lockOrCreatePort, type PortIdentity } from "../inventory/ports.ts";
import { addRevision, type NewRevision, readRevision } from "../inventory/revisions.ts";
import { deadlineOf, recordOperation, refuseIfHeld, sameRunning } from "./accept.ts";
import type { OperationsContext } from "./context.ts";
import { wake, wakeSql } from "./queue.ts";
import { portClaims, takenProblems } from "./read-port.ts";

/** A change that was read and has no faults. */
export interface ProvisionChange {
  readonly identity: PortIdentity;
  /** Whether the port was never asked for when this was read. */
  readonly isNew: boolean;
  readonly spec: PortSpec;
  readonly descriptor: string;
  readonly actor: string;
  readonly fingerprint: string;
  readonly request: { readonly removeData: boolean; readonly warnings: Problem[] };
}

/**
 * @returns the operation's token; the running one's when the same was asked just before
 * @throws AppError NAME_TAKEN, PORT_PAUSED
 */
export async function acceptProvision(
  ctx: OperationsContext,
  change: ProvisionChange,
): Promise<string> {
  const token = randomUUID();
  if (change.isNew && (await acceptNew(ctx, change, token))) return token;
  return ctx.db.$transaction((tx) => accept(ctx, tx, change, token));
}

/** @returns whether it was accepted; if not, the port is not new any more, or a name of it is somebody else's */
async function acceptNew(
  ctx: OperationsContext,
  { identity, spec, descriptor, actor, request, ...change }: ProvisionChange,
  token: string,
): Promise<boolean> {
  const kind = "PROVISION" as const;
  const role = roleName(spec);
  const claims = [roleClaim(role), ...portClaims(spec)];
  const deadlineAt = deadlineOf(ctx, kind);
  const operation = { kind, token, actor, request, deadlineAt, fingerprint: change.fingerprint };
  return recordNewPort(
    ctx.db,
    { identity, spec, role, claims, descriptor, operation },
    wakeSql({ task: "commit", hasuraId: ctx.hasuraId }),
  );
}

async function accept(
  ctx: OperationsContext,
  tx: Tx,
  change: ProvisionChange,
  token: string,
): Promise<string> {
  const { identity, spec, descriptor, actor, request } = change;
  const port = await lockOrCreatePort(tx, identity, spec, roleName(spec));
  const same = await sameRunning(tx, port, change.fingerprint);
  if (same !== null) return same.token;
  refuseIfHeld(port, "PROVISION");
  const taken = await claimPortNames(tx, port, spec);
  if (taken.length > 0)
    throw new AppError("NAME_TAKEN", "A GraphQL name of this port belongs to another.", {
      problems: takenProblems(spec, taken),
    });
  const asRevised = { portId: port.id, spec, descriptor, operationToken: token };
  const revision = await reviseTo(tx, port, asRevised);
  await acceptRevision(tx, port, spec, revision);
  const facts = { kind: "PROVISION" as const, fingerprint: change.fingerprint, request, revision };
  await recordOperation(ctx, tx, port, token, actor, facts);
  await logOperations(
    tx,
    request.warnings.map((warning) => ({
      token,
      level: "WARNING",
      phase: "validate",
      message: problemText(warning),
    })),
  );
  await wake(tx, { task: "commit", hasuraId: ctx.hasuraId });
  return token;
}

function ownerOf({ id: portId, environment }: OutputPort) {
  return { portId, environment };
}

/** Claims the port's role and its GraphQL names. @returns the GraphQL names that others own */
async function claimPortNames(tx: Tx, port: OutputPort, spec: PortSpec): Promise<TakenName[]> {
  const claims = [roleClaim(port.role), ...portClaims(spec)];
  const taken = await claimNames(
    tx,
    port.hasuraId,
    claims.map((claim) => ({ ...claim, ...ownerOf(port) })),
  );
  const graphql = taken.filter(({ namespace }) => namespace !== "ROLE");
  if (graphql.length < taken.length) await claimAnotherRole(tx, port, spec);
  return graphql;
}

function roleClaim(name: string): NameClaim {
  return { namespace: "ROLE", name, purpose: "role" };
}

const ROLE_ATTEMPTS = 5;

/** A role is decided once; while the port is new, a taken name gives way to the next. */
async function claimAnotherRole(tx: Tx, port: OutputPort, spec: PortSpec): Promise<void> {
  for (let attempt = 1; attempt <= ROLE_ATTEMPTS; attempt += 1) {
    const role = roleName(spec, attempt);
    const claim = { ...roleClaim(role), ...ownerOf(port) };
    if ((await claimNames(tx, port.hasuraId, [claim])).length > 0) continue;
    await tx.outputPort.update({ where: { id: port.id }, data: { role } });
    return;
  }
  throw new AppError("INTERNAL", "No free name was found for the port's role.");
}

/** The number of the revision that says these facts: the accepted one if it does, else a new one. */
async function reviseTo(tx: Tx, port: OutputPort, revision: NewRevision): Promise<number> {
  const accepted = await readRevision(tx, port.id, port.acceptedRevision);
  if (accepted !== null && fingerprint(accepted.spec) === fingerprint(revision.spec))
    return accepted.number;
  return addRevision(tx, revision);
}
