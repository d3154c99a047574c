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

/** The live source of that key, made when there is none; its connection brought up to date. */
export async function ensureSource(tx: Tx, facts: SourceFacts): Promise<Source> {
  const { connectionTemplate } = facts;
  const live = await findLiveSource(tx, facts);
  if (live !== null)
    return tx.source.update({ where: { id: live.id }, data: { connectionTemplate } });
  const source = await tx.source.create({ data: facts });
  return claimSourceName(tx, source);
}

const NAME_ATTEMPTS = 10;

/** A source's name is no contract: a taken one gives way to the next. */
async function claimSourceName(tx: Tx, source: Source): Promise<Source> {
  const { hasuraId, environment, id: sourceId } = source;
  for (let attempt = 1; attempt <= NAME_ATTEMPTS; attempt += 1) {
    const name = attempt === 1 ? source.name : `${source.name}_${attempt}`;
    const claim = { namespace: "SOURCE" as const, name, purpose: "source" };
    const taken = await claimNames(tx, { hasuraId, environment }, { sourceId }, [claim]);
    if (taken.length === 0) return tx.source.update({ where: { id: sourceId }, data: { name } });
  }
  throw new AppError("INTERNAL", "No free name was found for the source.");
}

/** Ids of these sources that hold a table of another port. */
export async function sourcesUsedByOthers(
  db: DbOrTx,
  sourceIds: readonly string[],
  portId: string,
): Promise<Set<string>> {
  const rows = await db.managedObject.findMany({
    where: { kind: "TABLE", sourceId: { in: [...sourceIds] }, NOT: { portId } },
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
