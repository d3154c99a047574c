/** JSON as Hasura keeps it: numbers of any size survive, and objects keep the order of their keys. */
import { randomUUID } from "node:crypto";
import { LosslessNumber, parse } from "lossless-json";

export type Json = null | boolean | string | number | LosslessNumber | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/**
 * Reads JSON without loss; of a key given twice the last value counts.
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(text: string): Json {
  return parse(text, null, {
    parseNumber: readNumber,
    onDuplicateKey: ({ newValue }) => newValue,
  }) as Json;
}

/** A plain number where it says the same, which is nearly always; the text itself where it does not. */
function readNumber(text: string): number | LosslessNumber {
  const number = Number(text);
  return String(number) === text ? number : new LosslessNumber(text);
}

/** Marks, within this process, a text that stands for a number. */
const MARK = `number ${randomUUID()} `;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, "g");

export function writeJson(value: Json): string {
  let marked = false;
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (!(member instanceof LosslessNumber)) return member;
    marked = true;
    return MARK + member.value;
  });
  return marked ? text.replace(MARKED, "$1") : text;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof LosslessNumber)
  );
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isNumber(value: Json | undefined): value is number | LosslessNumber {
  return typeof value === "number" || value instanceof LosslessNumber;
}

/** The number as a double; `undefined` for anything that is not a number. */
export function toNumber(value: Json | undefined): number | undefined {
  return isNumber(value) ? Number(value.toString()) : undefined;
}

export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (isNumber(left) && isNumber(right)) return left.toString() === right.toString();
  if (isArray(left) && isArray(right))
    return left.length === right.length && left.every((item, i) => sameJson(item, right[i]));
  if (!isObject(left) || !isObject(right)) return false;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => sameJson(left[key], right[key]));
}

/** The object without the members that are null or absent. */
export function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== null && value !== undefined),
  );
}

export function withoutKeys(object: JsonObject, keys: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key)));
}

/** The word that Hasura's JSON reader uses for what it met. */
export function describeJson(value: Json | undefined): string {
  if (value === null || value === undefined) return "Null";
  if (typeof value === "string") return "String";
  if (typeof value === "boolean") return "Boolean";
  if (isNumber(value)) return "Number";
  return isArray(value) ? "Array" : "Object";
}
