/**
 * Who is let in and who is refused, counted in memory and written now and then. A request never waits for it. What was
 * counted since the last writing is lost when the process is killed, and no more; memory is bounded, whatever comes.
 */
import { type Decision, portsOf } from "../domain/access.ts";
import type { Access } from "../domain/access-index.ts";
import type { Db } from "../inventory/db.ts";
import { addUses, noteCombinedRoleUses, noteGrantUses, type Use } from "../inventory/usage.ts";
import type { Logger } from "../observability/logger.ts";

const FLUSH_MS = 5_000;
/** Entries of each kind that are kept at most; beyond them it is counted in less detail. */
const KEPT_AT_MOST = 20_000;
/** Rows a statement. */
const WRITTEN_AT_ONCE = 1_000;
/** How long stopping waits for the last writing. */
const STOP_MS = 5_000;
/** Ports of one request that are counted; with more, whoever asks for all there is could fill the memory. */
const PORTS_COUNTED = 20;

/** What an answer used, or was refused. */
export interface PortUse {
  /** Ids of the ports that were asked for. */
  readonly ports: readonly string[];
  /** The grants that let the request in. */
  readonly grants: readonly { readonly holderId: string; readonly subject: string }[];
  /** The combined role that it runs under. */
  readonly combinedRoleId: string | null;
}

/** One answer of the webhook. */
export interface AccessUse {
  /** `allowed`, or the refusal's reason. */
  readonly outcome: string;
  /** Canonical ref of the user; `null` when it is not known. */
  readonly subject: string | null;
  /** Absent when it came to no decision. */
  readonly use?: PortUse | undefined;
}

/** What a decision about these root fields (none: whatever is granted) made use of. */
export function portUse(access: Access, fields: ReadonlySet<string>, decision: Decision): PortUse {
  if (!decision.allow) {
    const ports = portsOf(access, fields).slice(0, PORTS_COUNTED);
    return { ports, grants: [], combinedRoleId: null };
  }
  const { holder, given } = decision;
  const asked = fields.size === 0 ? null : new Set(portsOf(access, fields));
  const members = holder.kind === "COMBINED" ? holder.members : [holder.id];
  const used = members.filter((id) => holder.kind !== "COMBINED" || (asked?.has(id) ?? true));
  return {
    ports: holder.kind === "EXTERNAL" ? [] : used.slice(0, PORTS_COUNTED),
    grants: given.flatMap(({ subject, grants }) =>
      used.includes(grants.holder.id) ? [{ holderId: grants.holder.id, subject }] : [],
    ),
    combinedRoleId: holder.kind === "COMBINED" ? holder.id : null,
  };
}

export interface Usage {
  /** Counts an answer. Never waits, never throws. */
  count(answer: AccessUse): void;
  /** Writes what was counted. Never throws: what could not be written is kept for the next time. */
  flush(): Promise<void>;
  /** Writes once more and counts no longer. */
  stop(): Promise<void>;
}

export interface UsageOptions {
  readonly db: Db;
  readonly hasuraId: string;
  /** `port`: subjects are not recorded. */
  readonly detail: "port" | "subject";
  readonly log: Logger;
  /** Absent: 5 s. */
  readonly flushMs?: number;
  /** Absent: 20,000. */
  readonly keptAtMost?: number;
}

type Sum = { -readonly [Key in keyof Use]: Use[Key] };

interface Counted {
  readonly uses: Map<string, Sum>;
  readonly grants: Map<string, { holderId: string; subject: string; at: Date }>;
  readonly combined: Map<string, { id: string; at: Date }>;
}

/** Starts to count, and to write every few seconds. */
export function startUsage(options: UsageOptions): Usage {
  let counted = nothing();
  let flushing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    const taken = counted;
    counted = nothing();
    try {
      await write(taken, options);
    } catch (error) {
      options.log.warn({ err: error }, "usage: could not be written; it is kept for the next time");
      for (const use of taken.uses.values()) addUse(counted, use, options);
      for (const [key, use] of taken.grants)
        if (!counted.grants.has(key)) put(counted.grants, key, use, options);
      for (const [key, use] of taken.combined)
        if (!counted.combined.has(key)) put(counted.combined, key, use, options);
    }
  };
  const flushOnce = (): Promise<void> => {
    flushing ??= flush().finally(() => {
      flushing = undefined;
    });
    return flushing;
  };
  const timer = setInterval(() => void flushOnce(), options.flushMs ?? FLUSH_MS);
  timer.unref();
  let stopped = false;
  return {
    count: (answer) => {
      if (!stopped) countUse(counted, answer, options);
    },
    flush: flushOnce,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      // What is being written now, and then what was counted meanwhile.
      const last = flushOnce().then(flushOnce);
      await Promise.race([last, new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())]);
    },
  };
}

function nothing(): Counted {
  return { uses: new Map(), grants: new Map(), combined: new Map() };
}

function countUse(counted: Counted, answer: AccessUse, options: UsageOptions): void {
  const at = new Date();
  const day = at.toISOString().slice(0, 10);
  const withSubject = options.detail === "subject";
  const subject = withSubject ? (answer.subject ?? "") : "";
  const { ports = [], grants = [], combinedRoleId: id = null } = answer.use ?? {};
  for (const portId of ports.length === 0 ? [null] : ports)
    addUse(
      counted,
      { day, portId, subject, outcome: answer.outcome, count: 1, firstAt: at, lastAt: at },
      options,
    );
  if (id !== null) put(counted.combined, id, { id, at }, options);
  if (!withSubject) return;
  for (const grant of grants)
    put(counted.grants, `${grant.holderId} ${grant.subject}`, { ...grant, at }, options);
}

function addUse({ uses }: Counted, use: Use, { keptAtMost = KEPT_AT_MOST }: UsageOptions): void {
  // When there are too many: only what happened, not to whom and where. There are few kinds of that.
  const kept =
    uses.size < keptAtMost || uses.has(keyOf(use)) ? use : { ...use, portId: null, subject: "" };
  const sum = uses.get(keyOf(kept));
  if (sum === undefined) {
    uses.set(keyOf(kept), { ...kept });
    return;
  }
  sum.count += kept.count;
  if (kept.firstAt < sum.firstAt) sum.firstAt = kept.firstAt;
  if (kept.lastAt > sum.lastAt) sum.lastAt = kept.lastAt;
}

function keyOf({ day, portId, outcome, subject }: Use): string {
  return `${day} ${portId} ${outcome} ${subject}`;
}

function put<Value>(
  map: Map<string, Value>,
  key: string,
  value: Value,
  { keptAtMost = KEPT_AT_MOST }: UsageOptions,
): void {
  if (map.size < keptAtMost || map.has(key)) map.set(key, value);
}

/** Takes off what is written, so that the rest is left after a failure. */
async function write(
  { uses, grants, combined }: Counted,
  { db, hasuraId }: UsageOptions,
): Promise<void> {
  await inParts(uses, (part) => addUses(db, hasuraId, part));
  await inParts(grants, (part) => noteGrantUses(db, part));
  await inParts(combined, (part) => noteCombinedRoleUses(db, part));
}

async function inParts<Value>(
  map: Map<string, Value>,
  writePart: (part: Value[]) => Promise<void>,
): Promise<void> {
  while (map.size > 0) {
    const part = [...map].slice(0, WRITTEN_AT_ONCE);
    await writePart(part.map(([, value]) => value));
    for (const [key] of part) map.delete(key);
  }
}
