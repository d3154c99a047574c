/** What a difference in Hasura is: data, found by drift.ts and exposure.ts, kept as a finding. */
import type { DesiredObjects } from "./desired.ts";
import { canonical, stringifyLossless } from "./metadata.ts";
import { kindName, type ObjectRef, objectKey, objectName } from "./objects.ts";

/** A port as it was applied. */
export interface AppliedPort {
  readonly id: string;
  readonly environment: string;
  readonly componentId: string;
  readonly objects: DesiredObjects;
}

export type DifferenceKind =
  | "MISSING"
  | "CHANGED"
  | "FOREIGN_EDIT"
  | "INCONSISTENT"
  | "ORPHAN"
  | "EXPOSURE";

export interface Difference {
  readonly kind: DifferenceKind;
  /** The port it concerns; null when it concerns none, or a source that several share. */
  readonly portId: string | null;
  readonly environment: string | null;
  /** Kind of the object, and what names the difference among others of its kind. */
  readonly object: string;
  readonly key: string;
  readonly name: string;
  readonly message: string;
  readonly suggestion: string | null;
  /** The object as it is to be and as it is; null where there is none or it could hold credentials. */
  readonly expected: unknown;
  readonly actual: unknown;
  /** The source it is in; null for a role. */
  readonly source: string | null;
  /** Whether making Hasura agree with what was applied mends it. */
  readonly repairable: boolean;
}

/** What is ours in Hasura beside the ports that are applied. */
export interface OwnThings {
  /** Live sources of ours, by name. */
  readonly sources: ReadonlyMap<string, { readonly environment: string }>;
  /** Inherited roles of ours, by name. */
  readonly combinedRoles: ReadonlyMap<string, OwnRole>;
  /** Marks of ports that are on their way or going, whose objects may be there or not. */
  readonly unsettledMarks: ReadonlySet<string>;
}

/** An inherited role of ours. */
export interface OwnRole {
  readonly environment: string;
  readonly parents: readonly string[];
  /** Whether it is to be there; else it may be, or not: it is on its way, or going. */
  readonly settled: boolean;
}

/** A difference of a port's object. */
export function difference(
  kind: DifferenceKind,
  port: Pick<AppliedPort, "id" | "environment"> | null,
  object: ObjectRef,
  told: {
    readonly message: string;
    readonly suggestion?: string;
    readonly expected?: unknown;
    readonly actual?: unknown;
    /** Tells differences of one object apart. */
    readonly detail?: string;
    readonly repairable?: boolean;
  },
): Difference {
  const { message, suggestion = null, detail, repairable = false } = told;
  const key = objectKey(object);
  return {
    kind,
    portId: port?.id ?? null,
    environment: port?.environment ?? null,
    object: object.kind,
    key: detail === undefined ? key : canonical([key, detail]),
    name: `${kindName(object)} ${objectName(object)}`,
    message,
    suggestion,
    expected: plain(told.expected),
    actual: plain(told.actual),
    source: object.kind === "INHERITED_ROLE" ? null : object.source,
    repairable,
  };
}

/** As JSON without lossless numbers, for keeping and showing. */
function plain(value: unknown): unknown {
  return value === undefined || value === null ? null : JSON.parse(stringifyLossless(value));
}
