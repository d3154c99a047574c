import { createHash } from "node:crypto";

export const OPERATION_KINDS = [
  "VALIDATE",
  "PROVISION",
  "UNPROVISION",
  "UPDATE_ACL",
  "REVERSE_PROVISION",
  "RECONCILE",
  "PAUSE",
  "ACKNOWLEDGE",
  "EXTERNAL_ROLE",
  "GRANT",
  "REVOKE",
  "BLOCK",
  "UNBLOCK",
  "COMBINE",
  "SEPARATE",
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** Witboost's task states, and no others. */
export const OPERATION_STATUSES = ["RUNNING", "COMPLETED", "FAILED"] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

const MINUTE = 60_000;

/** How long an operation may run before it is FAILED with code DEADLINE, in ms. */
export const OPERATION_DEADLINES_MS: Readonly<Record<OperationKind, number>> = {
  VALIDATE: 2 * MINUTE,
  PROVISION: 10 * MINUTE,
  UNPROVISION: 10 * MINUTE,
  UPDATE_ACL: 2 * MINUTE,
  REVERSE_PROVISION: 5 * MINUTE,
  RECONCILE: 30 * MINUTE,
  PAUSE: MINUTE,
  ACKNOWLEDGE: MINUTE,
  EXTERNAL_ROLE: 2 * MINUTE,
  GRANT: 2 * MINUTE,
  REVOKE: 2 * MINUTE,
  BLOCK: 2 * MINUTE,
  UNBLOCK: 2 * MINUTE,
  COMBINE: 10 * MINUTE,
  SEPARATE: 10 * MINUTE,
};

export function isEnded(status: OperationStatus): boolean {
  return status !== "RUNNING";
}

/** A running operation ends once, in either way; an ended one never changes: a retry is a new operation. */
export function mayBecome(from: OperationStatus, to: OperationStatus): boolean {
  return from === "RUNNING" && isEnded(to);
}

/**
 * JSON with the keys of every object in order, so that equal facts give equal text. Members that are
 * `undefined` are left out, as in JSON. (Key order and number format as RFC 8785 has them.)
 *
 * @throws TypeError for what JSON cannot say: a bigint, a function, a symbol, NaN, an infinity
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    if ("toJSON" in value && typeof value.toJSON === "function")
      return canonicalJson(value.toJSON());
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`${value} cannot be said in JSON`);
  }
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a ${typeof value} cannot be said in JSON`);
  return text;
}

/** SHA-256, in hex, of the canonical JSON: the same for equal facts in whatever order they are written. */
export function fingerprint(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
