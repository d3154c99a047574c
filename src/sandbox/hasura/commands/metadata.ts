/** Export, replace, reload and clear metadata; list and drop what is inconsistent. */
import { type At, booleanAt, member, objectAt, optional, parseFailed, textAt } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { exportMetadata } from "../export-metadata.ts";
import { type Inconsistency, refuseAnyInconsistency } from "../inconsistency.ts";
import { isArray, type JsonObject } from "../json.ts";
import { EMPTY_METADATA, findSource, type Metadata } from "../metadata.ts";
import { metadataFrom, readMetadata } from "../read-metadata.ts";
import type { Invalidated } from "../rebuild.ts";
import { type Command, modifying, reading, SUCCESS } from "./command.ts";

const ACCEPT = (): void => undefined;

export function readExportMetadata(): Command {
  return reading(({ session }) => exportMetadata(session.metadata));
}

/** With `metadata` inside, the answer lists inconsistencies; without, the arguments are the metadata. */
export function readReplaceMetadata(args: At): Command {
  const object = objectAt(args, "ReplaceMetadata");
  const wrapped = object.metadata !== undefined;
  const allowed =
    wrapped && optional(member(object, args.path, "allow_inconsistent_metadata"), false, booleanAt);
  const read = readMetadata(wrapped ? member(object, args.path, "metadata") : args);
  return modifying(async (context) => {
    const { session, change } = context;
    const metadata = metadataFrom(read, session.metadata);
    const check = allowed
      ? ACCEPT
      : (_: readonly Inconsistency[], after: readonly Inconsistency[]) =>
          refuseAnyInconsistency(after);
    await change(metadata, check, "all");
    return wrapped ? consistency(session.cache.inconsistencies) : undefined;
  });
}

export function readClearMetadata(): Command {
  return modifying(async ({ session, change }) => {
    const standard = findSource(session.metadata, "default");
    const cleared: Metadata = standard
      ? { ...EMPTY_METADATA, sources: [{ ...standard, tables: [], others: {} }] }
      : EMPTY_METADATA;
    await change(cleared, (_, after) => refuseAnyInconsistency(after), "all");
    return undefined;
  });
}

export function readReloadMetadata(args: At): Command {
  const object = objectAt(args, "ReloadMetadata");
  const asked = readReloadSpec(member(object, args.path, "reload_sources"));
  return modifying(async ({ session, change }) => {
    for (const name of asked === "all" ? [] : asked)
      if (!findSource(session.metadata, name))
        throw new HasuraError(
          "not-exists",
          `Source with name ${JSON.stringify(name)} not found in metadata`,
        );
    await change(session.metadata, ACCEPT, asked);
    const { is_consistent, inconsistent_objects } = consistency(session.cache.inconsistencies);
    return is_consistent === true
      ? { ...SUCCESS, is_consistent }
      : { ...SUCCESS, is_consistent, inconsistent_objects };
  });
}

function readReloadSpec(where: At): Invalidated {
  const { value, path } = where;
  if (value === undefined || value === null || value === true) return "all";
  if (value === false) return new Set();
  if (!isArray(value)) throw parseFailed(path, "expected a boolean or a list of names");
  return new Set(value.map((name, i) => textAt({ value: name, path: `${path}[${i}]` })));
}

function consistency(inconsistencies: readonly Inconsistency[]): JsonObject {
  return {
    is_consistent: inconsistencies.length === 0,
    inconsistent_objects: inconsistencies.map(({ record }) => record),
  };
}

export function readGetInconsistentMetadata(): Command {
  return reading(({ session }) => consistency(session.cache.inconsistencies));
}

export function readDropInconsistentMetadata(): Command {
  return modifying(async ({ session, change }) => {
    const cleaned = session.cache.inconsistencies.reduce(
      (metadata, inconsistency) => inconsistency.remove(metadata),
      session.metadata,
    );
    await change(cleaned, ACCEPT);
    return undefined;
  });
}

/** Version 2 of export_metadata, which also tells the resource version. */
export function exportWithVersion(metadata: Metadata, version: number): JsonObject {
  return { resource_version: version, metadata: exportMetadata(metadata) };
}
