/** Ways to the data of our ports that we did not make: somebody else's permissions, tables and roles. */
import { type AppliedPort, type Difference, difference, type OwnThings } from "./difference.ts";
import { inheritingFrom } from "./inherited-roles.ts";
import { memberOf } from "./metadata.ts";
import { type MetadataIndex, selectPermissions, tableKey } from "./metadata-index.ts";
import { refsOf } from "./objects.ts";

/** Where a table of a source really is: one text for each relation there is; null where it cannot be told. */
export type PlaceOf = (
  kind: string,
  configuration: unknown,
  path: readonly string[],
) => string | null;

const NEVER_REPAIRED = "Remove it in Hasura, or acknowledge this finding with the reason.";

export function exposures(
  index: MetadataIndex,
  ports: readonly AppliedPort[],
  own: Pick<OwnThings, "combinedRoles">,
  placeOf: PlaceOf,
): Difference[] {
  return [
    ...ports.flatMap((port) => [
      ...permissionsOfOthers(index, port),
      ...rolesOfOthers(index, port, own),
    ]),
    ...tablesOfOthers(index, ports, placeOf),
  ];
}

const PERMISSIONS = {
  select_permissions: "reads",
  insert_permissions: "inserts into",
  update_permissions: "updates",
  delete_permissions: "deletes from",
} as const;

/** Permissions on our table that are not its port's own. */
function permissionsOfOthers(index: MetadataIndex, port: AppliedPort): Difference[] {
  const [, object] = refsOf(port.objects);
  const table = index.table(object.source, object.table);
  if (table === undefined) return [];
  return Object.entries(PERMISSIONS).flatMap(([part, does]) =>
    listOf(table[part]).flatMap((entry) => {
      const role = String(memberOf(entry, "role"));
      if (part === "select_permissions" && role === port.objects.role) return [];
      return [
        difference("EXPOSURE", port, object, {
          message: `the role ${role} ${does} it, by a permission that is not ours`,
          suggestion: NEVER_REPAIRED,
          actual: entry,
          detail: `${part} ${role}`,
        }),
      ];
    }),
  );
}

/** Inherited roles that are given our port's role, directly or through others. */
function rolesOfOthers(
  index: MetadataIndex,
  port: AppliedPort,
  own: Pick<OwnThings, "combinedRoles">,
): Difference[] {
  return inheritingFrom(index, port.objects.role)
    .filter(({ role_name }) => !own.combinedRoles.has(role_name))
    .map((entry) =>
      difference(
        "EXPOSURE",
        port,
        { kind: "INHERITED_ROLE", role: entry.role_name },
        {
          message: `inherits from the port's role ${port.objects.role}, and is not ours`,
          suggestion: NEVER_REPAIRED,
          actual: entry,
          detail: port.objects.role,
        },
      ),
    );
}

/** Tables elsewhere in Hasura that are the same relation as one of ours. */
function tablesOfOthers(
  index: MetadataIndex,
  ports: readonly AppliedPort[],
  placeOf: PlaceOf,
): Difference[] {
  const ours = new Map<string, AppliedPort>();
  const places = new Map<string, AppliedPort>();
  for (const port of ports) {
    const { source, table } = port.objects;
    ours.set(`${source.name} ${tableKey(table)}`, port);
    const place = placeOf(source.kind, source.configuration, table);
    if (place !== null) places.set(place, port);
  }
  const found: Difference[] = [];
  if (places.size === 0) return found;
  for (const source of index.sourceNames()) {
    const entry = index.source(source);
    if (entry === undefined) continue;
    for (const key of index.tableKeys(source)) {
      if (ours.has(`${source} ${key}`)) continue;
      const path: unknown = JSON.parse(key);
      if (!Array.isArray(path)) continue;
      const table = path.map(String);
      const port = places.get(placeOf(entry.kind, entry.configuration, table) ?? "");
      if (port === undefined) continue;
      const roles = selectPermissions(index.tableOfKey(source, key)).map(({ role }) => role);
      found.push(
        difference(
          "EXPOSURE",
          port,
          { kind: "TABLE", source, sourceKind: entry.kind, table },
          {
            message: `is the same relation as the port's own, tracked again${roles.length > 0 ? ` for the role(s) ${roles.join(", ")}` : ""}, and not by us`,
            suggestion: NEVER_REPAIRED,
          },
        ),
      );
    }
  }
  return found;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
