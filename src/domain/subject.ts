/** Subjects: the users and groups that grants are given to, in one canonical form. */
import type { Problem } from "../errors.ts";
import { disguiseFault, invisibleFault, mixedScriptsFault } from "./lookalike.ts";
import { quoted } from "./problem-text.ts";
import { nearest } from "./suggestion.ts";

const SUBJECT_KINDS = ["user", "group"] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];
export type Subject = `${SubjectKind}:${string}`;

/** Characters of a whole ref, as sent. */
const MAX_REF_LENGTH = 256;

type ParsedSubject =
  | { readonly ok: true; readonly subject: Subject }
  | { readonly ok: false; readonly problem: Problem };

type ParsedRefs =
  | { readonly ok: true; readonly subjects: Subject[] }
  | { readonly ok: false; readonly problems: Problem[] };

/** The kind and the name of a ref, without what the catalogue puts before the name. */
const REF = /^([^:]*):\s*(?:default\/\s*)*(.*)$/isu;

/**
 * The name of a user or group as it is compared: composed (NFC) and in lower case. Whoever turns a
 * token's claims into subjects must use this too.
 */
export function canonicalSubjectName(name: string): string {
  // Lower case can take a composed letter apart (İ), so it is composed again.
  return name.normalize("NFC").toLowerCase().normalize("NFC");
}

/**
 * A ref of Witboost's (`user:name_domain.tld`, `group:name`, with or without the `default/` of the
 * catalogue, in any case) in canonical form: lower-case kind and name.
 */
export function parseSubject(ref: string): ParsedSubject {
  const refused = (message: string, suggestion?: string): ParsedSubject => ({
    ok: false,
    problem: { path: "ref", message, suggestion },
  });
  if (ref.length > MAX_REF_LENGTH) {
    return refused(`${quoted(ref)} is longer than ${MAX_REF_LENGTH} characters`);
  }
  const text = ref.trim();
  if (text === "") return refused("a ref is empty: expected `user:<name>` or `group:<name>`");
  const hidden = invisibleFault(text) ?? disguiseFault(text);
  if (hidden !== null) return refused(`${quoted(ref)} ${hidden}`);
  const match = REF.exec(text);
  if (match === null) {
    const fault = nameFault(text);
    return refused(
      `${quoted(ref)} does not say whether it is a user or a group`,
      fault === null ? `\`user:${text}\`, or \`group:${text}\` for a group` : undefined,
    );
  }
  const [, sentKind = "", sentName = ""] = match;
  const kind = SUBJECT_KINDS.find((known) => known === sentKind.trim().toLowerCase());
  const name = canonicalSubjectName(sentName.trim());
  const fault = nameFault(sentName.trim());
  if (kind === undefined) {
    const meant = nearest(sentKind.trim(), SUBJECT_KINDS);
    return refused(
      `${quoted(ref)} is of an unknown kind: expected \`user:<name>\` or \`group:<name>\``,
      meant === undefined || fault !== null ? undefined : `${meant}:${name}`,
    );
  }
  return fault === null
    ? { ok: true, subject: `${kind}:${name}` }
    : refused(`${quoted(ref)} ${fault}`);
}

function nameFault(name: string): string | null {
  if (name === "") return "has no name after the kind";
  if (/^(?:user|group)\s*:/i.test(name)) return "names the kind twice";
  return mixedScriptsFault(name);
}

/**
 * The subject of a good ref, and the ref as it was spelt, without what the catalogue puts before the name: others
 * compare names letter by letter.
 */
export function spelledSubject(ref: string): { subject: string; spelling: string } {
  const [, kind = "", name = ""] = REF.exec(ref.trim()) ?? [];
  const spelt = { kind: kind.trim().toLowerCase(), name: name.trim() };
  return {
    subject: `${spelt.kind}:${canonicalSubjectName(spelt.name)}`,
    spelling: `${spelt.kind}:${spelt.name}`,
  };
}

/**
 * A snapshot of refs, all or nothing: every subject in canonical form, each once, sorted; or every fault,
 * at path `<path>.<index>`. An empty list is a snapshot of nobody.
 * @param options.path where the list stands; absent: `refs`
 * @param options.kind the only kind that is taken; absent: both
 */
export function parseRefs(
  refs: readonly string[],
  { path = "refs", kind }: { readonly path?: string; readonly kind?: SubjectKind } = {},
): ParsedRefs {
  const subjects = new Set<Subject>();
  const problems: Problem[] = [];
  for (const [index, ref] of refs.entries()) {
    const parsed = parseSubject(ref);
    if (!parsed.ok) problems.push({ ...parsed.problem, path: `${path}.${index}` });
    else if (kind !== undefined && !parsed.subject.startsWith(`${kind}:`))
      problems.push({ path: `${path}.${index}`, message: `${quoted(ref)} is no ${kind}` });
    else subjects.add(parsed.subject);
  }
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, subjects: [...subjects].sort() };
}
