/** What text can be kept: PostgreSQL holds neither NUL nor half a character (a surrogate alone), and JSON there neither. */
const UNSTORABLE = /[\0\p{Cs}]/gu;

export function isStorable(text: string): boolean {
  return text.search(UNSTORABLE) === -1;
}

/** @param instead of each character that cannot be kept */
export function storable(text: string, instead = "\u{FFFD}"): string {
  return text.replace(UNSTORABLE, instead);
}
