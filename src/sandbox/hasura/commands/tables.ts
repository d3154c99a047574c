/** Track and untrack one table, and customise it. */
import { relationshipsTo } from "../build-relationships.ts";
import { type At, booleanAt, isAbsent, member, objectAt, optional, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { ids, refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import type { Json, JsonObject } from "../json.ts";
import {
  findSource,
  findTable,
  type Metadata,
  newTable,
  RELATIONSHIPS,
  type TableMetadata,
  withoutTable,
  withRelationships,
  withTable,
} from "../metadata.ts";
import { type Kind, type TableName, tableNameAt } from "../names.ts";
import { readTableConfiguration } from "../read-table.ts";
import { type BuiltTable, liveSource, liveTable } from "../schema-cache.ts";
import {
  askSource,
  type Check,
  type Command,
  modifying,
  noTable,
  type Session,
  sourceNameAt,
} from "./command.ts";
import { isTrackedFunction } from "./functions.ts";

export interface TrackRequest {
  readonly source: string;
  readonly table: TableMetadata;
}

/** @throws HasuraError parse-failed */
export function readTrackRequest(args: At, kind: Kind): TrackRequest {
  const object = objectAt(args, "TrackTable");
  const name = tableNameAt(kind, required(object, args.path, "table"));
  return {
    source: sourceNameAt(object, args.path),
    table: {
      ...newTable(name),
      isEnum: optional(member(object, args.path, "is_enum"), false, booleanAt),
      configuration: optional(
        member(object, args.path, "configuration"),
        undefined,
        readTableConfiguration,
      ),
      apolloFederation: readApollo(object, args.path),
    },
  };
}

/**
 * Metadata with the table tracked.
 * @throws HasuraError not-exists without the source, already-tracked, not-supported
 */
export function tracked(session: Session, { source, table }: TrackRequest, kind: Kind): Metadata {
  askSource(session, source, kind);
  if (liveTable(session.cache, source, table.name))
    throw new HasuraError(
      "already-tracked",
      `view/table already tracked: ${JSON.stringify(table.name.text)}`,
    );
  const metadata = findSource(session.metadata, source);
  if (!metadata) return session.metadata;
  if (isTrackedFunction(metadata, table.name))
    throw new HasuraError(
      "not-supported",
      `function with name ${JSON.stringify(table.name.text)} already exists`,
    );
  return withTable(session.metadata, metadata, table);
}

export function readTrackTable(args: At, kind: Kind): Command {
  const request = readTrackRequest(args, kind);
  return modifying(async ({ session, change }) => {
    const id = ids.table(request.source, request.table.name);
    await change(tracked(session, request, kind), (before, after) =>
      refuseInconsistent([id], before, after),
    );
    return undefined;
  });
}

export interface UntrackRequest {
  readonly source: string;
  readonly name: TableName;
  readonly cascade: boolean;
}

/** @throws HasuraError parse-failed */
export function readUntrackRequest(args: At, kind: Kind): UntrackRequest {
  const object = objectAt(args, "UntrackTable");
  return {
    name: tableNameAt(kind, required(object, args.path, "table")),
    source: sourceNameAt(object, args.path),
    cascade: optional(member(object, args.path, "cascade"), false, booleanAt),
  };
}

/**
 * Metadata without the table and, if asked for, without what points at it.
 * @throws HasuraError already-untracked, also without the source; dependency-error
 */
export function untracked(session: Session, { source, name, cascade }: UntrackRequest): Metadata {
  const live = liveSource(session.cache, source);
  if (!live?.tables.has(name.key))
    throw new HasuraError(
      "already-untracked",
      `view/table already untracked: ${JSON.stringify(name.text)}`,
    );
  const dependants = relationshipsTo(live.tables, name);
  if (dependants.length > 0 && !cascade) {
    const list = dependants.map(
      ({ table, relationship }) =>
        `relationship ${table.metadata.name.text}.${relationship} in source ${JSON.stringify(source)}`,
    );
    throw new HasuraError(
      "dependency-error",
      `cannot drop due to the following dependent objects: ${list.join(", ")}`,
    );
  }
  const metadata = dependants.reduce(
    (changed, { table, relationship }) => withoutRelationship(changed, table, relationship),
    session.metadata,
  );
  const found = findSource(metadata, source);
  return found ? withoutTable(metadata, found, name) : metadata;
}

function withoutRelationship(metadata: Metadata, built: BuiltTable, name: string): Metadata {
  const source = findSource(metadata, built.source.name);
  const table = source && findTable(source, built.metadata.name);
  if (!source || !table) return metadata;
  const changed = RELATIONSHIPS.reduce(
    (next, kind) =>
      withRelationships(
        next,
        kind,
        next.relationships[kind].filter((relationship) => relationship.name !== name),
      ),
    table,
  );
  return withTable(metadata, source, changed);
}

export function readUntrackTable(args: At, kind: Kind): Command {
  const request = readUntrackRequest(args, kind);
  return modifying(async ({ session, change }) => {
    await change(untracked(session, request), (before, after) =>
      refuseNewlyInconsistent(before, after, 500),
    );
    return undefined;
  });
}

export function readSetTableCustomization(args: At, kind: Kind): Command {
  const object = objectAt(args, "SetTableCustomization");
  const name = tableNameAt(kind, required(object, args.path, "table"));
  const source = sourceNameAt(object, args.path);
  const configuration = optional(
    member(object, args.path, "configuration"),
    undefined,
    readTableConfiguration,
  );
  return changingTable(source, name, kind, (table) => ({ ...table, configuration }));
}

export function readSetApolloFederationConfig(args: At, kind: Kind): Command {
  const object = objectAt(args, "SetApolloFederationConfig");
  const name = tableNameAt(kind, required(object, args.path, "table"));
  const apolloFederation = readApollo(object, args.path);
  return changingTable(sourceNameAt(object, args.path), name, kind, (table) => ({
    ...table,
    apolloFederation,
  }));
}

function readApollo(object: JsonObject, path: string): Json | undefined {
  const where = member(object, path, "apollo_federation_config");
  return isAbsent(where) ? undefined : objectAt(where, "ApolloFederationConfig");
}

function changingTable(
  source: string,
  name: TableName,
  kind: Kind,
  changed: (table: TableMetadata) => TableMetadata,
): Command {
  return modifying(async ({ session, change }) => {
    const live = askSource(session, source, kind).tables.get(name.key);
    const metadata = findSource(session.metadata, source);
    const table = metadata && findTable(metadata, name);
    if (!live || !table) throw noTable(source, name);
    const check: Check = (before, after) =>
      refuseInconsistent([ids.table(source, name)], before, after);
    await change(withTable(session.metadata, metadata, changed(table)), check);
    return undefined;
  });
}
