/** Differences in Hasura that nobody asked for: pure, from what is there and what was applied. */
import {
  type AppliedPort,
  type Difference,
  type DifferenceKind,
  difference,
  type OwnThings,
} from "./difference.ts";
import { exposures, type PlaceOf } from "./exposure.ts";
import { inheritedRole, inheritsExactly } from "./inherited-roles.ts";
import { memberOf } from "./metadata.ts";
import { type MetadataIndex, otherParts, selectPermissions, tableKey } from "./metadata-index.ts";
import { objectKey, refsOf } from "./objects.ts";
import type { Observed } from "./plan-port.ts";
import { sameConfiguration, samePermission } from "./same.ts";

/** Everything in Hasura that is not as it was applied. */
export function findDifferences(
  observed: Observed,
  ports: readonly AppliedPort[],
  own: OwnThings,
  placeOf: PlaceOf,
): Difference[] {
  const { index } = observed;
  return [
    ...sourceDifferences(index, ports),
    ...ports.flatMap((port) => [
      ...tableDifferences(index, port),
      ...permissionDifferences(index, port),
      ...strangersOn(index, port),
    ]),
    ...combinedRoleDifferences(index, own),
    ...inconsistencies(observed, ports),
    ...orphans(index, ports, own),
    ...exposures(index, ports, own, placeOf),
  ];
}

const REPAIR = "reconcile with mode REPAIR, or provision the port again";
const MENDED = { suggestion: REPAIR, repairable: true } as const;

/** Sources are told of once, however many ports use them. */
function sourceDifferences(index: MetadataIndex, ports: readonly AppliedPort[]): Difference[] {
  const seen = new Map<string, AppliedPort>();
  for (const port of ports) seen.set(port.objects.source.name, port);
  return [...seen.values()].flatMap(({ environment, objects }): Difference[] => {
    const [object] = refsOf(objects);
    const entry = index.source(object.source);
    const told = (kind: DifferenceKind, message: string): Difference => ({
      ...difference(kind, null, object, { message, ...MENDED }),
      environment,
    });
    if (entry === undefined) return [told("MISSING", "is not in Hasura any more")];
    if (sameConfiguration(entry.configuration, objects.source.configuration)) return [];
    return [told("CHANGED", "has another connection than was applied")];
  });
}

function tableDifferences(index: MetadataIndex, port: AppliedPort): Difference[] {
  const { objects } = port;
  const [, object] = refsOf(objects);
  // That its source is missing is told of once.
  if (index.source(object.source) === undefined) return [];
  const entry = index.table(object.source, object.table);
  const expected = objects.configuration;
  if (entry === undefined)
    return [
      difference("MISSING", port, object, {
        message: "is not tracked any more",
        ...MENDED,
        expected,
      }),
    ];
  if (sameConfiguration(entry.configuration, expected)) return [];
  const actual = entry.configuration ?? null;
  const kept = Object.entries(expected).every(([member, value]) =>
    sameConfiguration(memberOf(actual, member), value),
  );
  return [
    difference(kept ? "FOREIGN_EDIT" : "CHANGED", port, object, {
      message: kept
        ? "carries customisation that is not ours"
        : "has other names than were applied",
      ...MENDED,
      expected,
      actual,
    }),
  ];
}

function permissionDifferences(index: MetadataIndex, port: AppliedPort): Difference[] {
  const { objects } = port;
  const [, , object] = refsOf(objects);
  const table = index.table(object.source, object.table);
  if (table === undefined) return [];
  const entry = selectPermissions(table).find(({ role }) => role === objects.role);
  const { permission, comment } = objects;
  const expected = { permission, comment };
  if (entry === undefined)
    return [
      difference("MISSING", port, object, {
        message: "is not there any more: granted consumers get nothing",
        ...MENDED,
        expected,
      }),
    ];
  if (samePermission(entry, expected)) return [];
  const actual = { permission: entry.permission, comment: entry.comment ?? null };
  const onlyMark = samePermission({ ...entry, comment }, expected);
  return [
    difference("CHANGED", port, object, {
      message: onlyMark
        ? "has lost the comment that marks it as ours"
        : "lets its role see something else than was applied",
      ...MENDED,
      expected,
      actual,
    }),
  ];
}

function combinedRoleDifferences(index: MetadataIndex, own: OwnThings): Difference[] {
  return [...own.combinedRoles].flatMap(([role, { environment, parents, settled }]) => {
    const entry = inheritedRole(index, role);
    if (!settled || (entry !== undefined && inheritsExactly(entry, parents))) return [];
    const expected = { role_name: role, role_set: parents };
    const told =
      entry === undefined
        ? { message: "is not there any more: who asks for its ports together gets an error" }
        : { message: "inherits from other roles than those of its ports", actual: entry };
    const kind = entry === undefined ? "MISSING" : "CHANGED";
    const object = { kind: "INHERITED_ROLE", role } as const;
    return [{ ...difference(kind, null, object, { ...told, ...MENDED, expected }), environment }];
  });
}

/** Things on our table that reach no data by themselves. */
function strangersOn(index: MetadataIndex, port: AppliedPort): Difference[] {
  const [, object] = refsOf(port.objects);
  const table = index.table(object.source, object.table);
  if (table === undefined) return [];
  return otherParts(table)
    .filter((part) => !part.endsWith("_permissions"))
    .map((part) =>
      difference("FOREIGN_EDIT", port, object, {
        message: `carries ${part.replaceAll("_", " ")} that are not ours`,
        suggestion: "remove them in Hasura; the port cannot be unprovisioned while they are there",
        actual: table[part],
        detail: part,
      }),
    );
}

function inconsistencies({ inconsistent }: Observed, ports: readonly AppliedPort[]): Difference[] {
  const byTable = new Map<string, AppliedPort>();
  const bySource = new Map<string, AppliedPort>();
  for (const port of ports) {
    const { source, table } = port.objects;
    byTable.set(`${source.name} ${tableKey(table)}`, port);
    bySource.set(source.name, port);
  }
  return inconsistent.flatMap(({ type, name, reason, source, tableKey: key, role }) => {
    if (source === undefined) return [];
    const ofSource = type === "source" ? bySource.get(source) : undefined;
    const port = ofSource ?? byTable.get(`${source} ${key}`);
    if (port === undefined) return [];
    const [sourceRef, tableRef, permissionRef] = refsOf(port.objects);
    const object =
      ofSource !== undefined ? sourceRef : role === port.objects.role ? permissionRef : tableRef;
    return [
      {
        ...difference("INCONSISTENT", ofSource === undefined ? port : null, object, {
          message: `does not work in Hasura: ${reason || name}`,
          suggestion:
            "see whether the view is still there and granted to the role that Hasura logs in with",
          detail: type,
          repairable: true,
        }),
        environment: port.environment,
      },
    ];
  });
}

const MARK = /^portcullis:([^:]*):(.+)$/s;

/** What carries our mark and belongs to no applied port, and sources of ours that hold nothing. */
function orphans(
  index: MetadataIndex,
  ports: readonly AppliedPort[],
  own: OwnThings,
): Difference[] {
  const applied = new Set(
    ports.map(({ objects }) => {
      const [, , permission] = refsOf(objects);
      return objectKey(permission);
    }),
  );
  const found: Difference[] = [];
  for (const source of index.sourceNames()) {
    const kind = index.source(source)?.kind ?? "";
    const keys = index.tableKeys(source);
    const environment = own.sources.get(source)?.environment;
    if (environment !== undefined && keys.length === 0)
      found.push({
        ...difference(
          "ORPHAN",
          null,
          { kind: "SOURCE", source, sourceKind: kind },
          { message: "is a source of ours that holds no table", ...MENDED },
        ),
        environment,
      });
    for (const key of keys) {
      const table = JSON.parse(key) as unknown;
      if (!Array.isArray(table)) continue;
      for (const { role, comment } of selectPermissions(index.tableOfKey(source, key))) {
        const mark = MARK.exec(comment ?? "");
        if (mark === null || own.unsettledMarks.has(comment ?? "")) continue;
        const where = { source, sourceKind: kind, table: table.map(String) };
        const object = { kind: "SELECT_PERMISSION", ...where, role } as const;
        if (applied.has(objectKey(object))) continue;
        found.push({
          ...difference("ORPHAN", null, object, {
            message: `is marked as that of ${mark[2]}, which is not provisioned here`,
            suggestion: "drop it in Hasura, with its table, unless another plane uses this Hasura",
            actual: { comment },
            repairable: true,
          }),
          environment: mark[1] ?? null,
        });
      }
    }
  }
  return found;
}
