/** How long a hook's answer holds: the two keys of its body that say so, spelt exactly like this. */

/** Longer than any socket lives, and short enough for every calendar. */
const MAX_SECONDS = 10 * 365 * 24 * 3600;

/**
 * @param variables the members of the hook's answer
 * @param now milliseconds since the epoch
 * @returns milliseconds since the epoch; `Cache-Control` goes before `Expires`, what cannot be read counts as absent
 */
export function expiryOf(
  variables: Readonly<Record<string, string>>,
  now: number,
): number | undefined {
  const age = maxAge(variables["Cache-Control"] ?? "");
  if (age !== undefined) return now + Math.min(age, MAX_SECONDS) * 1000;
  return httpDate(variables.Expires ?? "");
}

/** Seconds. */
function maxAge(cacheControl: string): number | undefined {
  const directives = cacheControl.split(",").map((directive) => directive.trim());
  for (const directive of directives) {
    const [, seconds] = /^(?:s-maxage|max-age)=(\d+)$/i.exec(directive) ?? [];
    if (seconds !== undefined) return Number(seconds);
  }
  return undefined;
}

const HTTP_DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function httpDate(text: string): number | undefined {
  const time = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
