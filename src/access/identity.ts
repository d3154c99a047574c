/** From a verified token's claims to the user whom they speak of. */
import type { JWTPayload } from "jose";
import { canonicalSubjectName, parseSubject, type Subject } from "../domain/subject.ts";

export interface UserSettings {
  /** Claims that may hold a user's name; the first one that does is taken. */
  readonly nameClaims: readonly string[];
  /** Subjects that are set by hand, by the canonical form of the token's name. */
  readonly users: ReadonlyMap<string, Subject>;
}

/** Somebody, with everything that a grant may be given to so that they have it. */
export interface Identity {
  /** `X-Hasura-User-Id`. */
  readonly userId: string;
  readonly subjects: readonly Subject[];
}

export interface User {
  /** `X-Hasura-User-Id`: `user:` and the name as the token has it, its first `@` as `_`. */
  readonly userId: string;
  /** What grants are given to; `null` when it is not certain to mean this user alone. */
  readonly subject: Subject | null;
}

/** Who the token speaks of; `null` when it names nobody. */
export function readUser(claims: JWTPayload, settings: UserSettings): User | null {
  const name = settings.nameClaims
    .map((claim) => readName(claims, claim))
    .find((found) => found !== null);
  if (name === undefined || name === null) return null;
  const set = settings.users.get(canonicalSubjectName(name));
  return { userId: `user:${name.replace("@", "_")}`, subject: set ?? userSubject(name) };
}

/**
 * A user's name as Witboost writes it in refs: `@` becomes `_`. `null` where that is not certain to mean this user
 * alone: without exactly one `@`, or with a `_` in the domain, another name could become the same ref.
 */
export function userSubject(name: string): Subject | null {
  const [local = "", domain = "", ...more] = name.split("@");
  if (local === "" || domain === "" || more.length > 0 || domain.includes("_")) return null;
  return exactSubject("user", `${local}_${domain}`);
}

/** The subject of a group's name; `null` when a ref could not say it. */
export function groupSubject(name: string): Subject | null {
  return exactSubject("group", name);
}

function readName(claims: JWTPayload, claim: string): string | null {
  const value = claims[claim];
  if (typeof value !== "string" || value === "") return null;
  // Anybody may have typed an address that nobody has confirmed.
  if (claim === "email" && claims.email_verified === false) return null;
  return value;
}

/** The subject of that name and no other: nothing is trimmed, dropped or taken for something that looks like it. */
function exactSubject(kind: "user" | "group", name: string): Subject | null {
  const parsed = parseSubject(`${kind}:${name}`);
  if (!parsed.ok || parsed.subject !== `${kind}:${canonicalSubjectName(name)}`) return null;
  return parsed.subject;
}
