import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { datamodelSql, migrate } from "../../../src/inventory/migrate.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

const HAND_WRITTEN_INDEXES = [
  "grant_live_key",
  "grant_external_live_key",
  "grant_external_idx",
  "access_use_key",
  "access_use_refused_idx",
  "source_live_key",
  "operation_running_idx",
  "operation_ended_idx",
  "finding_live_key",
  "group_binding_live_key",
  "group_binding_object_idx",
];
const HAND_WRITTEN = [...HAND_WRITTEN_INDEXES, "grant_holder_check", "access_block_target_check"];

let migrated: TestDatabase;
let modelled: TestDatabase;

beforeAll(async () => {
  [migrated, modelled] = await Promise.all([createDatabase(), createDatabase()]);
});
afterAll(() => Promise.all([migrated?.drop(), modelled?.drop()]));

async function rows(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

/** Every column, index, constraint and enum label of the inventory's own tables. */
async function shape(url: string): Promise<string[]> {
  const parts = await Promise.all([
    rows(
      url,
      `SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'`,
    ),
    rows(url, "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"),
    rows(
      url,
      `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '_prisma_migrations'`,
    ),
    rows(
      url,
      "SELECT t.typname, e.enumlabel, e.enumsortorder FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid",
    ),
  ]);
  return parts
    .flat()
    .map((row) => row.join(" | "))
    .filter((line) => !line.includes("_prisma_migrations"))
    .filter((line) => !HAND_WRITTEN.some((name) => line.startsWith(name)))
    .sort();
}

describe("the inventory's migrations", () => {
  it("are applied once, though several replicas start together", async () => {
    const applied = await Promise.all([migrate(migrated.url), migrate(migrated.url)]);
    expect(applied.flat()).toHaveLength(new Set(applied.flat()).size);
    expect(applied.flat().length).toBeGreaterThan(0);
    expect(await migrate(migrated.url)).toEqual([]);
  });

  it("make what prisma/schema.prisma says, and the indexes it cannot say", async () => {
    const client = new Client({ connectionString: modelled.url });
    await client.connect();
    await client.query(await datamodelSql(modelled.url));
    await client.end();
    expect(await shape(migrated.url)).toEqual(await shape(modelled.url));
    const indexes = await rows(migrated.url, "SELECT indexname FROM pg_indexes");
    expect(indexes.flat()).toEqual(expect.arrayContaining(HAND_WRITTEN_INDEXES));
  });

  it("leave the records that `prisma migrate deploy` reads", async () => {
    const records = await rows(
      migrated.url,
      "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND length(checksum) = 64",
    );
    expect(records.flat()).toContain("20261124000000_inventory");
  });
});
