/** The names table: who owns which name in a Hasura. Decided once and recorded, never derived again. */
import { type PortSpec, portSpecSchema } from "../domain/output-port.ts";
import { componentKey } from "../domain/urn.ts";
import type { DbOrTx, Tx } from "./db.ts";
import { type Namespace, Prisma } from "./generated/client.ts";
import type { PortIdentity } from "./ports.ts";

export interface NameClaim {
  readonly namespace: Namespace;
  readonly name: string;
  /** The descriptor's field that asks for it, or `derived`. */
  readonly purpose: string;
}

/** Who owns a name: one of these. */
interface NameOwner {
  readonly portId?: string | undefined;
  readonly sourceId?: string | undefined;
  readonly externalRoleId?: string | undefined;
  readonly combinedRoleId?: string | undefined;
}

/** A claim and who makes it: a port, a source or a role. */
export interface OwnedClaim extends NameClaim, NameOwner {
  readonly environment: string;
}

/** A claimed name that somebody else owns. */
export interface TakenName extends NameClaim {
  /** What owns it, as a person knows it: a port's or source's name and environment, or a role. */
  readonly owner: string;
}

/**
 * Claims names for their owners; those they have already stay their own.
 * @returns the claims that somebody else owns; when there are any, the caller must roll back
 */
export async function claimNames<Claim extends OwnedClaim>(
  tx: Tx,
  hasuraId: string,
  claims: readonly Claim[],
): Promise<(TakenName & { readonly claim: Claim })[]> {
  const sorted = sortedClaims(claims);
  const ids = (owner: keyof NameOwner): (string | null)[] =>
    sorted.map((claim) => claim[owner] ?? null);
  const made = await tx.$executeRaw`
    INSERT INTO owned_name (hasura_id, namespace, name, environment, purpose, port_id, source_id,
      external_role_id, combined_role_id)
    SELECT ${hasuraId}, claim.namespace::"Namespace", claim.name, claim.environment, claim.purpose,
      claim.port_id, claim.source_id, claim.external_role_id, claim.combined_role_id
    FROM unnest(
      ${sorted.map(({ namespace }) => namespace)}::text[],
      ${sorted.map(({ name }) => name)}::text[],
      ${sorted.map(({ environment }) => environment)}::text[],
      ${sorted.map(({ purpose }) => purpose)}::text[],
      ${ids("portId")}::uuid[], ${ids("sourceId")}::uuid[],
      ${ids("externalRoleId")}::uuid[], ${ids("combinedRoleId")}::uuid[]
    ) AS claim (namespace, name, environment, purpose, port_id, source_id, external_role_id, combined_role_id)
    ON CONFLICT DO NOTHING`;
  if (made === claims.length) return [];
  // A name has one owner, and no id is that of two things.
  const owners = claims.map((claim) => Object.values(ownerOf(claim)).find(Boolean) ?? null);
  const rows = await tx.$queryRaw<(OwnedRow & { position: number })[]>`
    SELECT claim.position::int AS position, ${OWNED_COLUMNS} ${ownedAmong(hasuraId, claims)}
    WHERE coalesce(n.port_id, n.source_id, n.external_role_id, n.combined_role_id)
      IS DISTINCT FROM (${owners}::uuid[])[claim.position]
    ORDER BY claim.position`;
  return rows.flatMap(({ position, ...row }) => {
    const claim = claims[position - 1];
    return claim === undefined ? [] : [{ ...takenName(row, [claim]), claim }];
  });
}

/** Those of the names that are owned by somebody, in their order, each once. */
export async function ownersOf(
  db: DbOrTx,
  hasuraId: string,
  names: readonly NameClaim[],
): Promise<TakenName[]> {
  if (names.length === 0) return [];
  const rows = await db.$queryRaw<OwnedRow[]>`
    SELECT ${OWNED_COLUMNS} ${ownedAmong(hasuraId, names)} ORDER BY claim.position`;
  const taken = rows.map((row) => takenName(row, names));
  return [...new Map(taken.map((name) => [`${name.namespace} ${name.name}`, name])).values()];
}

function ownerOf({ portId, sourceId, externalRoleId, combinedRoleId }: NameOwner): NameOwner {
  return { portId, sourceId, externalRoleId, combinedRoleId };
}

/** In one order, so that two who claim overlapping names wait for one another instead of dead-locking. */
export function sortedClaims<Claim extends NameClaim>(claims: readonly Claim[]): Claim[] {
  const key = ({ namespace, name }: NameClaim): string => `${namespace} ${name}`;
  return [...claims].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/**
 * How a request for a port stands: whether it was never asked for, the facts of it that are applied (null when it is
 * not in Hasura), and which of the names it needs others own. One statement, for it is asked on every validation.
 * Records nothing.
 * @param withLive whether the facts are wanted; else `live` is null
 */
export async function livePortAndTakenNames(
  db: DbOrTx,
  identity: PortIdentity,
  claims: readonly NameClaim[],
  withLive: boolean,
): Promise<{ isNew: boolean; live: PortSpec | null; taken: TakenName[] }> {
  const { hasuraId, environment } = identity;
  const rows = await db.$queryRaw<(Partial<OwnedRow> & { spec: unknown })[]>`
    WITH me AS (
      SELECT p.id, r.spec FROM output_port p
      LEFT JOIN revision r ON r.port_id = p.id AND r.number = p.applied_revision AND ${withLive}
      WHERE p.hasura_id = ${hasuraId} AND p.environment = ${environment}
        AND p.component_key = ${componentKey(identity.componentId)})
    SELECT me.spec, NULL AS namespace, NULL AS name, NULL AS environment, NULL AS port, NULL AS source
    FROM me
    UNION ALL
    SELECT NULL, ${OWNED_COLUMNS} ${ownedAmong(hasuraId, claims)}
    WHERE n.port_id IS DISTINCT FROM (SELECT id FROM me)`;
  const spec = rows.find((row) => row.spec !== null)?.spec;
  return {
    isNew: rows.every(isOwned),
    live: spec === undefined ? null : portSpecSchema.parse(spec),
    taken: rows.flatMap((row) => (isOwned(row) ? takenName(row, claims) : [])),
  };
}

interface OwnedRow {
  readonly namespace: Namespace;
  readonly name: string;
  readonly environment: string;
  readonly port: string | null;
  readonly source: string | null;
}

function isOwned(row: Partial<OwnedRow>): row is OwnedRow {
  return typeof row.name === "string";
}

const OWNED_COLUMNS = Prisma.sql`
  n.namespace::text AS namespace, n.name, n.environment, p.component_id AS port, s.name AS source`;

/**
 * By arrays: Prisma's OR of some forty pairs costs more than all else in a validation. Each name is looked up by itself
 * (LIMIT keeps PostgreSQL from joining instead): what it costs does not grow with the names there are.
 */
function ownedAmong(hasuraId: string, claims: readonly NameClaim[]): Prisma.Sql {
  const namespaces = claims.map(({ namespace }) => namespace);
  const names = claims.map(({ name }) => name);
  return Prisma.sql`
    FROM unnest(${namespaces}::text[], ${names}::text[])
      WITH ORDINALITY AS claim (namespace, name, position)
    CROSS JOIN LATERAL (
      SELECT * FROM owned_name o WHERE o.hasura_id = ${hasuraId}
        AND o.namespace = claim.namespace::"Namespace" AND o.name = claim.name LIMIT 1) n
    LEFT JOIN output_port p ON p.id = n.port_id
    LEFT JOIN source s ON s.id = n.source_id`;
}

function takenName(row: OwnedRow, claims: readonly NameClaim[]): TakenName {
  const { namespace, name, environment, port, source } = row;
  const claim = claims.find((each) => each.namespace === namespace && each.name === name);
  return {
    namespace,
    name,
    purpose: claim?.purpose ?? "derived",
    owner:
      port === null && source === null
        ? `the role ${name}`
        : `${port ?? `source ${source}`} (environment ${environment})`,
  };
}

/** Gives up the ports' names except those to keep. @returns how many */
export async function keepOnlyNames(
  tx: Tx,
  portIds: readonly string[],
  keep: readonly (Pick<NameClaim, "namespace" | "name"> & { readonly portId: string })[],
): Promise<number> {
  return await tx.$executeRaw`
    DELETE FROM owned_name n
    WHERE n.port_id = ANY(${[...portIds]}::uuid[])
      AND (n.port_id, n.namespace::text, n.name) NOT IN (
        SELECT * FROM unnest(
          ${keep.map(({ portId }) => portId)}::uuid[],
          ${keep.map(({ namespace }) => namespace)}::text[],
          ${keep.map(({ name }) => name)}::text[]))`;
}
