/** add, drop, update and rename a source. */
import {
  type At,
  booleanAt,
  isAbsent,
  member,
  nonEmptyTextAt,
  objectAt,
  optional,
  required,
} from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { ids, refuseInconsistent } from "../inconsistency.ts";
import {
  findSource,
  type Metadata,
  type SourceMetadata,
  withoutSource,
  withSource,
} from "../metadata.ts";
import type { Kind } from "../names.ts";
import { readCustomization } from "../read-metadata.ts";
import { readSourceConfiguration } from "../read-source-configuration.ts";
import { liveSource } from "../schema-cache.ts";
import { type Check, type Command, modifying, noSource } from "./command.ts";

const aboutSource =
  (name: string): Check =>
  (before, after) =>
    refuseInconsistent([ids.source(name)], before, after);

export function readAddSource(args: At, kind: Kind): Command {
  const object = objectAt(args, "AddSource");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  const replace = optional(member(object, args.path, "replace_configuration"), false, booleanAt);
  const given = {
    configuration: readSourceConfiguration(kind, required(object, args.path, "configuration")),
    customization: optional(
      member(object, args.path, "customization"),
      undefined,
      readCustomization,
    ),
    healthCheck: object.health_check ?? undefined,
  };
  return modifying(async ({ session, change }) => {
    const existing = findSource(session.metadata, name);
    if (existing && !replace)
      throw new HasuraError(
        "already-exists",
        `source with name ${JSON.stringify(name)} already exists`,
      );
    const source: SourceMetadata = {
      ...(existing ?? { name, kind, tables: [], others: {} }),
      ...given,
      ...(existing && isAbsent(member(object, args.path, "health_check"))
        ? { healthCheck: existing.healthCheck }
        : {}),
    };
    await change(withSource(session.metadata, source), aboutSource(name));
    return undefined;
  });
}

export function readDropSource(args: At): Command {
  const object = objectAt(args, "DropSource");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  const cascade = optional(member(object, args.path, "cascade"), false, booleanAt);
  return modifying(async ({ session, change }) => {
    if (!findSource(session.metadata, name)) throw noSource(name);
    if (cascade && !liveSource(session.cache, name))
      throw new HasuraError(
        "unexpected",
        `source with name ${JSON.stringify(name)} is inconsistent`,
      );
    await change(withoutSource(session.metadata, name), (before, after) =>
      refuseInconsistent([], before, after),
    );
    return undefined;
  });
}

export function readUpdateSource(args: At, kind: Kind): Command {
  const object = objectAt(args, "UpdateSource");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  const configuration = optional(member(object, args.path, "configuration"), undefined, (where) =>
    readSourceConfiguration(kind, where),
  );
  const customization = member(object, args.path, "customization");
  const given = {
    ...(configuration === undefined ? {} : { configuration }),
    ...(isAbsent(customization) ? {} : { customization: readCustomization(customization) }),
    ...(object.health_check === undefined ? {} : { healthCheck: object.health_check ?? undefined }),
  };
  return modifying(async ({ session, change }) => {
    const live = liveSource(session.cache, name);
    const known = findSource(session.metadata, name);
    if (!known || live?.metadata.kind.name !== kind.name) throw noSource(name);
    const source = { ...known, ...given };
    await change(withSource(session.metadata, source), aboutSource(name));
    return undefined;
  });
}

export function readRenameSource(args: At): Command {
  const object = objectAt(args, "RenameSource");
  const name = nonEmptyTextAt(required(object, args.path, "name"));
  const newName = nonEmptyTextAt(required(object, args.path, "new_name"));
  return modifying(async ({ session, change }) => {
    const source = findSource(session.metadata, name);
    if (!source)
      throw new HasuraError(
        "not-exists",
        `Could not find source with name ${JSON.stringify(name)}`,
      );
    if (findSource(session.metadata, newName))
      throw new HasuraError(
        "already-exists",
        `Source with name ${JSON.stringify(newName)} already exists`,
      );
    const renamed: Metadata = withSource(withoutSource(session.metadata, name), {
      ...source,
      name: newName,
    });
    await change(renamed, aboutSource(newName));
    return undefined;
  });
}
