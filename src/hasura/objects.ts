/** Objects in Hasura by what names them there, and the steps that change them. */
import type { Command } from "./client.ts";
import type { DesiredObjects } from "./desired.ts";
import { canonical } from "./metadata.ts";

export interface SourceRef {
  readonly kind: "SOURCE";
  readonly source: string;
  /** Prefix of Hasura's commands for the source. */
  readonly sourceKind: string;
}

export interface TableRef extends Omit<SourceRef, "kind"> {
  readonly kind: "TABLE";
  readonly table: readonly string[];
}

export interface PermissionRef extends Omit<TableRef, "kind"> {
  readonly kind: "SELECT_PERMISSION";
  readonly role: string;
}

export interface InheritedRoleRef {
  readonly kind: "INHERITED_ROLE";
  readonly role: string;
}

/** What a port consists of in Hasura. */
export type PortObjectRef = SourceRef | TableRef | PermissionRef;

export type ObjectRef = PortObjectRef | InheritedRoleRef;

/** One object added, changed, removed, or (a source) read again. */
export interface Step<Ref extends ObjectRef = ObjectRef> {
  readonly action: "add" | "change" | "remove" | "reload";
  readonly object: Ref;
  readonly before: unknown;
  readonly after: unknown;
  /** Whether consumers can lose something by it. */
  readonly destructive: boolean;
  readonly commands: readonly Command[];
}

/** One text for an object, equal for equal objects of a kind; also the key under which the inventory records it. */
export function objectKey(object: ObjectRef): string {
  if (object.kind === "INHERITED_ROLE") return canonical([object.role]);
  const parts: unknown[] = [object.source];
  if (object.kind !== "SOURCE") parts.push(object.table);
  if (object.kind === "SELECT_PERMISSION") parts.push(object.role);
  return canonical(parts);
}

/** The same, also telling kinds apart. */
export function keyed(object: ObjectRef): string {
  return `${object.kind} ${objectKey(object)}`;
}

/** The objects a port consists of: its source, its table, its permission. */
export function refsOf(objects: DesiredObjects): [SourceRef, TableRef, PermissionRef] {
  const { name: source, kind: sourceKind } = objects.source;
  const { table, role } = objects;
  const where = { source, sourceKind };
  return [
    { kind: "SOURCE", ...where },
    { kind: "TABLE", ...where, table },
    { kind: "SELECT_PERMISSION", ...where, table, role },
  ];
}

const LABEL = {
  SOURCE: "source",
  TABLE: "table",
  SELECT_PERMISSION: "select permission",
  INHERITED_ROLE: "inherited role",
} as const;

/** What kind of thing it is, in words. */
export function kindName({ kind }: ObjectRef): string {
  return LABEL[kind];
}

/** What it is called in plans, logs, findings and errors, e.g. `healthcare_0_1a2b3c4d: DB.SCHEMA.VIEW`. */
export function objectName(object: ObjectRef): string {
  switch (object.kind) {
    case "INHERITED_ROLE":
      return object.role;
    case "SOURCE":
      return object.source;
    case "TABLE":
      return `${object.source}: ${object.table.join(".")}`;
    case "SELECT_PERMISSION":
      return `${object.source}: ${object.table.join(".")} for role ${object.role}`;
  }
}
