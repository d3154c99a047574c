/**
 * Accepting a change: one transaction that locks the port, compares, claims names, records the revision and the
 * operation, and wakes a worker. What is refused here leaves nothing behind.
 */
import { randomUUID } from "node:crypto";
import { fingerprint } from "../domain/operation.ts";
import { storable } from "../domain/storable.ts";
import { parseRefs, spelledSubject } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { bumpGeneration } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import type { OutputPort } from "../inventory/generated/client.ts";
import { endAllGrants } from "../inventory/grants.ts";
import { noteSpellings } from "../inventory/mirror.ts";
import { endOperation, newestRunningChange } from "../inventory/operations.ts";
import { lockPort } from "../inventory/ports.ts";
import {
  identityFrom,
  identityOf,
  isProvisioned,
  notProvisioned,
  type PortInput,
  recordOperation,
  refuseIfHeld,
  sameRunning,
} from "./accept.ts";
import { acceptProvision } from "./accept-provision.ts";
import type { OperationsContext } from "./context.ts";
import { wakeMirror } from "./mirror.ts";
import { wake } from "./queue.ts";
import { type DescriptorInput, readPort, requireSpec } from "./read-port.ts";

/**
 * Accepts that a port shall be as the descriptor says.
 * @returns the operation's token; the running one's when the same was asked just before
 * @throws AppError INVALID_DESCRIPTOR, NAME_TAKEN, PORT_PAUSED
 */
export async function submitProvision(
  ctx: OperationsContext,
  input: DescriptorInput & { removeData?: boolean | undefined },
  actor: string,
): Promise<string> {
  const reading = await readPort(ctx.db, ctx.hasuraId, input);
  const spec = requireSpec(reading);
  const removeData = input.removeData ?? false;
  const { descriptor } = input;
  return acceptProvision(ctx, {
    ...{ spec, descriptor, actor, isNew: reading.isNew },
    identity: identityOf(ctx, spec),
    fingerprint: fingerprint({ kind: "PROVISION", spec, removeData }),
    request: { removeData, warnings: [...reading.warnings] },
  });
}

/**
 * Accepts that a port shall be gone. Access ends in this very transaction, whatever becomes of Hasura. A port that was
 * never provisioned, or is gone already, is a completed operation.
 * @throws AppError INVALID_DESCRIPTOR when it cannot be told which port is meant, PORT_PAUSED, PORT_PROTECTED
 */
export async function submitUnprovision(
  ctx: OperationsContext,
  input: PortInput & { removeData?: boolean | undefined },
  actor: string,
): Promise<string> {
  const identity = await identityFrom(ctx, input, "descriptor");
  const removeData = input.removeData ?? false;
  const asked = fingerprint({ kind: "UNPROVISION", identity, removeData });
  const facts = { kind: "UNPROVISION" as const, fingerprint: asked, request: { removeData } };

  return ctx.db.$transaction(async (tx) => {
    const port = await lockPort(tx, identity);
    const token = randomUUID();
    if (port === null || (await isGone(tx, port))) {
      await recordOperation(ctx, tx, port ?? identity, token, actor, facts);
      await endOperation(tx, token, {
        status: "COMPLETED",
        result: "There is nothing to remove: the output port is not provisioned.",
      });
      return token;
    }
    const same = await sameRunning(tx, port, asked);
    if (same !== null) return same.token;
    refuseIfHeld(port, "UNPROVISION");
    await endAllGrants(tx, port.id, "the output port was unprovisioned");
    const accessGeneration = await bumpGeneration(tx, { holders: [port.id] });
    await recordOperation(ctx, tx, port, token, actor, { ...facts, accessGeneration });
    await wake(tx, { task: "commit", hasuraId: ctx.hasuraId });
    await wakeMirror(ctx, tx);
    return token;
  });
}

/**
 * Accepts that exactly these subjects may read a port. All refs are good, or nothing changes.
 * @throws AppError INVALID_REFS naming each bad one, NOT_PROVISIONED, INVALID_DESCRIPTOR
 */
export async function submitUpdateAcl(
  ctx: OperationsContext,
  input: PortInput & { refs: readonly string[] },
  actor: string,
): Promise<string> {
  const refs = parseRefs(input.refs);
  if (!refs.ok)
    throw new AppError("INVALID_REFS", "The access list has faults; nothing was changed.", {
      problems: refs.problems,
    });
  const path = "provisionInfo.request";
  const identity = await identityFrom(ctx, input, path);
  const subjects = [...refs.subjects];
  const asked = fingerprint({ kind: "UPDATE_ACL", identity, subjects });

  return ctx.db.$transaction(async (tx) => {
    const port = await lockPort(tx, identity);
    if (port === null || !(await isProvisioned(tx, port)))
      throw notProvisioned(identity, input.descriptor === undefined ? "componentId" : path);
    const same = await sameRunning(tx, port, asked);
    if (same !== null) return same.token;
    const token = randomUUID();
    // As it was sent only where a group can still turn out to be wrong.
    const request = ctx.directory === null ? { subjects } : { subjects, refs: [...input.refs] };
    const facts = { kind: "UPDATE_ACL" as const, fingerprint: asked, request };
    await recordOperation(ctx, tx, port, token, actor, facts);
    if (ctx.roleMapper !== null) await noteSpellings(tx, input.refs.map(spelledSubject));
    await wake(tx, { task: "beside", token });
    return token;
  });
}

/** Accepts a thorough validation: the quick check, and whether the source holds what the descriptor names. */
export async function submitValidation(
  ctx: OperationsContext,
  input: DescriptorInput,
  actor: string,
): Promise<string> {
  const token = randomUUID();
  const { descriptorKind } = input;
  // Another control character is as wrong, and at the same place: the verdict is the same.
  const descriptor = storable(input.descriptor, "\u0001");
  const facts = {
    kind: "VALIDATE" as const,
    fingerprint: fingerprint({ kind: "VALIDATE", descriptor, descriptorKind }),
    request: { descriptor, descriptorKind },
  };
  await ctx.db.$transaction(async (tx) => {
    await recordOperation(
      ctx,
      tx,
      { hasuraId: ctx.hasuraId, environment: "default" },
      token,
      actor,
      facts,
    );
    await wake(tx, { task: "beside", token });
  });
  return token;
}

/** Nothing of the port is left, and nothing is on its way. */
async function isGone(tx: Tx, port: OutputPort): Promise<boolean> {
  return port.phase === "REMOVED" && (await newestRunningChange(tx, port.id)) === null;
}
