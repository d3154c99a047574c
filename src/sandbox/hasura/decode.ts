/** Reads request JSON the way Hasura's parser does: the first fault ends it, with its path and its wording. */
import { HasuraError } from "./errors.ts";
import {
  describeJson,
  isArray,
  isNumber,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
  toNumber,
} from "./json.ts";

/** A value and where it stands in the request. */
export interface At {
  readonly value: Json | undefined;
  readonly path: string;
}

export function parseFailed(path: string, message: string): HasuraError {
  return new HasuraError("parse-failed", message, { path });
}

export function at(value: Json | undefined, path: string): At {
  return { value, path };
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

export function keyPath(path: string, key: string): string {
  return PLAIN_KEY.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

/** The member, absent when the object does not have it. */
export function member(object: JsonObject, path: string, key: string): At {
  return at(object[key], keyPath(path, key));
}

/** @throws HasuraError parse-failed unless it is an object; `name` is what the message calls it */
export function objectAt({ value, path }: At, name: string): JsonObject {
  if (isObject(value)) return value;
  throw parseFailed(
    path,
    `parsing ${name} failed, expected Object, but encountered ${describeJson(value)}`,
  );
}

/** @throws HasuraError parse-failed at the object's path unless it has the key */
export function required(object: JsonObject, path: string, key: string): At {
  if (object[key] === undefined) throw parseFailed(path, `key ${JSON.stringify(key)} not found`);
  return member(object, path, key);
}

export function isAbsent({ value }: At): boolean {
  return value === undefined || value === null;
}

export function textAt({ value, path }: At, name = "Text"): string {
  if (typeof value === "string") return value;
  throw parseFailed(
    path,
    `parsing ${name} failed, expected String, but encountered ${describeJson(value)}`,
  );
}

/** A text of at least one character, such as a role or a source's name. */
export function nonEmptyTextAt(where: At): string {
  const text = textAt(where);
  if (text === "") throw parseFailed(where.path, "empty string not allowed");
  return text;
}

export function booleanAt({ value, path }: At): boolean {
  if (typeof value === "boolean") return value;
  throw parseFailed(
    path,
    `parsing Bool failed, expected Boolean, but encountered ${describeJson(value)}`,
  );
}

export function integerAt({ value, path }: At): number {
  if (!isNumber(value))
    throw parseFailed(
      path,
      `parsing Int failed, expected Number, but encountered ${describeJson(value)}`,
    );
  const number = toNumber(value);
  if (number === undefined || !Number.isInteger(number))
    throw parseFailed(path, `parsing Int failed, unexpected floating number ${String(value)}`);
  return number;
}

export function listAt<T>({ value, path }: At, each: (item: At) => T): T[] {
  if (!isArray(value))
    throw parseFailed(
      path,
      `parsing [] failed, expected Array, but encountered ${describeJson(value)}`,
    );
  return value.map((item, index) => each(at(item, `${path}[${index}]`)));
}

/** What `read` makes of the member, or `otherwise` when it is absent or null. */
export function optional<T, O>(where: At, otherwise: O, read: (where: At) => T): T | O {
  return isAbsent(where) ? otherwise : read(where);
}

/** The body of a request. @throws HasuraError invalid-json */
export function parseBody(text: string): Json {
  try {
    return parseJson(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new HasuraError("invalid-json", detail, { path: "$" });
  }
}
