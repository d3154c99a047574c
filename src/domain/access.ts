/**
 * The decision: which one role, if any, a request runs under. Pure; the caller brings the time. `decide` and `explain`
 * are one code: an explanation is what a decision writes down on its way, so the two cannot disagree.
 */
import type { Access, Block, GrantClass, Grants, Holder, HolderKind } from "./access-index.ts";
import type { Asked } from "./graphql-document.ts";

export type AccessRefusal =
  | "NO_GRANT"
  | "BLOCKED"
  | "FIELD_NOT_GRANTED"
  | "SEVERAL_ROLES_NEEDED"
  | "AMBIGUOUS_ROLE";

export interface AccessQuestion {
  /** Canonical refs of whoever asks: `user:…`, `group:…`. */
  readonly subjects: readonly string[];
  readonly asked: Asked;
  /** The client's `X-Hasura-Role`. A wish: heard only where the role is granted and covers what is asked. */
  readonly wishedRole?: string | undefined;
  /** Ms since the epoch, by the clock that ends of grants and blocks are written in. */
  readonly now: number;
}

/** A grant in force, and who of those that ask has it. */
export interface GivenGrant {
  readonly subject: string;
  readonly grants: Grants;
}

export type Decision =
  | {
      readonly allow: true;
      readonly role: string;
      /** When the role's last grant ends, in ms since the epoch; `Infinity` when none does by itself. */
      readonly until: number;
      readonly holder: Holder;
      /** All that let the request in. */
      readonly given: readonly GivenGrant[];
    }
  | {
      readonly allow: false;
      readonly reason: AccessRefusal;
      /**
       * With SEVERAL_ROLES_NEEDED: ids of the granted ports that a combined role would need, sorted; absent where no
       * such role could be made.
       */
      readonly ports?: readonly string[];
    };

/** Which rule decided: the wish, the smallest role, or the refusal's reason. */
export type AccessRule = "WISHED_ROLE" | "SMALLEST_ROLE" | AccessRefusal;

export interface Explanation {
  readonly decision: Decision;
  readonly rule: AccessRule;
  /** Root fields that the role had to cover; of a request that does not say, all that is granted. */
  readonly needed: readonly string[];
  /** Those of them that no role in reach can see. */
  readonly missing: readonly string[];
  /** Every role that was weighed, in that order. */
  readonly candidates: readonly {
    readonly role: string;
    readonly holderId: string;
    readonly kind: HolderKind;
    readonly verdict: "GRANTED" | "NOT_GRANTED" | "BLOCKED";
  }[];
  /** Grants to those who ask, of the roles that were weighed: in force, or over by themselves. */
  readonly grants: readonly {
    readonly holderId: string;
    readonly subject: string;
    readonly class: GrantClass;
    readonly until: number;
    readonly inForce: boolean;
  }[];
  /** Blocks in force that concern who asks and what was weighed. */
  readonly blocks: readonly Block[];
}

/** What a decision writes down when somebody wants to know why. */
interface Trace {
  rule?: AccessRule;
  needed: readonly string[];
  missing: readonly string[];
  readonly weighed: Map<Holder, Standing>;
  readonly grants: Map<string, Explanation["grants"][number]>;
  readonly blocks: Set<Block>;
}

/** How a role stands to those who ask. */
type Standing =
  | {
      readonly verdict: "GRANTED";
      readonly holder: Holder;
      readonly until: number;
      readonly given: readonly GivenGrant[];
    }
  | { readonly verdict: "NOT_GRANTED" | "BLOCKED"; readonly holder: Holder };

type Granted = Standing & { readonly verdict: "GRANTED" };

/**
 * The role a request runs under: the wished one, if it covers what is asked and lies within what is granted; else the
 * smallest such role, if it is the only one of its size. A request that names no port's field asks for everything
 * granted. A combined role lies within what is granted when each of its members does. Blocks win over every grant: one
 * on any of the subjects, the user or a group, counts for whoever asks.
 */
export function decide(access: Access, question: AccessQuestion): Decision {
  return judge(access, question, null);
}

/** The same decision, with what led to it. */
export function explain(access: Access, question: AccessQuestion): Explanation {
  const trace: Trace = {
    needed: [],
    missing: [],
    weighed: new Map(),
    grants: new Map(),
    blocks: new Set(),
  };
  const decision = judge(access, question, trace);
  return {
    decision,
    rule: trace.rule ?? (decision.allow ? "SMALLEST_ROLE" : decision.reason),
    needed: [...trace.needed].sort(),
    missing: [...trace.missing].sort(),
    candidates: [...trace.weighed.values()].map(({ holder: { id, role, kind }, verdict }) => ({
      role,
      holderId: id,
      kind,
      verdict,
    })),
    grants: [...trace.grants.values()],
    blocks: [...trace.blocks],
  };
}

/** Ids of the ports that own some of these root fields, whoever may see them. */
export function portsOf(access: Access, fields: ReadonlySet<string>): string[] {
  const ports = new Set<string>();
  for (const field of fields)
    for (const { id, kind } of access.byField.get(field) ?? []) if (kind === "PORT") ports.add(id);
  return [...ports];
}

function judge(access: Access, question: AccessQuestion, trace: Trace | null): Decision {
  if (isBlocked(access.blocksBySubject, question.subjects, question, trace))
    return { allow: false, reason: "BLOCKED" };
  const { fields, everything } = question.asked;
  const wished =
    question.wishedRole === undefined ? undefined : access.byRole.get(question.wishedRole);
  if (wished !== undefined && covers(wished, fields)) {
    const standing = weigh(access, question, wished, trace);
    if (standing.verdict === "GRANTED") {
      if (trace) trace.rule = "WISHED_ROLE";
      return allow(standing);
    }
  }
  const saysAll = everything || fields.size === 0;
  const own = saysAll ? ownRoles(access, question, trace) : [];
  const granted = own.filter((standing) => standing.verdict === "GRANTED");
  if (saysAll && granted.length === 0) return { allow: false, reason: noneReason(own) };
  const needed = saysAll
    ? new Set([...fields, ...granted.flatMap(({ holder }) => [...holder.fields])])
    : fields;
  if (trace) trace.needed = [...needed];
  const [best, rival] =
    needed.size === 0 ? granted : smallestCovering(access, question, needed, trace);
  if (best === undefined) return refusal(access, question, needed, trace);
  return rival === undefined ? allow(best) : { allow: false, reason: "AMBIGUOUS_ROLE" };
}

function allow({ holder, until, given }: Granted): Decision {
  return { allow: true, role: holder.role, until, holder, given };
}

function covers(holder: Holder, fields: Iterable<string>): boolean {
  for (const field of fields) if (!holder.fields.has(field)) return false;
  return true;
}

/** The granted roles that cover the fields and are no larger than any other such role. */
function smallestCovering(
  access: Access,
  question: AccessQuestion,
  fields: ReadonlySet<string>,
  trace: Trace | null,
): Granted[] {
  // All that are found under the first can see it: most requests name one field, and are done with that.
  const [first = "", ...others] = fields;
  const found: Granted[] = [];
  for (const holder of access.byField.get(first) ?? []) {
    const [smallest] = found;
    if (smallest !== undefined && holder.fields.size > smallest.holder.fields.size) break;
    if (!covers(holder, others)) continue;
    const standing = weigh(access, question, holder, trace);
    if (standing.verdict === "GRANTED") found.push(standing);
  }
  return found;
}

/** How the roles stand of which those who ask have grants, in force or not. Combined roles have none of their own. */
function ownRoles(access: Access, question: AccessQuestion, trace: Trace | null): Standing[] {
  const holders = new Set<Holder>();
  for (const subject of question.subjects)
    for (const { holder } of access.bySubject.get(subject)?.grants ?? []) holders.add(holder);
  return [...holders].map((holder) => weigh(access, question, holder, trace));
}

function weigh(
  access: Access,
  question: AccessQuestion,
  holder: Holder,
  trace: Trace | null,
): Standing {
  const standing =
    holder.kind === "COMBINED"
      ? combinedStanding(access, question, holder, trace)
      : ownStanding(access, question, holder, trace);
  trace?.weighed.set(holder, standing);
  return standing;
}

function combinedStanding(
  access: Access,
  question: AccessQuestion,
  holder: Holder,
  trace: Trace | null,
): Standing {
  const given: GivenGrant[] = [];
  let until = Number.POSITIVE_INFINITY;
  for (const id of holder.members) {
    const member = access.holders.get(id);
    if (member?.kind !== "PORT") return { verdict: "NOT_GRANTED", holder };
    const standing = ownStanding(access, question, member, trace);
    if (standing.verdict !== "GRANTED") return { verdict: standing.verdict, holder };
    given.push(...standing.given);
    until = Math.min(until, standing.until);
  }
  if (given.length === 0) return { verdict: "NOT_GRANTED", holder };
  return { verdict: "GRANTED", holder, until, given };
}

function ownStanding(
  access: Access,
  question: AccessQuestion,
  holder: Holder,
  trace: Trace | null,
): Standing {
  const given: GivenGrant[] = [];
  let until = Number.NEGATIVE_INFINITY;
  for (const subject of question.subjects)
    for (const grants of access.bySubject.get(subject)?.grants ?? []) {
      if (grants.holder !== holder) continue;
      const inForce = grants.until > question.now;
      if (trace) noteGrant(trace, subject, grants, inForce);
      if (!inForce) continue;
      given.push({ subject, grants });
      until = Math.max(until, grants.until);
    }
  if (given.length === 0) return { verdict: "NOT_GRANTED", holder };
  if (isBlocked(access.blocksByPort, [holder.id], question, trace))
    return { verdict: "BLOCKED", holder };
  return { verdict: "GRANTED", holder, until, given };
}

function noteGrant(trace: Trace, subject: string, grants: Grants, inForce: boolean): void {
  const { holder, class: grantClass, until } = grants;
  const row = { holderId: holder.id, subject, class: grantClass, until, inForce };
  trace.grants.set(`${holder.id} ${subject} ${grantClass} ${until}`, row);
}

/** Whether one of the blocks under these keys is in force and meant for somebody who asks. */
function isBlocked(
  blocks: ReadonlyMap<string, readonly Block[]>,
  keys: readonly string[],
  { subjects, now }: AccessQuestion,
  trace: Trace | null,
): boolean {
  if (blocks.size === 0) return false;
  let found = false;
  for (const key of keys)
    for (const block of blocks.get(key) ?? []) {
      if (block.until <= now) continue;
      if (block.subject !== null && !subjects.includes(block.subject)) continue;
      found = true;
      trace?.blocks.add(block);
    }
  return found;
}

function noneReason(standings: readonly Standing[]): AccessRefusal {
  return standings.some(({ verdict }) => verdict === "BLOCKED") ? "BLOCKED" : "NO_GRANT";
}

/** Why no role will do; a field that nobody has and one that only others have are told apart by nothing. */
function refusal(
  access: Access,
  question: AccessQuestion,
  fields: ReadonlySet<string>,
  trace: Trace | null,
): Decision & { allow: false } {
  const missing: string[] = [];
  const ports = new Set<string>();
  let blocked = false;
  let combinable = true;
  for (const field of fields) {
    const standings = (access.byField.get(field) ?? [])
      .filter(({ kind }) => kind !== "COMBINED")
      .map((holder) => weigh(access, question, holder, trace));
    const granted = standings.filter(({ verdict }) => verdict === "GRANTED");
    const port = granted.find(({ holder }) => holder.kind === "PORT");
    if (port) ports.add(port.holder.id);
    else combinable = false;
    if (granted.length > 0) continue;
    missing.push(field);
    blocked ||= standings.some(({ verdict }) => verdict === "BLOCKED");
  }
  if (trace) trace.missing = missing;
  if (missing.length === 0)
    return combinable
      ? { allow: false, reason: "SEVERAL_ROLES_NEEDED", ports: [...ports].sort() }
      : { allow: false, reason: "SEVERAL_ROLES_NEEDED" };
  if (blocked) return { allow: false, reason: "BLOCKED" };
  const own = ownRoles(access, question, trace);
  const any = own.some(({ verdict }) => verdict === "GRANTED");
  return { allow: false, reason: any ? "FIELD_NOT_GRANTED" : noneReason(own) };
}
