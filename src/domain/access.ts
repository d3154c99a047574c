/** Who may see what: which one role, if any, a request runs under. Pure; the caller brings the time. */
import type { Asked } from "./graphql-request.ts";

/** Never answered: Hasura gives this role everything, its metadata API included. */
const FORBIDDEN_ROLE = "admin";

/** What the inventory says about access, as rows. */
export interface AccessFacts {
  /** Counts the changes of who may read what. */
  readonly generation: bigint;
  readonly roles: readonly {
    readonly portId: string;
    readonly name: string;
    readonly fields: readonly string[];
  }[];
  readonly grants: readonly {
    readonly portId: string;
    readonly subject: string;
    /** When it ends by itself, in ms since the epoch by the database's clock; `null`: it does not. */
    readonly until: number | null;
  }[];
}

interface Role {
  readonly name: string;
  readonly fields: ReadonlySet<string>;
}

/** The same, ready for decisions. Never changed: a newer one takes its place. */
export interface Access {
  readonly generation: bigint;
  readonly rolesByField: ReadonlyMap<string, readonly Role[]>;
  /** Subject → role → when its last grant ends (ms since the epoch, `Infinity` for open ones). */
  readonly grantsBySubject: ReadonlyMap<string, ReadonlyMap<Role, number>>;
}

export type AccessRefusal =
  | "NO_GRANT"
  | "FIELD_NOT_GRANTED"
  | "SEVERAL_ROLES_NEEDED"
  | "AMBIGUOUS_ROLE";

export type Decision =
  | {
      readonly allow: true;
      readonly role: string;
      /** When the role's last grant ends, in ms since the epoch; `Infinity` when none does by itself. */
      readonly until: number;
    }
  | { readonly allow: false; readonly reason: AccessRefusal };

export interface AccessQuestion {
  /** Canonical refs of whoever asks: `user:…`, `group:…`. */
  readonly subjects: readonly string[];
  readonly asked: Asked;
  /** The client's `X-Hasura-Role`. A wish: it is heard only among the roles that would do anyway. */
  readonly wishedRole?: string | undefined;
  /** Ms since the epoch, by the clock that the grants' ends are written in. */
  readonly now: number;
}

/** Arranges the inventory's facts by root field and by subject. */
export function arrangeAccess(facts: AccessFacts): Access {
  const rolesByPort = new Map<string, Role>();
  const rolesByField = new Map<string, Role[]>();
  for (const { portId, name, fields } of facts.roles) {
    if (name === "" || name.trim().toLowerCase() === FORBIDDEN_ROLE) continue;
    const role: Role = { name, fields: new Set(fields) };
    rolesByPort.set(portId, role);
    for (const field of role.fields) {
      const sharing = rolesByField.get(field);
      if (sharing) sharing.push(role);
      else rolesByField.set(field, [role]);
    }
  }
  const grantsBySubject = new Map<string, Map<Role, number>>();
  for (const { portId, subject, until } of facts.grants) {
    const role = rolesByPort.get(portId);
    if (role === undefined) continue;
    const granted = grantsBySubject.get(subject) ?? new Map<Role, number>();
    granted.set(role, Math.max(granted.get(role) ?? 0, until ?? Number.POSITIVE_INFINITY));
    grantsBySubject.set(subject, granted);
  }
  return { generation: facts.generation, rolesByField, grantsBySubject };
}

/**
 * The role a request runs under: the smallest existing one that covers all root fields asked for and is granted to one
 * of the subjects. A request that names no port's field asks for everything granted. Not exactly one such role: refused.
 */
export function decide(access: Access, question: AccessQuestion): Decision {
  const { asked } = question;
  const fields = asked === "everything" ? [] : [...asked];
  const candidates =
    fields.length === 0 ? grantedRoles(access, question) : coveringRoles(access, question, fields);
  const wished = candidates.find(({ role }) => role.name === question.wishedRole);
  const choice = wished ?? (fields.length === 0 ? only(candidates) : smallest(candidates));
  if (choice) return { allow: true, role: choice.role.name, until: choice.until };
  return { allow: false, reason: refusal(access, question, fields, candidates.length) };
}

interface Candidate {
  readonly role: Role;
  readonly until: number;
}

/** When the last live grant of the role to one of the subjects ends; `null` when there is none. */
function grantedUntil(access: Access, question: AccessQuestion, role: Role): number | null {
  let latest: number | null = null;
  for (const subject of question.subjects) {
    const until = access.grantsBySubject.get(subject)?.get(role);
    if (until !== undefined && until > question.now) latest = Math.max(latest ?? until, until);
  }
  return latest;
}

function grantedRoles(access: Access, question: AccessQuestion): Candidate[] {
  const roles = new Set<Role>();
  for (const subject of question.subjects)
    for (const role of access.grantsBySubject.get(subject)?.keys() ?? []) roles.add(role);
  return liveOnly(access, question, [...roles]);
}

function coveringRoles(
  access: Access,
  question: AccessQuestion,
  fields: readonly string[],
): Candidate[] {
  const [first = "", ...others] = fields;
  const covering = (access.rolesByField.get(first) ?? []).filter((role) =>
    others.every((field) => role.fields.has(field)),
  );
  return liveOnly(access, question, covering);
}

function liveOnly(access: Access, question: AccessQuestion, roles: readonly Role[]): Candidate[] {
  return roles.flatMap((role) => {
    const until = grantedUntil(access, question, role);
    return until === null ? [] : [{ role, until }];
  });
}

function only(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.length === 1 ? candidates[0] : undefined;
}

function smallest(candidates: readonly Candidate[]): Candidate | undefined {
  const size = Math.min(...candidates.map(({ role }) => role.fields.size));
  return only(candidates.filter(({ role }) => role.fields.size === size));
}

/** Why; a field that nobody has and one that only others have are told apart by nothing. */
function refusal(
  access: Access,
  question: AccessQuestion,
  fields: readonly string[],
  candidates: number,
): AccessRefusal {
  if (grantedRoles(access, question).length === 0) return "NO_GRANT";
  if (fields.length > 0 && candidates > 1) return "AMBIGUOUS_ROLE";
  const reachable = fields.every((field) => coveringRoles(access, question, [field]).length > 0);
  return reachable ? "SEVERAL_ROLES_NEEDED" : "FIELD_NOT_GRANTED";
}
