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
  const row = await db.revision.findUnique({ where: { portId_number: { portId, number } } });
  if (row === null) return null;
  return {
    number,
    spec: portSpecSchema.parse(row.spec),
    resolved: row.resolved === null ? null : resolvedSchema.parse(row.resolved),
  };
}

/** Records a revision under the next number of its port. */
export async function addRevision(
  tx: Tx,
  revision: { portId: string; spec: PortSpec; descriptor: string; operationToken: string },
): Promise<number> {
  const { portId, spec, descriptor, operationToken } = revision;
  const { _max } = await tx.revision.aggregate({ where: { portId }, _max: { number: true } });
  const number = (_max.number ?? 0) + 1;
  await tx.revision.create({ data: { portId, number, spec, descriptor, operationToken } });
  return number;
}

export async function resolveRevision(
  tx: DbOrTx,
  portId: string,
  number: number,
  resolved: ResolvedRevision,
  sourceId: string,
): Promise<void> {
  await tx.revision.update({
    where: { portId_number: { portId, number } },
    data: { resolved, sourceId },
  });
}
