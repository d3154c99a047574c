import type { Problem } from "../errors.ts";

const SHOWN_CHARACTERS = 80;

/**
 * What somebody sent, fit for a message: in quotes, cut to 80 characters, with control and invisible
 * characters escaped, so that it can neither forge a log line nor hide.
 */
export function quoted(value: string): string {
  // Counted in whole characters: half of one would be shown as an escape.
  const characters = [...value.slice(0, 2 * SHOWN_CHARACTERS + 2)];
  const shown =
    characters.length > SHOWN_CHARACTERS
      ? `${characters.slice(0, SHOWN_CHARACTERS).join("")}…`
      : value;
  return JSON.stringify(shown).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

const PATH_PART_CHARACTERS = 255;

/** What somebody sent as (part of) a problem's path: cut, and with nothing in it that hides. */
export function pathPart(sent: string): string {
  return sent.slice(0, PATH_PART_CHARACTERS).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
}

/** One sentence for people: where, what, and what would be right. Used in REST bodies and logs. */
export function problemText(problem: Problem): string {
  const where = problem.path === "" ? "" : `${problem.path}: `;
  const message = /[.!?]$/.test(problem.message) ? problem.message : `${problem.message}.`;
  const suggestion = problem.suggestion === undefined ? "" : ` Suggestion: ${problem.suggestion}`;
  return `${where}${message}${suggestion}`;
}
