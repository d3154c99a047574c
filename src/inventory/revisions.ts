import { z } from "zod";
import { type PortSpec, portSpecSchema } from "../domain/output-port.ts";
import type { DbOrTx, Tx } from "./db.ts";

/** What a revision came to when it was carried out: identifiers as the source and Hasura spell them. */
export const resolvedSchema = z.object({
  /** Name of Hasura's source. */
  source: z.string(),
  path: z.array(z.string()),
  columns: z.union([z.literal("*"), z.array(z.string())]),
});
export type ResolvedRevision = z.infer<typeof resolvedSchema>;

export interface StoredRevision {
  readonly number: number;
  readonly spec: PortSpec;
  readonly resolved: ResolvedRevision | null;
}

export async function readRevision(
  db: DbOrTx,
  portId: string,
  number: number | null,
): Promise<StoredRevision | null> {
  if (number === null) return null;
  const [revision] = await readRevisions(db, [{ portId, number }]);
  return revision ?? null;
}

/** Those of the revisions that there are, in no order. */
export async function readRevisions(
  db: DbOrTx,
  wanted: readonly { readonly portId: string; readonly number: number }[],
): Promise<(StoredRevision & { readonly portId: string; readonly sourceId: string | null })[]> {
  const numbers = new Set(wanted.map(({ portId, number }) => `${portId} ${number}`));
  const rows = await db.revision.findMany({
    where: {
      portId: { in: [...new Set(wanted.map(({ portId }) => portId))] },
      number: { in: [...new Set(wanted.map(({ number }) => number))] },
    },
    select: { portId: true, number: true, spec: true, resolved: true, sourceId: true },
  });
  return rows
    .filter(({ portId, number }) => numbers.has(`${portId} ${number}`))
    .map(({ spec, resolved, ...row }) => ({
      ...row,
      spec: portSpecSchema.parse(spec),
      resolved: resolved === null ? null : resolvedSchema.parse(resolved),
    }));
}

/** Where a port's table was to be by some revision of it. */
export interface FormerPlace {
  readonly portId: string;
  /** Name of Hasura's source, and its kind here. */
  readonly source: string;
  readonly sourceKind: string;
  readonly path: readonly string[];
}

const formerPlaces = z.array(
  z.object({
    portId: z.string(),
    source: z.string(),
    sourceKind: z.string(),
    path: z.array(z.string()),
  }),
);

/** Every place that a table of these ports ever had or was meant to have. */
export async function placesOfPorts(
  db: DbOrTx,
  portIds: readonly string[],
): Promise<FormerPlace[]> {
  const rows = await db.$queryRaw`
    SELECT DISTINCT r.port_id AS "portId", r.resolved->>'source' AS source,
      s.kind AS "sourceKind", r.resolved->'path' AS path
    FROM revision r JOIN source s ON s.id = r.source_id
    WHERE r.port_id = ANY(${[...portIds]}::uuid[]) AND r.resolved IS NOT NULL`;
  return formerPlaces.parse(rows);
}

export interface NewRevision {
  readonly portId: string;
  readonly spec: PortSpec;
  readonly descriptor: string;
  readonly operationToken: string;
}

/** Records a revision under the next number of its port. */
export async function addRevision(tx: Tx, revision: NewRevision): Promise<number> {
  const { portId } = revision;
  const { _max } = await tx.revision.aggregate({ where: { portId }, _max: { number: true } });
  const number = (_max.number ?? 0) + 1;
  await tx.revision.create({ data: { ...revision, number }, select: { id: true } });
  return number;
}

/** Records what revisions came to when they were carried out. */
export async function resolveRevisions(
  tx: Tx,
  rows: readonly {
    readonly portId: string;
    readonly number: number;
    readonly resolved: ResolvedRevision;
    readonly sourceId: string;
  }[],
): Promise<void> {
  await tx.$executeRaw`
    UPDATE revision SET resolved = r.resolved, source_id = r."sourceId"
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS r ("portId" uuid, number int, resolved jsonb, "sourceId" uuid)
    WHERE revision.port_id = r."portId" AND revision.number = r.number`;
}
