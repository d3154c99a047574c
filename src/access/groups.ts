/**
 * From a verified token's claims to everything that a grant may be given to so that this user has it.
 *
 * Grants name groups; a group's name is no proof, for in Entra anybody may call a group as he likes. So `bound` compares
 * object ids: those of the token, or of the directory where the token has no room for them, with those to which the
 * names were bound when they were granted. What cannot be had is never guessed: a group may be blocked, so without
 * knowing the groups there is no answer.
 */
import type { JWTPayload } from "jose";
import type { Subject } from "../domain/subject.ts";
import type { GroupMatch } from "../settings.ts";
import { groupSubject, type Identity, readUser, type User, type UserSettings } from "./identity.ts";
import type { Memberships } from "./memberships.ts";

/** Groups that are bound to one of these object ids; `null` when that is not known now. */
export type SubjectsOfObjectIds = (
  ids: readonly string[],
) => readonly Subject[] | null | Promise<readonly Subject[] | null>;

export interface IdentifySettings extends UserSettings {
  /**
   * `bound`: the claim `groups` holds object ids, which are looked up among the bindings. `displayName`: the directory
   * is asked for the names of every user's groups, as the older service did. `claim`: the claim holds names.
   */
  readonly groupMatch: GroupMatch;
}

export interface IdentifyParts {
  /** Absent: whoever needs it is refused. */
  readonly memberships?: Memberships | undefined;
  readonly subjectsOf?: SubjectsOfObjectIds | undefined;
}

export type Identified =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly reason: "IDENTITY_UNKNOWN" }
  | {
      readonly ok: false;
      readonly reason: "GROUPS_UNAVAILABLE";
      /** Without any group: nothing may be decided by it. */
      readonly identity: Identity;
    };

/** What is known at hand is answered without a promise. */
export type Identify = (claims: JWTPayload) => Identified | Promise<Identified>;

/**
 * Makes the function that says who somebody is. What follows from the claims alone is worked out once for each claims
 * object, which the verifier hands out again for as long as it remembers the token.
 */
export function createIdentify(settings: IdentifySettings, parts: IdentifyParts = {}): Identify {
  const known = new WeakMap<JWTPayload, Identified | Unfinished>();
  return (claims) => {
    let read = known.get(claims);
    if (read === undefined) {
      read = readClaims(claims, settings);
      known.set(claims, read);
    }
    return "ok" in read ? read : finish(read, settings.groupMatch, parts);
  };
}

/** Needs more than the claims: object ids to be looked up, or a user whose groups the directory has to tell. */
interface Unfinished {
  readonly user: User;
  readonly objectIds: readonly string[];
  readonly member: string | null;
}

const OBJECT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function readClaims(claims: JWTPayload, settings: IdentifySettings): Identified | Unfinished {
  const user = readUser(claims, settings);
  if (user === null) return { ok: false, reason: "IDENTITY_UNKNOWN" };
  const listed = Array.isArray(claims.groups) ? claims.groups.filter(isText) : [];
  const { groupMatch } = settings;
  if (groupMatch === "displayName" || hasMoreGroups(claims)) {
    const member = isText(claims.oid) ? claims.oid.toLowerCase() : "";
    // Names in a claim can be of several kinds, of which the directory knows one.
    if (groupMatch === "claim" || !OBJECT_ID.test(member)) return unavailable(user);
    return { user, objectIds: [], member };
  }
  if (groupMatch === "claim") return identified(user, namedSubjects(listed));
  const objectIds = listed.map((id) => id.toLowerCase()).filter((id) => OBJECT_ID.test(id));
  return objectIds.length === 0 ? identified(user, []) : { user, objectIds, member: null };
}

/** Whether the provider left the groups out because there are too many: Entra, with more than 200. */
function hasMoreGroups(claims: JWTPayload): boolean {
  const { hasgroups, _claim_names: elsewhere } = claims;
  if (hasgroups === true || hasgroups === "true") return true;
  return typeof elsewhere === "object" && elsewhere !== null && "groups" in elsewhere;
}

function finish(
  { user, objectIds, member }: Unfinished,
  groupMatch: GroupMatch,
  parts: IdentifyParts,
): Identified | Promise<Identified> {
  if (member === null) return bound(user, objectIds, parts);
  return whenKnown(parts.memberships?.of(member) ?? null, (groups) => {
    if (groups === null) return unavailable(user);
    if (groupMatch === "displayName")
      return identified(user, namedSubjects(groups.map(({ name }) => name)));
    return bound(
      user,
      groups.map(({ id }) => id),
      parts,
    );
  });
}

function bound(
  user: User,
  objectIds: readonly string[],
  { subjectsOf }: IdentifyParts,
): Identified | Promise<Identified> {
  return whenKnown(subjectsOf?.(objectIds) ?? null, (subjects) =>
    subjects === null ? unavailable(user) : identified(user, subjects),
  );
}

function whenKnown<Value, Result>(
  value: Value | Promise<Value>,
  use: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(use) : use(value);
}

function namedSubjects(names: readonly string[]): Subject[] {
  return names.map(groupSubject).filter((subject) => subject !== null);
}

function identified(user: User, groups: readonly Subject[]): Identified {
  return { ok: true, identity: identityOf(user, groups) };
}

function unavailable(user: User): Identified {
  return { ok: false, reason: "GROUPS_UNAVAILABLE", identity: identityOf(user, []) };
}

function identityOf({ userId, subject }: User, groups: readonly Subject[]): Identity {
  const subjects = subject === null ? groups : [subject, ...groups];
  return { userId, subjects: [...new Set(subjects)] };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
