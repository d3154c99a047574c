/** An inventory with two active ports, and what the tests do to its grants. */
import { randomUUID } from "node:crypto";
import { type AccessChange, bumpGeneration } from "../../../src/inventory/access.ts";
import { wantCombinedRole } from "../../../src/inventory/combined-roles.ts";
import { type Db, openDb, type Tx } from "../../../src/inventory/db.ts";
import type { CombinedRole } from "../../../src/inventory/generated/client.ts";
import { migrate } from "../../../src/inventory/migrate.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

export const HASURA = "default";
export const ANN = "user:ann_example.com";

export interface TestInventory {
  readonly database: TestDatabase;
  readonly db: Db;
  /** Port ids: `health` owns `vaccinations` and what is derived of it, `sales` owns `orders`. */
  readonly ports: { readonly health: string; readonly sales: string };
  grant(portId: string, subject: string, until?: Date): Promise<bigint>;
  revoke(portId: string, subject: string): Promise<bigint>;
  stop(): Promise<void>;
}

/** Runs the change and counts it, as every granting transaction does. */
export async function change(
  db: Db,
  work: (tx: Tx) => Promise<unknown>,
  changed: AccessChange | "everything" = "everything",
): Promise<bigint> {
  return await db.$transaction(async (tx) => {
    await work(tx);
    return await bumpGeneration(tx, changed);
  });
}

/** Asks for a role over these ports. */
export async function want(db: Db, portIds: readonly string[]): Promise<CombinedRole> {
  const limits = { roles: 50, ports: 16 };
  return await db.$transaction((tx) => wantCombinedRole(tx, HASURA, portIds, limits));
}

/** @param given a database to fill; absent: one of its own */
export async function createInventory(given?: TestDatabase): Promise<TestInventory> {
  const database = given ?? (await createDatabase());
  await migrate(database.url);
  const db = openDb(database.url, { poolSize: 5 });
  await db.hasura.create({ data: { id: HASURA, url: "http://hasura.test" } });
  const health = await addPort(db, "health", ["vaccinations", "vaccinations_by_pk"]);
  const sales = await addPort(db, "sales", ["orders"]);
  return {
    database,
    db,
    ports: { health, sales },
    grant: async (portId, subject, until) =>
      await change(
        db,
        async (tx) => {
          await tx.grant.create({
            data: {
              hasuraId: HASURA,
              environment: "default",
              portId,
              subject,
              class: "ACL",
              actor: "test",
              until: until ?? null,
            },
          });
        },
        { holders: [portId] },
      ),
    revoke: async (portId, subject) =>
      await change(
        db,
        async (tx) => {
          await tx.grant.updateMany({
            where: { portId, subject, endedAt: null },
            data: { endedAt: new Date() },
          });
        },
        { holders: [portId] },
      ),
    stop: async () => {
      await db.$disconnect();
      await database.drop();
    },
  };
}

export async function addPort(
  db: Db,
  name: string,
  rootFields: readonly string[],
  hasuraId = HASURA,
): Promise<string> {
  const id = randomUUID();
  await db.outputPort.create({
    data: {
      id,
      hasuraId,
      environment: "default",
      componentKey: `urn:dmb:cmp:${name}`,
      componentId: `urn:dmb:cmp:${name}`,
      name,
      domain: "d",
      dataProductId: "dp",
      dataProductName: "dp",
      phase: "ACTIVE",
      role: `${name}_role`,
      names: {
        create: [
          ...rootFields.map((field) => ({ name: field, namespace: "ROOT_FIELD" as const })),
          { name: `${name}_type`, namespace: "TYPE" as const },
        ].map((owned) => ({
          ...owned,
          hasuraId,
          environment: "default",
          purpose: "select",
        })),
      },
    },
  });
  return id;
}
