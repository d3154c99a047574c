/**
 * Keeping an older role mapper up to date with what holds of ports: their roles, root fields and access lists. It comes
 * after a change is in force here, and nothing here waits for it. What is sent is always what holds then, so a change
 * that was overtaken is never sent; it is tried until the role mapper agrees.
 */
import { mirroredAccess } from "../domain/mirror.ts";
import { fingerprint } from "../domain/operation.ts";
import { AppError } from "../errors.ts";
import { awaitEnforced } from "../inventory/access.ts";
import type { DbOrTx } from "../inventory/db.ts";
import { LOCK_KINDS } from "../inventory/locks.ts";
import {
  beginMirror,
  dueMirrors,
  isMirrorDue,
  type MirrorState,
  nextMirrorAt,
  noteAnswer,
  noteOutage,
  noticeChanges,
  type PortToMirror,
  postponeMirror,
  readPortToMirror,
  recordMirror,
} from "../inventory/mirror.ts";
import type { RoleMapper, RoleMapperFailure } from "../role-mapper/client.ts";
import type { OperationsContext } from "./context.ts";
import { wake } from "./queue.ts";

/** Ports that are looked at before changes are noticed again. */
const PORTS_AT_ONCE = 20;

const FIRST_PAUSE_MS = 1_000;
/** Of a port that is refused, and of a role mapper that does not answer. */
const LONGEST_PORT_PAUSE_MS = 15 * 60_000;
const LONGEST_OUTAGE_PAUSE_MS = 60_000;

/** How long a webhook that does not follow is waited for, and how long the port is then let be. */
const ENFORCED_WITHIN_MS = 10_000;
const FOLLOW_PAUSE_MS = 5_000;

/** After how many time-outs nothing is carried out late any more: the older service writes a list line by line. */
const SETTLING_TIMEOUTS = 4;

/** Wakes the mirror, where there is one, when the transaction commits. */
export async function wakeMirror(
  { roleMapper, hasuraId }: OperationsContext,
  tx: DbOrTx,
): Promise<void> {
  if (roleMapper !== null) await wake(tx, { task: "mirror", hasuraId });
}

/**
 * Tells the role mapper what it does not know yet, if nobody else does.
 * @param stopping when aborted, what is on its way is the last
 */
export async function mirrorPorts(ctx: OperationsContext, stopping: AbortSignal): Promise<void> {
  const { roleMapper, db, hasuraId } = ctx;
  if (roleMapper === null) return;
  const of = { hasuraId, url: roleMapper.url };
  const lock = { kind: LOCK_KINDS.mirror, name: hasuraId };
  // Whoever was turned away relies on the holder: so it looks again after it let go.
  while (!stopping.aborted && (await isMirrorDue(db, of))) {
    const wasFree = await ctx.locks.hold(lock, (isLost) =>
      workOff(ctx, roleMapper, () => isLost() || stopping.aborted),
    );
    if (!wasFree) return;
  }
  const at = await nextMirrorAt(db, hasuraId);
  if (at !== null) await wake(db, { task: "mirror", hasuraId }, { token: "due", at });
}

async function workOff(
  ctx: OperationsContext,
  roleMapper: RoleMapper,
  isOver: () => boolean,
): Promise<void> {
  const { db, hasuraId } = ctx;
  while (!isOver()) {
    await noticeChanges(db, { hasuraId, url: roleMapper.url });
    const due = await dueMirrors(db, hasuraId, PORTS_AT_ONCE);
    if (due.length === 0) return;
    for (const portId of due) {
      if (isOver()) return;
      if (!(await mirrorPort(ctx, roleMapper, portId, isOver))) return;
    }
  }
}

/** What the role mapper is to hold of a port. */
interface Wanted {
  readonly role: string;
  readonly componentId: string;
  /** Null: they stay as they are, for nobody has the role. */
  readonly rootFields: readonly string[] | null;
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/**
 * Makes the role mapper agree about one port.
 * @returns whether it answers; if not, it is let be for a while
 */
async function mirrorPort(
  ctx: OperationsContext,
  roleMapper: RoleMapper,
  portId: string,
  isOver: () => boolean,
): Promise<boolean> {
  const { db, log, hasuraId } = ctx;
  const port = await readPortToMirror(db, portId);
  const { wanted, changesAt } = wantedOf(port);
  const digest = fingerprint(wanted);
  const dueInMs = changesAt === null ? null : Math.max(changesAt - port.now, 0);
  if (digest === port.digest) {
    await recordMirror(db, portId, agreed(wanted, digest, dueInMs));
    return true;
  }
  if (!(await isEnforced(ctx, port.generation))) {
    await postponeMirror(db, portId, FOLLOW_PAUSE_MS);
    return true;
  }
  await beginMirror(db, portId, SETTLING_TIMEOUTS * roleMapper.timeoutMs);
  const failures = await send(roleMapper, wanted, isOver);
  if (failures === null) return false;
  const outage = failures.find(({ reason }) => reason === "UNAVAILABLE");
  const unsettled = port.settlesAt !== null && port.settlesAt > port.now ? port.settlesAt : null;
  const [failure] = outage === undefined ? failures : [outage];
  if (failure === undefined) {
    const state =
      unsettled === null ? agreed(wanted, digest, dueInMs) : settling(unsettled, port.now);
    await recordMirror(db, portId, state);
    if (port.attempts > 0) log.info({ port: port.componentId }, "the role mapper agrees again");
  } else {
    const message = await explained(roleMapper, wanted, failure);
    const settlesAt = failures.some(({ lost }) => lost) ? "keep" : unsettled;
    log.warn({ port: port.componentId, role: wanted.role }, message);
    await recordMirror(db, portId, failed(port, failure, message, settlesAt));
    if (outage !== undefined) {
      const condition = conditionOf(outage, message);
      await noteOutage(db, hasuraId, (count) => pause(count, LONGEST_OUTAGE_PAUSE_MS), condition);
      return false;
    }
  }
  await noteAnswer(db, hasuraId);
  return true;
}

function wantedOf(port: PortToMirror): { wanted: Wanted; changesAt: number | null } {
  const { portId, role, componentId, holder, blocks, spellings, now } = port;
  const { users, groups, changesAt } = mirroredAccess(portId, holder?.grants ?? [], blocks, now);
  const spelt = (refs: readonly string[]) =>
    [...new Set(refs.map((ref) => spellings.get(ref) ?? ref))].sort();
  const rootFields = holder === null ? null : [...holder.fields].sort();
  const wanted = { role, componentId, rootFields, users: spelt(users), groups: spelt(groups) };
  return { wanted, changesAt };
}

/** Whether no webhook decides by anything older: the role mapper is never ahead of them. */
async function isEnforced({ db }: OperationsContext, generation: bigint): Promise<boolean> {
  try {
    await awaitEnforced(db, generation, { timeoutMs: ENFORCED_WITHIN_MS });
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "DEADLINE") return false;
    throw error;
  }
}

/**
 * Sends all three lists, though one is refused: access that ended must not stay for the sake of something else.
 * @returns what went wrong; null when it was broken off
 */
async function send(
  roleMapper: RoleMapper,
  { role, componentId, rootFields, users, groups }: Wanted,
  isOver: () => boolean,
): Promise<readonly RoleMapperFailure[] | null> {
  const failures: RoleMapperFailure[] = [];
  for (const put of [
    ...(rootFields === null ? [] : [() => roleMapper.putRole(role, componentId, rootFields)]),
    () => roleMapper.putUsers(role, users),
    () => roleMapper.putGroups(role, groups),
  ]) {
    if (isOver()) return null;
    const answer = await put();
    if (answer.ok) continue;
    // A role that it does not know, nobody has.
    if (rootFields === null && answer.status === 400) continue;
    failures.push(answer);
    if (answer.reason === "UNAVAILABLE") break;
  }
  return failures;
}

/** What is wrong, and what to do where it is known: its own answer to a conflict is nothing but "System error". */
async function explained(
  roleMapper: RoleMapper,
  { role, componentId, rootFields }: Wanted,
  { reason, text }: RoleMapperFailure,
): Promise<string> {
  const told = `The role mapper ${text}.`;
  if (reason === "UNAVAILABLE" || rootFields === null) return told;
  const other = await roleMapper.roleOf(componentId);
  if (other === null || other === role) return told;
  return `${told} It has the role ${other} for this component and takes one role a component: remove that one from its tables.`;
}

function pause(failures: number, longest: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), longest);
}

function agreed({ rootFields }: Wanted, digest: string, dueInMs: number | null): MirrorState {
  const message =
    rootFields === null
      ? "Nobody has the role in the older role mapper."
      : "The older role mapper holds the port's role, its root fields and its access list.";
  const condition = { status: "TRUE", reason: "Agreed", message } as const;
  return { digest, attempts: 0, dueInMs, settlesAt: null, condition };
}

/** It agreed, but what was sent before and never answered may come after it: so it is sent once more when it cannot. */
function settling(settlesAt: number, now: number): MirrorState {
  const message =
    "The older role mapper agreed after an answer was lost. It is told once more, when nothing of the former can come late.";
  const condition = { status: "UNKNOWN", reason: "Settling", message } as const;
  return { digest: null, attempts: 0, dueInMs: settlesAt - now, settlesAt, condition };
}

function failed(
  { attempts }: PortToMirror,
  failure: RoleMapperFailure,
  message: string,
  settlesAt: MirrorState["settlesAt"],
): MirrorState {
  const tried = attempts + 1;
  const dueInMs = pause(tried, LONGEST_PORT_PAUSE_MS);
  const condition = conditionOf(failure, message);
  return { digest: null, attempts: tried, dueInMs, settlesAt, condition };
}

function conditionOf({ reason }: RoleMapperFailure, message: string): MirrorState["condition"] {
  const code = reason === "REFUSED" ? "RoleMapperRefused" : "RoleMapperUnavailable";
  return { status: "FALSE", reason: code, message };
}
