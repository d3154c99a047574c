/** What plans are made from: ports as the inventory knows them, and Hasura as it is. */
import { grouped } from "../domain/grouped.ts";
import type { DesiredObjects } from "../hasura/desired.ts";
import { indexMetadata } from "../hasura/metadata-index.ts";
import type { Observed, OwnedObject, PortChange } from "../hasura/plan-port.ts";
import { combinedRoleNames } from "../inventory/combined-roles.ts";
import type { DbOrTx } from "../inventory/db.ts";
import type { ManagedObject, OutputPort, Source } from "../inventory/generated/client.ts";
import { objectsOfPorts, readObjectKey } from "../inventory/objects.ts";
import { type FormerPlace, placesOfPorts } from "../inventory/revisions.ts";
import { sourcesUsedByOthers } from "../inventory/sources.ts";
import { kindOf } from "../sources/sources.ts";
import type { OperationsContext } from "./context.ts";

/** What a port is to be in Hasura; null when it is to be gone. */
export interface Wanted {
  readonly objects: DesiredObjects;
  readonly sourceId: string;
}

/** A port that Hasura is to be made to agree with. */
export interface WantedPort {
  readonly port: Pick<OutputPort, "id" | "hasuraId" | "environment" | "componentId" | "role">;
  readonly wanted: Wanted | null;
  /** Objects of it that the inventory has forgotten and Hasura has not. */
  readonly left?: readonly OwnedObject[] | undefined;
}

/** A port's change, with the sources of ours that it is about. */
export interface KnownChange extends PortChange {
  readonly sources: readonly Source[];
}

type SourceWithObjects = Source & { readonly objects: readonly ManagedObject[] };

/**
 * What plans of these ports are made from, in their order.
 * @param removed ids of ports whose records need no source any more
 */
export async function portChanges(
  db: DbOrTx,
  wanting: readonly WantedPort[],
  removed: ReadonlySet<string> = new Set(),
): Promise<KnownChange[]> {
  const portIds = wanting.map(({ port }) => port.id);
  const objects = await objectsOfPorts(db, portIds);
  const sourceIds = new Set(objects.flatMap(({ sourceId }) => sourceId ?? []));
  for (const { wanted } of wanting) if (wanted !== null) sourceIds.add(wanted.sourceId);
  const sources = await db.source.findMany({
    where: { id: { in: [...sourceIds] } },
    include: { objects: { where: { kind: "SOURCE" } } },
  });
  const shared = await sourcesUsedByOthers(db, [...sourceIds], [...portIds, ...removed]);
  const sharedSources = new Set(sources.filter(({ id }) => shared.has(id)).map(({ name }) => name));
  const byId = new Map(sources.map((source) => [source.id, source]));
  const byPort = grouped(objects, ({ portId }) => portId);
  const formerByPort = grouped(await placesOfPorts(db, portIds), ({ portId }) => portId);
  return wanting.map(({ port, wanted, left = [] }) => {
    const own = byPort.get(port.id) ?? [];
    const ids = new Set(own.flatMap(({ sourceId }) => sourceId ?? []));
    if (wanted !== null) ids.add(wanted.sourceId);
    const its = [...ids].flatMap((id) => byId.get(id) ?? []);
    return {
      id: port.id,
      environment: port.environment,
      componentId: port.componentId,
      role: port.role,
      desired: wanted?.objects ?? null,
      owned: [
        ...[...its.flatMap((source) => source.objects), ...own].map((object) =>
          ownedObject(object, its),
        ),
        ...left,
      ],
      former: (formerByPort.get(port.id) ?? []).flatMap((place) => formerObjects(place, port.role)),
      sharedSources,
      sources: its,
    };
  });
}

function ownedObject(record: ManagedObject, sources: readonly SourceWithObjects[]): OwnedObject {
  const { source, table, role } = readObjectKey(record);
  const row = sources.find(({ id }) => id === record.sourceId);
  const sourceKind = kindOf({ kind: row?.kind as "snowflake" }).hasuraKind;
  const confirmed = record.confirmedAt !== null;
  const where = { source, sourceKind, confirmed };
  if (record.kind === "SOURCE") return { kind: "SOURCE", ...where };
  if (record.kind === "TABLE") return { kind: "TABLE", ...where, table };
  return { kind: "SELECT_PERMISSION", ...where, table, role };
}

function formerObjects({ source, sourceKind, path }: FormerPlace, role: string): OwnedObject[] {
  const { hasuraKind } = kindOf({ kind: sourceKind as "snowflake" });
  const where = { source, sourceKind: hasuraKind, table: path, confirmed: false };
  return [
    { kind: "TABLE", ...where },
    { kind: "SELECT_PERMISSION", ...where, role },
  ];
}

/** Hasura as it was found, and the version that a plan for it is fenced by. */
export interface SeenHasura extends Observed {
  readonly resourceVersion: bigint;
}

/** @throws AppError HASURA_UNAVAILABLE */
export async function seeHasura({ db, hasura, hasuraId }: OperationsContext): Promise<SeenHasura> {
  const { resourceVersion, metadata } = await hasura.exportMetadata();
  const inconsistent = await hasura.inconsistencies();
  const ownRoles = await combinedRoleNames(db, hasuraId);
  return { resourceVersion, index: indexMetadata(metadata), inconsistent, ownRoles };
}
