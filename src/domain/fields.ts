/** Reading of what others wrote: descriptors come from many templates, so types are met half-way. */
import type { Problem } from "../errors.ts";

export type RawRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is RawRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own member; never what every object inherits (`constructor`, `toString`). */
export function member(record: RawRecord, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** A scalar as text: `version: 1` and `version: "1"` mean the same. `null` for anything else. */
export function asText(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return null;
}

/** The entries of a list; a scalar is a list of one; null, `{}` and absent are empty. `null` for anything else. */
export function asList(value: unknown): readonly unknown[] | null {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value;
  if (isRecord(value)) return Object.keys(value).length === 0 ? [] : null;
  return [value];
}

/** Control characters, half surrogates and other things nobody sees: PostgreSQL refuses some, people miss the rest. */
export function hasInvisible(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text);
}

/** Text for people over several lines, without the characters that a database or a log would choke on. */
export function asProse(value: unknown): string | null {
  const text = asText(value)
    ?.replace(/[^\P{Cc}\t\n\r]|\p{Cs}/gu, "")
    .trim();
  return text === undefined || text === "" ? null : text;
}

/**
 * A mandatory line of text, trimmed.
 *
 * @param expectation what it should be, to end the sentence "is missing: expected …"
 * @returns `null` when it is not there or unusable; then `problems` says why
 */
export function requiredLine(
  record: RawRecord,
  key: string,
  where: { path: string; expectation: string; maxLength?: number },
  problems: Problem[],
): string | null {
  const path = where.path === "" ? key : `${where.path}.${key}`;
  const value = member(record, key);
  const text = asText(value)?.trim() ?? "";
  const maxLength = where.maxLength ?? 255;
  const fault =
    value !== undefined && value !== null && asText(value) === null
      ? "is not text"
      : text === ""
        ? "is missing"
        : text.length > maxLength
          ? `is longer than ${maxLength} characters`
          : hasInvisible(text)
            ? "holds control or invisible characters"
            : null;
  if (fault === null) return text;
  problems.push({ path, message: `\`${key}\` ${fault}: expected ${where.expectation}` });
  return null;
}
