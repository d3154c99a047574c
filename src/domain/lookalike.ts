/** Text that passes for another text: characters that nobody sees, and letters that look like others. */

/** Scripts whose letters pass for one another's. A name that mixes them is made to deceive. */
const LOOKALIKE_SCRIPTS: readonly RegExp[] = [
  /\p{Script=Latin}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];

/** What is in it that cannot be seen, to follow the text in a sentence; `null`: nothing. */
export function invisibleFault(text: string): string | null {
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(text)) return "holds control or invisible characters";
  if (/[^\P{Zs} ]/u.test(text)) return "holds a space that is none of the keyboard's";
  return null;
}

/** The same of single characters that stand for others, such as full-width letters and ligatures. */
export function disguiseFault(text: string): string | null {
  return [...text].some((character) => character.normalize("NFKC") !== character)
    ? "holds characters that only look like others (full-width letters, ligatures, …)"
    : null;
}

/** The same of letters that only in one word with others are taken for them. */
export function mixedScriptsFault(text: string): string | null {
  return LOOKALIKE_SCRIPTS.filter((script) => script.test(text)).length > 1
    ? "mixes letters of several alphabets that look alike"
    : null;
}

/** The text as a hasty reader takes it: in lower case, without accents and dots. */
export function atAGlance(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("ı", "i").trim();
}
