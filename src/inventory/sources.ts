import { canonicalJson } from "../domain/operation.ts";
import { type PortSpec, portSpecSchema } from "../domain/output-port.ts";
import { AppError } from "../errors.ts";
import type { DbOrTx, Tx } from "./db.ts";
import type { Prisma, Source } from "./generated/client.ts";
import { claimNames } from "./names.ts";

export interface SourceFacts {
  readonly hasuraId: string;
  readonly environment: string;
  /** What makes two ports share it. */
  readonly key: string;
  /** The name to take when it is new. */
  readonly name: string;
  readonly kind: string;
  readonly database: string;
  readonly connectionTemplate: Prisma.InputJsonValue;
}

/** The live source of that key, or null. */
export async function findLiveSource(
  db: DbOrTx,
  { hasuraId, environment, key }: Pick<SourceFacts, "hasuraId" | "environment" | "key">,
): Promise<Source | null> {
  return db.source.findFirst({ where: { hasuraId, environment, key, removedAt: null } });
}

/**
 * The live sources of these keys, made where there is none; their connections brought up to date.
 * @returns by `sourceKeyOf`
 */
export async function ensureSources(
  tx: Tx,
  facts: readonly SourceFacts[],
): Promise<ReadonlyMap<string, Source>> {
  const live = await tx.source.findMany({
    where: { key: { in: [...new Set(facts.map(({ key }) => key))] }, removedAt: null },
  });
  const sources = new Map(live.map((source) => [sourceKeyOf(source), source]));
  for (const each of facts) {
    const known = sources.get(sourceKeyOf(each));
    const source =
      known === undefined
        ? await claimSourceName(tx, await tx.source.create({ data: each }))
        : await updateConnection(tx, known, each.connectionTemplate);
    sources.set(sourceKeyOf(each), source);
  }
  return sources;
}

/** What makes a source this one: where it is, in which environment, and its key. */
export function sourceKeyOf({
  hasuraId,
  environment,
  key,
}: Pick<SourceFacts, "hasuraId" | "environment" | "key">): string {
  return JSON.stringify([hasuraId, environment, key]);
}

async function updateConnection(
  tx: Tx,
  source: Source,
  connectionTemplate: Prisma.InputJsonValue,
): Promise<Source> {
  if (canonicalJson(source.connectionTemplate) === canonicalJson(connectionTemplate)) return source;
  return tx.source.update({ where: { id: source.id }, data: { connectionTemplate } });
}

const NAME_ATTEMPTS = 10;

/** A source's name is no contract: a taken one gives way to the next. */
async function claimSourceName(tx: Tx, source: Source): Promise<Source> {
  const { hasuraId, environment, id: sourceId } = source;
  for (let attempt = 1; attempt <= NAME_ATTEMPTS; attempt += 1) {
    const name = attempt === 1 ? source.name : `${source.name}_${attempt}`;
    const claim = { namespace: "SOURCE" as const, name, purpose: "source", environment, sourceId };
    const taken = await claimNames(tx, hasuraId, [claim]);
    if (taken.length === 0) return tx.source.update({ where: { id: sourceId }, data: { name } });
  }
  throw new AppError("INTERNAL", "No free name was found for the source.");
}

/** Ids of these sources that hold a table of a port other than these. */
export async function sourcesUsedByOthers(
  db: DbOrTx,
  sourceIds: readonly string[],
  portIds: readonly string[],
): Promise<Set<string>> {
  const rows = await db.managedObject.findMany({
    where: {
      kind: "TABLE",
      sourceId: { in: [...sourceIds] },
      NOT: { portId: { in: [...portIds] } },
    },
    select: { sourceId: true },
    distinct: ["sourceId"],
  });
  return new Set(rows.flatMap(({ sourceId }) => sourceId ?? []));
}

/** Marks a dropped source as removed and frees its name. */
export async function removeSource(tx: Tx, hasuraId: string, name: string): Promise<void> {
  const source = await tx.source.findFirst({ where: { hasuraId, name, removedAt: null } });
  if (source === null) return;
  await tx.source.update({ where: { id: source.id }, data: { removedAt: new Date() } });
  await tx.ownedName.deleteMany({ where: { sourceId: source.id } });
  await tx.managedObject.deleteMany({ where: { sourceId: source.id, kind: "SOURCE" } });
}

/** Notes that Hasura cannot use a source, and when to look again; each note after the first counts as a look. */
export async function breakSource(
  db: DbOrTx,
  source: Pick<Source, "id" | "brokenSince">,
  reason: string,
  probeAt: Date,
): Promise<void> {
  const { id, brokenSince } = source;
  await db.source.update({
    where: { id },
    data: {
      brokenSince: brokenSince ?? new Date(),
      brokenReason: reason,
      probeAt,
      probes: brokenSince === null ? 0 : { increment: 1 },
    },
  });
}

/** Notes that Hasura can use a source again. */
export async function mendSource(db: DbOrTx, id: string): Promise<void> {
  const data = { brokenSince: null, brokenReason: null, probeAt: null, probes: 0 };
  await db.source.update({ where: { id }, data });
}

/** Sources that Hasura cannot use and that are to be looked at now. */
export async function brokenSources(db: DbOrTx, hasuraId: string): Promise<Source[]> {
  return db.source.findMany({
    where: { hasuraId, removedAt: null, probeAt: { lte: new Date() } },
    orderBy: { probeAt: "asc" },
  });
}

/** The facts of some port that reads from a source; null when none does any more. */
export async function portOfSource(db: DbOrTx, sourceId: string): Promise<PortSpec | null> {
  const revision = await db.revision.findFirst({
    where: { sourceId, appliedAt: { not: null } },
    orderBy: { appliedAt: "desc" },
    select: { spec: true },
  });
  return revision === null ? null : portSpecSchema.parse(revision.spec);
}
