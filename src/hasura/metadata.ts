/**
 * Hasura's metadata as it travels: lossless JSON, so that 64-bit numbers and keys we do not know stay as they are.
 * Only what concerns our objects is read, by zod (metadata-index.ts).
 */
import { parse, stringify } from "lossless-json";

/** The metadata object of `export_metadata` version 2; numbers in it are `LosslessNumber`. */
export type Metadata = Readonly<Record<string, unknown>>;

export function parseLossless(text: string): unknown {
  return parse(text);
}

export function stringifyLossless(value: unknown): string {
  return stringify(value) ?? "null";
}

/** One text for all spellings of the same JSON: keys sorted, absent and null the same, numbers by their digits. */
export function canonical(value: unknown): string {
  return stringifyLossless(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object" || isNumberLike(value)) return value;
  const entries = Object.entries(value)
    .filter(([, member]) => member !== null && member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

function isNumberLike(value: object): boolean {
  return "isLosslessNumber" in value;
}

export function memberOf(value: unknown, member: string): unknown {
  return value !== null && typeof value === "object"
    ? (value as Record<string, unknown>)[member]
    : undefined;
}
