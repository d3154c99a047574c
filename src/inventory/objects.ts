/** Which objects in Hasura are ours: intended before a write, confirmed after it. */
import { z } from "zod";
import type { DbOrTx, Tx } from "./db.ts";
import type { ManagedObject, ObjectKind } from "./generated/client.ts";

export interface ObjectRecord {
  readonly kind: ObjectKind;
  /** Canonical JSON of what names it in Hasura (hasura/plan.ts: objectKey). */
  readonly key: string;
}

export async function objectsOfPorts(
  db: DbOrTx,
  portIds: readonly string[],
): Promise<ManagedObject[]> {
  return db.managedObject.findMany({
    where: { portId: { in: [...portIds] } },
    orderBy: [{ kind: "asc" }, { key: "asc" }],
  });
}

/** An object that is meant to be made, and whose it is: a source belongs to no port. */
export interface IntendedObject extends ObjectRecord {
  readonly hasuraId: string;
  readonly environment: string;
  readonly portId?: string;
  readonly sourceId: string;
}

/** Records objects as intended; those known already stay as they are. */
export async function intendObjects(tx: DbOrTx, objects: readonly IntendedObject[]): Promise<void> {
  await tx.managedObject.createMany({ data: [...objects], skipDuplicates: true });
}

/** Hasura was seen to hold them. */
export async function confirmObjects(
  tx: Tx,
  hasuraId: string,
  objects: readonly ObjectRecord[],
): Promise<void> {
  await tx.$executeRaw`
    UPDATE managed_object SET confirmed_at = now()
    FROM unnest(${kinds(objects)}::text[], ${keys(objects)}::text[]) AS o (kind, key)
    WHERE hasura_id = ${hasuraId} AND managed_object.kind = o.kind::"ObjectKind"
      AND managed_object.key = o.key AND confirmed_at IS NULL`;
}

/** Forgets all objects of the ports except these. */
export async function keepOnlyObjects(
  tx: Tx,
  hasuraId: string,
  portIds: readonly string[],
  objects: readonly ObjectRecord[],
): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM managed_object
    WHERE hasura_id = ${hasuraId} AND port_id = ANY(${[...portIds]}::uuid[])
      AND (kind::text, key) NOT IN (
        SELECT * FROM unnest(${kinds(objects)}::text[], ${keys(objects)}::text[]))`;
}

function kinds(objects: readonly ObjectRecord[]): string[] {
  return objects.map(({ kind }) => kind);
}

function keys(objects: readonly ObjectRecord[]): string[] {
  return objects.map(({ key }) => key);
}

const objectKeySchema = z.union([
  z.tuple([z.string()]),
  z.tuple([z.string(), z.array(z.string())]),
  z.tuple([z.string(), z.array(z.string()), z.string()]),
]);

/** What a record's key names in Hasura. */
export function readObjectKey({ key }: ObjectRecord): {
  source: string;
  table: string[];
  role: string;
} {
  const [source, table = [], role = ""] = objectKeySchema.parse(JSON.parse(key));
  return { source, table, role };
}
