/** The rows behind an explained decision. */
import type { DbOrTx } from "./db.ts";
import type { AccessBlock, ExternalRole, Grant, OutputPort } from "./generated/client.ts";
import { inForce } from "./in-force.ts";

/** What has a role. */
type HolderRow = OutputPort | ExternalRole;

/** A root field that nobody's grants reach, with whatever has it. */
export interface MissingField {
  readonly rootField: string;
  readonly holders: readonly HolderRow[];
  /** The grant on one of them that ended last. */
  readonly formerGrant: Grant | null;
}

export interface ExplainedRows {
  /** Ports and external roles, by id. */
  readonly holders: ReadonlyMap<string, HolderRow>;
  readonly grants: readonly Grant[];
  readonly blocks: readonly AccessBlock[];
  readonly missing: readonly MissingField[];
}

/** What was looked at, by ids and names. */
export interface ExplainedIds {
  readonly hasuraId: string;
  readonly subjects: readonly string[];
  readonly holderIds: readonly string[];
  readonly blockIds: readonly string[];
  readonly missing: readonly string[];
}

/** Former grants that are looked through for the last one. */
const FORMER_LOOKED_AT = 500;

/** Reads the rows; a row that is gone meanwhile is left out. */
export async function explainedRows(db: DbOrTx, ids: ExplainedIds): Promise<ExplainedRows> {
  const { hasuraId, subjects, missing } = ids;
  const owners = await ownersOf(db, hasuraId, missing);
  const id = { in: [...new Set([...ids.holderIds, ...owners.values()].flat())] };
  const holders = new Map<string, HolderRow>();
  for (const port of await db.outputPort.findMany({ where: { id } })) holders.set(port.id, port);
  for (const role of await db.externalRole.findMany({ where: { id } })) holders.set(role.id, role);
  const subject = { in: [...subjects] };
  const own = { in: [...new Set(ids.holderIds)] };
  const grants = await db.grant.findMany({
    where: { subject, endedAt: null, OR: [{ portId: own }, { externalRoleId: own }] },
  });
  const blocks = await db.accessBlock.findMany({
    where: { id: { in: [...ids.blockIds] } },
    orderBy: [{ since: "asc" }, { id: "asc" }],
  });
  const wanted = { in: [...owners.values()].flat() };
  const former =
    wanted.in.length === 0
      ? []
      : await db.grant.findMany({
          where: {
            subject,
            NOT: inForce(new Date()),
            OR: [{ portId: wanted }, { externalRoleId: wanted }],
          },
          orderBy: [{ since: "desc" }, { id: "desc" }],
          take: FORMER_LOOKED_AT,
        });
  return {
    holders,
    grants,
    blocks,
    missing: missing.map((rootField) => {
      const its = owners.get(rootField) ?? [];
      const past = former.filter((grant) => its.includes(holderIdOf(grant)));
      return {
        rootField,
        holders: its.flatMap((holderId) => holders.get(holderId) ?? []),
        formerGrant: past.sort((a, b) => endOf(b) - endOf(a))[0] ?? null,
      };
    }),
  };
}

/** Whose the root fields are: ids of ports, also of those that are not active, and of external roles. */
async function ownersOf(
  db: DbOrTx,
  hasuraId: string,
  fields: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const owners = new Map<string, string[]>();
  if (fields.length === 0) return owners;
  const name = { in: [...fields] };
  const add = (field: string, id: string | null): void => {
    if (id !== null) owners.set(field, [...(owners.get(field) ?? []), id]);
  };
  const where = { hasuraId, namespace: "ROOT_FIELD" as const, name };
  for (const owned of await db.ownedName.findMany({ where })) add(owned.name, owned.portId);
  const external = await db.externalRoleField.findMany({
    where: { name, externalRole: { hasuraId, removedAt: null } },
    orderBy: { externalRoleId: "asc" },
  });
  for (const field of external) add(field.name, field.externalRoleId);
  return owners;
}

export function holderIdOf({ portId, externalRoleId }: Grant): string {
  return portId ?? externalRoleId ?? "";
}

/** When a grant ended or will end, in ms since the epoch. */
function endOf({ endedAt, until }: Grant): number {
  const ends = [endedAt, until].flatMap((end) => (end === null ? [] : [end.getTime()]));
  return Math.min(...ends, Number.POSITIVE_INFINITY);
}
