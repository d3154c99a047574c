/** Reads a metadata object (version 3, or the older one without sources) as replace_metadata takes it. */
import {
  type At,
  at,
  integerAt,
  isAbsent,
  keyPath,
  listAt,
  member,
  nonEmptyTextAt,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "./decode.ts";
import { HasuraError } from "./errors.ts";
import { isObject, type JsonObject, withoutKeys, withoutNulls } from "./json.ts";
import {
  findSource,
  type InheritedRole,
  type Metadata,
  type SourceMetadata,
  type TableMetadata,
} from "./metadata.ts";
import { type Kind, kindOf, POSTGRES } from "./names.ts";
import { readSourceConfiguration } from "./read-source-configuration.ts";
import { readTable } from "./read-table.ts";

/** Version 1 and 2 have tables instead of sources: they become the tables of the `default` source. */
export type MetadataToBe =
  | { readonly form: "sources"; readonly metadata: Metadata }
  | {
      readonly form: "without sources";
      readonly tables: readonly TableMetadata[];
      readonly others: JsonObject;
    };

const TOP_KEYS: ReadonlySet<string> = new Set(["version", "sources", "inherited_roles"]);

/** @throws HasuraError parse-failed */
export function readMetadata(where: At): MetadataToBe {
  const object = objectAt(where, "Metadata");
  const version = optional(member(object, where.path, "version"), 1, integerAt);
  if (version === 1 || version === 2) return readLegacy(object, where.path);
  if (version !== 3)
    throw parseFailed(
      keyPath(where.path, "version"),
      `unexpected metadata version ${version}: expected 1, 2 or 3`,
    );
  const sources = listAt(required(object, where.path, "sources"), readSource);
  refuseRepeated(sources, keyPath(where.path, "sources"));
  return {
    form: "sources",
    metadata: {
      sources,
      inheritedRoles: optional(member(object, where.path, "inherited_roles"), [], (roles) =>
        listAt(roles, readInheritedRole),
      ),
      others: withoutEmptyParts(withoutKeys(object, TOP_KEYS)),
    },
  };
}

function readLegacy(object: JsonObject, path: string): MetadataToBe {
  const tables = listAt(required(object, path, "tables"), (item) => readTable(POSTGRES, item));
  const others = withoutKeys(object, new Set(["version", "tables", "functions"]));
  return { form: "without sources", tables, others: withoutEmptyParts(others) };
}

/**
 * What replace_metadata puts in place of `current`.
 * @throws HasuraError not-supported when metadata without sources meets no default source
 */
export function metadataFrom(read: MetadataToBe, current: Metadata): Metadata {
  if (read.form === "sources") return read.metadata;
  const standard = findSource(current, "default");
  if (!standard)
    throw new HasuraError(
      "not-supported",
      "cannot import metadata without sources since no default source is defined",
    );
  const { tables, others } = read;
  return { sources: [{ ...standard, tables }], inheritedRoles: [], others };
}

const SOURCE_KEYS: ReadonlySet<string> = new Set([
  "name",
  "kind",
  "tables",
  "configuration",
  "customization",
  "health_check",
]);

function readSource(where: At): SourceMetadata {
  const object = objectAt(where, "SourceMetadata");
  const kind = optional(member(object, where.path, "kind"), POSTGRES, kindAt);
  return {
    name: nonEmptyTextAt(required(object, where.path, "name")),
    kind,
    tables: listAt(required(object, where.path, "tables"), (item) => readTable(kind, item)),
    configuration: readSourceConfiguration(kind, required(object, where.path, "configuration")),
    customization: optional(
      member(object, where.path, "customization"),
      undefined,
      readCustomization,
    ),
    healthCheck: object.health_check ?? undefined,
    others: withoutEmptyParts(withoutKeys(object, SOURCE_KEYS)),
  };
}

function kindAt(where: At): Kind {
  const text = textAt(where);
  const kind = kindOf(text);
  if (kind) return kind;
  throw parseFailed(where.path, `got: ${JSON.stringify(text)}, not a known kind of source`);
}

/** `undefined` when nothing is customised. */
export function readCustomization(where: At): JsonObject | undefined {
  const object = objectAt(where, "SourceCustomization");
  const parts = Object.entries(withoutNulls(object)).flatMap(([key, value]) => {
    const part = isObject(value) ? withoutNulls(value) : value;
    return isObject(part) && Object.keys(part).length === 0 ? [] : [[key, part] as const];
  });
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}

function readInheritedRole(where: At): InheritedRole {
  const object = objectAt(where, "InheritedRole");
  return {
    name: nonEmptyTextAt(required(object, where.path, "role_name")),
    parents: [
      ...new Set(listAt(required(object, where.path, "role_set"), (item) => nonEmptyTextAt(item))),
    ],
  };
}

function refuseRepeated(sources: readonly SourceMetadata[], path: string): void {
  const seen = new Set<string>();
  for (const { name, tables } of sources) {
    if (seen.has(name))
      throw parseFailed(path, `multiple declarations exist for the following source: ${name}`);
    seen.add(name);
    const keys = tables.map((table) => table.name.key);
    const twice = tables.find((table, i) => keys.indexOf(table.name.key) !== i);
    if (twice)
      throw parseFailed(
        path,
        `multiple declarations exist for the following table: ${twice.name.text}`,
      );
  }
}

function withoutEmptyParts(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => {
      if (isAbsent(at(value, "$"))) return false;
      if (Array.isArray(value)) return value.length > 0;
      return !isObject(value) || Object.keys(value).length > 0;
    }),
  );
}
