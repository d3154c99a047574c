/**
 * Who is let in and who is refused, counted in memory and written now and then. A request never waits for it. What was
 * counted since the last writing is lost when the process is killed, and no more; memory is bounded, whatever comes.
 */
import { type Decision, portsOf } from "../domain/access.ts";
import type { Access } from "../domain/access-index.ts";
import type { Db } from "../inventory/db.ts";
import { addUses, noteCombinedRoleUses, noteGrantUses } from "../inventory/usage.ts";
import type { Logger } from "../observability/logger.ts";

const FLUSH_MS = 5_000;
/** Sums that are kept at most; beyond them it is counted in less detail. */
const KEPT_AT_MOST = 20_000;
/** Grants that are noted of one sum: a user's own and those of some groups. */
const GRANTS_A_SUM = 50;
const DAY_MS = 86_400_000;
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
  if (holder.kind === "PORT")
    return {
      ports: [holder.id],
      grants: given.map(({ subject }) => ({ holderId: holder.id, subject })),
      combinedRoleId: null,
    };
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

/** What was counted of one kind since it was last written. Times are in ms since the epoch. */
interface Sum {
  readonly day: string;
  readonly portId: string | null;
  readonly subject: string;
  readonly outcome: string;
  count: number;
  firstAt: number;
  lastAt: number;
  readonly grants: { readonly holderId: string; readonly subject: string }[];
  combinedRoleId: string | null;
}

type Counted = Map<string, Sum>;

/** Starts to count, and to write every few seconds. */
export function startUsage(options: UsageOptions): Usage {
  const today = createDays();
  let counted: Counted = new Map();
  let flushing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    const taken = counted;
    counted = new Map();
    try {
      await write(taken, options);
    } catch (error) {
      options.log.warn({ err: error }, "usage: could not be written; it is kept for the next time");
      for (const sum of taken.values()) add(counted, sum, options);
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
      if (!stopped) countAnswer(counted, answer, today, options);
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

const NOBODY: PortUse = { ports: [], grants: [], combinedRoleId: null };
const NO_PORT = [null] as const;

/** Makes what tells the day of a time: the text is made once a day, not once a request. */
function createDays(): (at: number) => string {
  let text = "";
  let from = 0;
  return (at) => {
    if (at < from || at >= from + DAY_MS) {
      from = Math.floor(at / DAY_MS) * DAY_MS;
      text = new Date(from).toISOString().slice(0, 10);
    }
    return text;
  };
}

function countAnswer(
  counted: Counted,
  { outcome, subject, use = NOBODY }: AccessUse,
  dayOf: (at: number) => string,
  options: UsageOptions,
): void {
  const at = Date.now();
  const withSubject = options.detail === "subject";
  for (const portId of use.ports.length === 0 ? NO_PORT : use.ports)
    add(
      counted,
      {
        day: dayOf(at),
        portId,
        subject: withSubject ? (subject ?? "") : "",
        outcome,
        count: 1,
        firstAt: at,
        lastAt: at,
        grants: withSubject ? use.grants : [],
        combinedRoleId: use.combinedRoleId,
      },
      options,
    );
}

type Addend = Omit<Readonly<Sum>, "grants"> & Pick<PortUse, "grants">;

function add(counted: Counted, one: Addend, { keptAtMost = KEPT_AT_MOST }: UsageOptions): void {
  const key = keyOf(one);
  const sum = counted.get(key);
  if (sum !== undefined) addTo(sum, one);
  else if (counted.size < keptAtMost) counted.set(key, { ...one, grants: [...one.grants] });
  else {
    // Too many: only what happened, not to whom and where. There are few kinds of that.
    const less: Addend = { ...one, portId: null, subject: "", grants: [] };
    const rest = counted.get(keyOf(less));
    if (rest === undefined) counted.set(keyOf(less), { ...less, grants: [] });
    else addTo(rest, less);
  }
}

function keyOf({ day, portId, outcome, subject }: Addend): string {
  return `${portId} ${outcome} ${day} ${subject}`;
}

function addTo(sum: Sum, one: Addend): void {
  sum.count += one.count;
  if (one.firstAt < sum.firstAt) sum.firstAt = one.firstAt;
  if (one.lastAt > sum.lastAt) sum.lastAt = one.lastAt;
  sum.combinedRoleId = one.combinedRoleId ?? sum.combinedRoleId;
  for (const grant of one.grants) {
    const isKnown = sum.grants.some(
      ({ holderId, subject }) => holderId === grant.holderId && subject === grant.subject,
    );
    if (!isKnown && sum.grants.length < GRANTS_A_SUM) sum.grants.push(grant);
  }
}

/** Takes off what is written, so that the rest is left after a failure. */
async function write(counted: Counted, { db, hasuraId }: UsageOptions): Promise<void> {
  while (counted.size > 0) {
    const part: [string, Sum][] = [];
    for (const entry of counted) if (part.push(entry) === WRITTEN_AT_ONCE) break;
    const sums = part.map(([, sum]) => sum);
    await addUses(
      db,
      hasuraId,
      sums.map((sum) => ({
        ...sum,
        firstAt: new Date(sum.firstAt),
        lastAt: new Date(sum.lastAt),
      })),
    );
    for (const [key] of part) counted.delete(key);
    // Only notes: if these cannot be written, the next use will.
    await noteGrantUses(
      db,
      sums.flatMap((sum) => sum.grants.map((grant) => ({ ...grant, at: new Date(sum.lastAt) }))),
    );
    await noteCombinedRoleUses(
      db,
      sums.flatMap(({ combinedRoleId: id, lastAt }) =>
        id === null ? [] : [{ id, at: new Date(lastAt) }],
      ),
    );
  }
}
