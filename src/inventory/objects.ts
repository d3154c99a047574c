/** Which objects in Hasura are ours: intended before a write, confirmed after it. */
import { z } from "zod";
import type { DbOrTx, Tx } from "./db.ts";
import type { ManagedObject, ObjectKind } from "./generated/client.ts";

export interface ObjectRecord {
  readonly kind: ObjectKind;
  /** Canonical JSON of what names it in Hasura (hasura/plan.ts: objectKey). */
  readonly key: string;
}

export async function portObjects(db: DbOrTx, portId: string): Promise<ManagedObject[]> {
  return db.managedObject.findMany({
    where: { portId },
    orderBy: [{ kind: "asc" }, { key: "asc" }],
  });
}

/** Records objects as intended; those known already stay as they are. */
export async function intendObjects(
  tx: DbOrTx,
  where: { hasuraId: string; environment: string; portId?: string; sourceId: string },
  objects: readonly ObjectRecord[],
): Promise<void> {
  await tx.managedObject.createMany({
    data: objects.map((object) => ({ ...where, ...object })),
    skipDuplicates: true,
  });
}

export async function confirmObjects(
  tx: Tx,
  hasuraId: string,
  objects: readonly ObjectRecord[],
): Promise<void> {
  await tx.managedObject.updateMany({
    where: { hasuraId, OR: objects.map(({ kind, key }) => ({ kind, key })), confirmedAt: null },
    data: { confirmedAt: new Date() },
  });
}

export async function forgetObjects(
  tx: Tx,
  hasuraId: string,
  objects: readonly ObjectRecord[],
): Promise<void> {
  if (objects.length === 0) return;
  await tx.managedObject.deleteMany({
    where: { hasuraId, OR: objects.map(({ kind, key }) => ({ kind, key })) },
  });
}

const objectKeySchema = z.union([
  z.tuple([z.string()]),
  z.tuple([z.string(), z.array(z.string())]),
  z.tuple([z.string(), z.array(z.string()), z.string()]),
]);

/** What a record's key names in Hasura. */
export function readObjectKey(record: ObjectRecord): {
  kind: ObjectKind;
  source: string;
  table?: string[];
  role?: string;
} {
  const [source, table, role] = objectKeySchema.parse(JSON.parse(record.key));
  return {
    kind: record.kind,
    source,
    ...(table === undefined ? {} : { table }),
    ...(role === undefined ? {} : { role }),
  };
}
