import { distance } from "fastest-levenshtein";

/** Comparing costs time by length and number; beyond these a suggestion is not worth it. */
const MAX_LENGTH = 256;
const MAX_CANDIDATES = 500;

/**
 * The candidate that was most likely meant: the same without regard to case, else the nearest one that
 * is at most a third of its length (and at least 2 letters) away. `undefined` when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  let seen = 0;
  for (const candidate of candidates) {
    if (++seen > MAX_CANDIDATES) break;
    if (candidate.length > MAX_LENGTH) continue;
    const away = distance(wanted, candidate.toLowerCase());
    if (away < bestDistance && away <= Math.max(2, candidate.length / 3)) {
      best = candidate;
      bestDistance = away;
    }
  }
  return best;
}
