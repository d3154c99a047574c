/** From a verified token's claims to the subjects that grants are given to. */
import type { JWTPayload } from "jose";
import { canonicalSubjectName, parseSubject, type Subject } from "../domain/subject.ts";

/** Claims that may hold a user's name; the first one that does is taken. */
const NAME_CLAIMS = ["unique_name", "preferred_username", "upn", "email"] as const;

export interface Identity {
  /** `X-Hasura-User-Id`: `user:` and the name as the token has it, its first `@` as `_`. */
  readonly userId: string;
  /** Everything that a grant may be given to so that this user has it. */
  readonly subjects: readonly Subject[];
}

/**
 * Who the token speaks of; `null` when it names nobody.
 * @param nameClaims in order of preference
 */
export function readIdentity(
  claims: JWTPayload,
  nameClaims: readonly string[] = NAME_CLAIMS,
): Identity | null {
  const name = nameClaims.map((claim) => readName(claims, claim)).find((found) => found !== null);
  if (name === undefined || name === null) return null;
  const user = userSubject(name);
  return {
    userId: `user:${name.replace("@", "_")}`,
    subjects: [...(user === null ? [] : [user]), ...groupSubjects(claims.groups)],
  };
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

function groupSubjects(claim: unknown): Subject[] {
  if (!Array.isArray(claim)) return [];
  const subjects = claim.map((name: unknown) =>
    typeof name === "string" ? exactSubject("group", name) : null,
  );
  return [...new Set(subjects.filter((subject) => subject !== null))];
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
