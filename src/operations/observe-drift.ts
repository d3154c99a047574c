/** Holding Hasura against what was applied: the differences, what they mean for ports, and what would mend them. */
import { fingerprint } from "../domain/operation.ts";
import { desired, ownershipMark } from "../hasura/desired.ts";
import type { AppliedPort, Difference, OwnRole } from "../hasura/difference.ts";
import { findDifferences } from "../hasura/drift.ts";
import { type AppliedRow, appliedPorts } from "../inventory/applied.ts";
import { combinedRoles } from "../inventory/combined-roles.ts";
import type { Db } from "../inventory/db.ts";
import type { SeenFinding } from "../inventory/findings.ts";
import type { ConditionState } from "../inventory/ports.ts";
import { kindOf, placeOf } from "../sources/sources.ts";
import type { SeenHasura, Wanted } from "./changes.ts";
import type { OperationsContext } from "./context.ts";

/** A port as it was applied, and what Hasura has to hold for it. */
export interface ObservedPort extends AppliedPort {
  readonly row: AppliedRow;
  readonly wanted: Wanted;
}

export interface Drift {
  readonly ports: readonly ObservedPort[];
  readonly differences: readonly Difference[];
}

/** @param portId only what concerns this port is told, its source included */
export async function observeDrift(
  ctx: OperationsContext,
  seen: SeenHasura,
  portId?: string,
): Promise<Drift> {
  const rows = await appliedPorts(ctx.db, ctx.hasuraId);
  const ports = rows.map((row) => observedPort(ctx, row));
  const changing = new Set(rows.filter((row) => row.changing).map(({ id }) => id));
  const found = findDifferences(
    seen,
    ports,
    {
      sources: await idleSources(ctx.db, ctx.hasuraId),
      combinedRoles: await ownRoles(ctx.db, ctx.hasuraId),
      unsettledMarks: await unsettledMarks(ctx.db, ctx.hasuraId),
    },
    placeOf,
  );
  // What is being changed is not yet what it was applied as.
  const differences = found.filter((each) => each.portId === null || !changing.has(each.portId));
  if (portId === undefined) return { ports, differences };
  const own = ports.filter(({ id }) => id === portId);
  return { ports: own, differences: own.flatMap((port) => concerning(port, differences)) };
}

function observedPort(ctx: OperationsContext, row: AppliedRow): ObservedPort {
  const { id, environment, componentId, role, spec, resolved, source } = row;
  const objects = desired({
    ...{ environment, componentId, role },
    source: {
      name: source.name,
      kind: kindOf({ kind: source.kind as "snowflake" }).hasuraKind,
      configuration: source.connectionTemplate,
    },
    table: resolved.path,
    names: spec.names,
    columns: resolved.columns,
    aggregates: ctx.aggregates === "declared",
  });
  return { id, environment, componentId, objects, row, wanted: { objects, sourceId: source.id } };
}

async function ownRoles(db: Db, hasuraId: string): Promise<ReadonlyMap<string, OwnRole>> {
  const rows = await combinedRoles(db, hasuraId);
  return new Map(
    rows.map(({ name, environment, parents, state }) => [
      name,
      { environment, parents, settled: state === "ACTIVE" },
    ]),
  );
}

/** Live sources that we made, or meant to, and that no port holds a table of, or means to. */
async function idleSources(
  db: Db,
  hasuraId: string,
): Promise<ReadonlyMap<string, { environment: string }>> {
  const rows = await db.source.findMany({
    where: {
      ...{ hasuraId, removedAt: null },
      AND: [{ objects: { some: { kind: "SOURCE" } } }, { objects: { none: { kind: "TABLE" } } }],
    },
    select: { name: true, environment: true },
  });
  return new Map(rows.map(({ name, environment }) => [name, { environment }]));
}

/** Marks of ports whose objects may be there or not: what is on its way, and what failed half-way. */
async function unsettledMarks(db: Db, hasuraId: string): Promise<ReadonlySet<string>> {
  const running = {
    status: "RUNNING" as const,
    kind: { in: ["PROVISION", "UNPROVISION"] as const },
  };
  const rows = await db.outputPort.findMany({
    where: {
      hasuraId,
      OR: [
        { phase: { in: ["PENDING", "FAILED"] } },
        { operations: { some: { ...running, kind: { in: [...running.kind.in] } } } },
      ],
    },
    select: { environment: true, componentId: true },
  });
  return new Set(
    rows.map(({ environment, componentId }) => ownershipMark(environment, componentId)),
  );
}

/** The differences as they are kept. */
export function findingsOf(differences: readonly Difference[]): SeenFinding[] {
  return differences.map(({ source, repairable, ...told }) => ({
    ...told,
    fingerprint: fingerprint({ source, repairable, ...told }),
  }));
}

/** The differences that concern a port, its source's included. */
export function concerning(port: ObservedPort, differences: readonly Difference[]): Difference[] {
  const { name } = port.objects.source;
  return differences.filter(
    ({ portId, object, source, kind }) =>
      portId === port.id ||
      (portId === null && object === "SOURCE" && kind !== "ORPHAN" && source === name),
  );
}

const DRIFTED = "Drifted";

/** What the differences make of a port's conditions; none when they are as they should be. */
export function driftConditions(
  port: ObservedPort,
  differences: readonly Difference[],
): (ConditionState & { portId: string })[] {
  const own = concerning(port, differences).filter(({ repairable }) => repairable);
  const [first] = own;
  if (first === undefined) return [];
  const message = `${first.name} ${first.message}${own.length > 1 ? `, and ${own.length - 1} more` : ""}`;
  const state = { portId: port.id, status: "FALSE" as const, reason: DRIFTED, message };
  const broken = own.some(({ kind }) => kind === "MISSING" || kind === "INCONSISTENT");
  return [{ ...state, type: "SYNCED" }, ...(broken ? [{ ...state, type: "READY" as const }] : [])];
}

/** Conditions that an earlier look had found to be drifted, as they are without that. */
export async function mendedConditions(
  db: Pick<Db, "condition">,
  ports: readonly ObservedPort[],
  drifted: ReadonlySet<string>,
): Promise<(ConditionState & { portId: string })[]> {
  const rows = await db.condition.findMany({
    where: { portId: { in: ports.map(({ id }) => id) }, reason: DRIFTED },
  });
  return rows
    .filter(({ portId, type }) => !drifted.has(`${portId} ${type}`))
    .map(({ portId, type }) => ({
      portId,
      type,
      status: "TRUE",
      reason: "Applied",
      message: "Hasura holds what was applied.",
    }));
}
