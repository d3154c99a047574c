/** The names table: who owns which name in a Hasura. Decided once and recorded, never derived again. */
import type { DbOrTx, Tx } from "./db.ts";
import type { Namespace } from "./generated/client.ts";

export interface NameClaim {
  readonly namespace: Namespace;
  readonly name: string;
  /** The descriptor's field that asks for it, or `derived`. */
  readonly purpose: string;
}

export interface NameOwner {
  readonly portId?: string;
  readonly sourceId?: string;
}

/** A claimed name that somebody else owns. */
export interface TakenName extends NameClaim {
  /** The owning port's or source's name and environment, as a person knows it. */
  readonly owner: string;
}

type Where = { hasuraId: string; environment: string };

/**
 * Claims names for an owner; those it has already stay its own.
 * @returns the claims that somebody else owns; when there are any, the caller must roll back
 */
export async function claimNames(
  tx: Tx,
  where: Where,
  owner: NameOwner,
  claims: readonly NameClaim[],
): Promise<TakenName[]> {
  await tx.ownedName.createMany({
    // Sorted, so that two ports that claim overlapping names wait for one another instead of dead-locking.
    data: [...claims]
      .sort((a, b) => (`${a.namespace} ${a.name}` < `${b.namespace} ${b.name}` ? -1 : 1))
      .map((claim) => ({ ...where, ...owner, ...claim })),
    skipDuplicates: true,
  });
  return takenNames(tx, where.hasuraId, owner, claims);
}

/** Which of these names somebody else owns. Records nothing. */
export async function takenNames(
  db: DbOrTx,
  hasuraId: string,
  owner: NameOwner,
  claims: readonly NameClaim[],
): Promise<TakenName[]> {
  const rows = await db.ownedName.findMany({
    where: {
      hasuraId,
      OR: claims.map(({ namespace, name }) => ({ namespace, name })),
    },
    include: { port: true, source: true },
  });
  return rows
    .filter(
      (row) =>
        (row.portId ?? undefined) !== owner.portId ||
        (row.sourceId ?? undefined) !== owner.sourceId,
    )
    .map((row) => ({
      namespace: row.namespace,
      name: row.name,
      purpose:
        claims.find((claim) => claim.namespace === row.namespace && claim.name === row.name)
          ?.purpose ?? "derived",
      owner:
        row.port === null
          ? `source ${row.source?.name ?? "unknown"} (environment ${row.environment})`
          : `${row.port.componentId} (environment ${row.environment})`,
    }));
}

/** Gives up a port's names except the claims to keep. */
export async function keepOnlyNames(
  tx: Tx,
  portId: string,
  keep: readonly Pick<NameClaim, "namespace" | "name">[],
): Promise<number> {
  const { count } = await tx.ownedName.deleteMany({
    where: {
      portId,
      NOT: { OR: keep.map(({ namespace, name }) => ({ namespace, name })) },
    },
  });
  return count;
}
