/** Inconsistent objects: their records, and the four ways in which they make a command fail. */
import { HasuraError, type HasuraErrorCode } from "./errors.ts";
import { exportInheritedRole } from "./export-metadata.ts";
import { isArray, isObject, type Json, type JsonObject } from "./json.ts";
import {
  findSource,
  findTable,
  type InheritedRole,
  type Metadata,
  type Operation,
  type Permission,
  type Relationship,
  type RelationshipKind,
  type TableMetadata,
  withoutSource,
  withoutTable,
  withPermissions,
  withRelationships,
  withTable,
} from "./metadata.ts";
import type { TableName } from "./names.ts";

export interface Inconsistency {
  /** The object's identity: the same object has the same id in every rebuild. */
  readonly id: string;
  readonly reason: string;
  /** As get_inconsistent_metadata lists it. */
  readonly record: JsonObject;
  /** Given for the few faults that a command on the object answers with their own code and text. */
  readonly own?: { readonly code: HasuraErrorCode; readonly message: string };
  /** The metadata without the object. */
  remove(metadata: Metadata): Metadata;
}

export const ids = {
  source: (source: string): string => `source ${source}`,
  table: (source: string, table: TableName): string => `table ${source} ${table.key}`,
  relationship: (source: string, table: TableName, name: string): string =>
    `relationship ${source} ${table.key} ${name}`,
  permission: (source: string, table: TableName, operation: Operation, role: string): string =>
    `permission ${source} ${table.key} ${operation} ${role}`,
  inheritedRole: (role: string): string => `inherited_role ${role}`,
};

interface Described {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly definition: Json;
  readonly cause: string;
  readonly message?: string | undefined;
  remove(metadata: Metadata): Metadata;
}

function inconsistent({
  id,
  type,
  name,
  definition,
  cause,
  message,
  remove,
}: Described): Inconsistency {
  const reason = `Inconsistent object: ${cause}`;
  return {
    id,
    reason,
    record: { definition, ...(message === undefined ? {} : { message }), name, reason, type },
    remove,
  };
}

export function inconsistentSource(
  name: string,
  cause: string,
  message: string | undefined,
): Inconsistency {
  return inconsistent({
    id: ids.source(name),
    type: "source",
    name: `source ${name}`,
    definition: name,
    cause,
    message,
    remove: (metadata) => withoutSource(metadata, name),
  });
}

export function tableIn(table: TableName, source: string): string {
  return `table ${table.text} in source ${source}`;
}

export function inconsistentTable(source: string, table: TableName, cause: string): Inconsistency {
  return inconsistent({
    id: ids.table(source, table),
    type: "table",
    name: tableIn(table, source),
    definition: table.json,
    cause,
    remove: (metadata) => {
      const found = findSource(metadata, source);
      return found ? withoutTable(metadata, found, table) : metadata;
    },
  });
}

export function inconsistentRelationship(
  source: string,
  table: TableName,
  kind: RelationshipKind,
  relationship: Relationship,
  cause: string,
): Inconsistency {
  const { name, using, comment } = relationship;
  return inconsistent({
    id: ids.relationship(source, table, name),
    type: `${kind}_relation`,
    name: `${kind}_relation ${name} in ${tableIn(table, source)}`,
    definition: { using, name, source, comment: comment ?? null, table: table.json },
    cause,
    remove: (metadata) =>
      changeTable(metadata, source, table, (found) =>
        withRelationships(
          found,
          kind,
          found.relationships[kind].filter((other) => other.name !== name),
        ),
      ),
  });
}

export function inconsistentPermission(
  source: string,
  table: TableName,
  operation: Operation,
  permission: Permission,
  cause: string,
): Inconsistency {
  const { role, definition, comment } = permission;
  const type = `${operation}_permission`;
  const defaults = operation === "select" ? { allow_aggregations: false, computed_fields: [] } : {};
  return inconsistent({
    id: ids.permission(source, table, operation, role),
    type,
    name: `${type} ${role} in ${tableIn(table, source)}`,
    definition: {
      role,
      source,
      comment: comment ?? null,
      permission: { ...defaults, ...definition },
      table: table.json,
    },
    cause: `in table ${JSON.stringify(table.text)}: in permission for role ${JSON.stringify(role)}: ${cause}`,
    remove: (metadata) =>
      changeTable(metadata, source, table, (found) =>
        withPermissions(
          found,
          operation,
          found.permissions[operation].filter((other) => other.role !== role),
        ),
      ),
  });
}

export function inconsistentRole(role: InheritedRole, cause: string): Inconsistency {
  return inconsistent({
    id: ids.inheritedRole(role.name),
    type: "inherited_role",
    name: `inherited_role inherited role ${role.name}`,
    definition: exportInheritedRole(role),
    cause,
    remove: (metadata) => withoutRole(metadata, role.name),
  });
}

/** Parents whose permissions for writing differ: the role lives, but that permission cannot be inherited. */
export function inheritanceConflict(
  role: string,
  operation: Operation,
  source: string,
  table: TableName,
): Inconsistency {
  const reason = `Could not inherit permission for the role '${role}' for the entity: '${operation} permission, table: ${table.text}, source: '${source}''`;
  return {
    id: `inherited permission ${role} ${operation} ${source} ${table.key}`,
    reason,
    record: {
      reason,
      name: role,
      type: "inherited role permission inconsistency",
      entity: { permission_type: operation, source, table: table.text },
    },
    remove: (metadata) => withoutRole(metadata, role),
  };
}

/** @param stage what Hasura calls the object at the point where the fault is found */
export function inconsistentEndpoint(
  endpoint: JsonObject,
  cause: string,
  stage: "endpoint" | "rest_endpoint",
): Inconsistency {
  const name = String(endpoint.name ?? "");
  return inconsistent({
    id: `endpoint ${name}`,
    type: stage,
    name: `${stage} ${name}`,
    definition: { comment: null, ...endpoint },
    cause,
    remove: (metadata) => withoutEndpoints(metadata, [name]),
  });
}

/** One request could mean any of these. */
export function ambiguousEndpoints(endpoints: readonly JsonObject[]): Inconsistency {
  const names = endpoints.map(({ name }) => String(name));
  const reason = `Ambiguous URL paths: ${endpoints.map(({ url }) => String(url)).join(", ")}`;
  return {
    id: `ambiguous ${names.join(" ")}`,
    reason,
    record: { reason, conflicts: endpoints.map((endpoint) => ({ comment: null, ...endpoint })) },
    remove: (metadata) => withoutEndpoints(metadata, names),
  };
}

function withoutEndpoints(metadata: Metadata, names: readonly string[]): Metadata {
  const { rest_endpoints: list, ...others } = metadata.others;
  const kept = (isArray(list) ? list : []).filter(
    (each) => !isObject(each) || !names.includes(String(each.name)),
  );
  return { ...metadata, others: kept.length > 0 ? { ...others, rest_endpoints: kept } : others };
}

function withoutRole(metadata: Metadata, role: string): Metadata {
  const inheritedRoles = metadata.inheritedRoles.filter(({ name }) => name !== role);
  return { ...metadata, inheritedRoles };
}

function changeTable(
  metadata: Metadata,
  sourceName: string,
  name: TableName,
  change: (table: TableMetadata) => TableMetadata,
): Metadata {
  const source = findSource(metadata, sourceName);
  const table = source && findTable(source, name);
  return source && table ? withTable(metadata, source, change(table)) : metadata;
}

type Inconsistencies = readonly Inconsistency[];

function newly(before: Inconsistencies, after: Inconsistencies): Inconsistency[] {
  const known = new Set(before.map(({ id }) => id));
  return after.filter(({ id }) => !known.has(id));
}

const recordsOf = (list: Inconsistencies): Json => list.map(({ record }) => record);

/** For commands about certain objects: these must be consistent, and no others may become inconsistent. */
export function refuseInconsistent(
  objects: readonly string[],
  before: Inconsistencies,
  after: Inconsistencies,
): void {
  const matching = after.filter(({ id }) => objects.includes(id));
  const [first] = matching;
  if (first) {
    const own = matching.length === 1 ? first.own : undefined;
    throw new HasuraError(
      own?.code ?? "invalid-configuration",
      own?.message ?? matching.map(({ reason }) => reason).join(", "),
      { internal: recordsOf(matching) },
    );
  }
  const others = newly(before, after);
  if (others.length > 0)
    throw new HasuraError("unexpected", "cannot continue due to new inconsistent metadata", {
      internal: recordsOf(others),
    });
}

/** For commands that take something away (500), and for many tables at once (400). */
export function refuseNewlyInconsistent(
  before: Inconsistencies,
  after: Inconsistencies,
  status: 400 | 500,
): void {
  const others = newly(before, after);
  if (others.length > 0)
    throw new HasuraError(
      "unexpected",
      "cannot continue due to newly found inconsistent metadata",
      { status, internal: recordsOf(others) },
    );
}

/** For a replace that allows none, not even those that were there before. */
export function refuseAnyInconsistency(after: Inconsistencies): void {
  if (after.length > 0)
    throw new HasuraError("unexpected", "cannot continue due to inconsistent metadata", {
      internal: recordsOf(after),
    });
}

/** For bulk_atomic; each record stands in a list of its own. */
export function refuseAtOnce(before: Inconsistencies, after: Inconsistencies): void {
  const others = newly(before, after);
  if (others.length > 0)
    throw new HasuraError("bad-request", "Schema inconsistency", {
      internal: others.map(({ record }) => [record]),
    });
}
