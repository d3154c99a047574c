/**
 * The inventory migrates itself with Prisma's own engine, in its WebAssembly form, so that no binary has to be
 * downloaded. What it writes is what `prisma migrate deploy` writes; an operator may use that instead.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import type { MigrationList, SchemaEngine } from "@prisma/schema-engine-wasm/schema_engine_bg";
import { runMigrations as migrateQueue } from "graphile-worker";
import { Client, Pool } from "pg";

/** The folder that holds package.json: two up from here, in `src` and in `dist` alike. */
const PROJECT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const MIGRATIONS = join(PROJECT, "prisma", "migrations");
const DATAMODEL = join(PROJECT, "prisma", "schema.prisma");

/** Any fixed number: every replica that migrates this database takes the same lock. */
const MIGRATION_LOCK = 7_206_118_441;

/** The part of the standard WebAssembly API used here; `@types/node` 20 leaves it to the browser's library. */
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

const NO_FILTERS = { externalTables: [], externalEnums: [] };

/**
 * Brings the database up to this version: the inventory's tables and the queue's. Safe to call from many replicas at
 * once; the second waits for the first.
 * @returns names of the migrations that were applied now
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const lock = new Client({ connectionString: databaseUrl });
  await lock.connect();
  try {
    await lock.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    const migrationsList = await readMigrations();
    const { appliedMigrationNames } = await withEngine(databaseUrl, (engine) =>
      engine.applyMigrations({ migrationsList, filters: NO_FILTERS }),
    );
    await migrateQueue({ connectionString: databaseUrl });
    return appliedMigrationNames;
  } finally {
    await lock.end();
  }
}

/** Names of this version's migrations that the database lacks, without applying any. */
export async function pendingMigrations(db: Pick<Client, "query">): Promise<string[]> {
  const { rows } = await db.query<{ known: string | null }>(
    "SELECT to_regclass('_prisma_migrations')::text AS known",
  );
  const applied =
    rows[0]?.known == null
      ? []
      : (
          await db.query<{ name: string }>(
            "SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL",
          )
        ).rows.map(({ name }) => name);
  const { migrationDirectories } = await readMigrations();
  return migrationDirectories.map(({ path }) => path).filter((name) => !applied.includes(name));
}

/**
 * The SQL that makes the tables of prisma/schema.prisma in an empty database. Migrations are written from its
 * difference; a test compares a migrated database with one made so.
 */
export async function datamodelSql(databaseUrl: string): Promise<string> {
  const files = [await readDatamodel()];
  const { stdout } = await withEngine(databaseUrl, (engine) =>
    engine.diff({
      from: { tag: "empty" },
      to: { tag: "schemaDatamodel", files },
      script: true,
      exitCode: null,
      filters: NO_FILTERS,
    }),
  );
  return stdout ?? "";
}

async function readDatamodel(): Promise<{ path: string; content: string }> {
  return { path: DATAMODEL, content: await readFile(DATAMODEL, "utf8") };
}

async function readMigrations(): Promise<MigrationList> {
  const folders = (await readdir(MIGRATIONS, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const lockfile = join(MIGRATIONS, "migration_lock.toml");
  return {
    baseDir: MIGRATIONS,
    lockfile: {
      path: "migration_lock.toml",
      content: existsSync(lockfile) ? await readFile(lockfile, "utf8") : null,
    },
    shadowDbInitScript: "",
    migrationDirectories: await Promise.all(
      folders.map(async (path) => ({
        path,
        migrationFile: {
          path: "migration.sql",
          content: {
            tag: "ok" as const,
            value: await readFile(join(MIGRATIONS, path, "migration.sql"), "utf8"),
          },
        },
      })),
    ),
  };
}

async function withEngine<T>(
  databaseUrl: string,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  const glue = await loadEngine();
  const { path, content } = await readDatamodel();
  // A pool of our own: the engine keeps a lock as long as its connection lives, and never closes one.
  const pool = new Pool({ connectionString: databaseUrl });
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool));
  try {
    const options = { datamodels: [[path, content]] as [string, string][] };
    const engine = await glue.SchemaEngine.new(options, () => undefined, adapter);
    try {
      return await use(engine);
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

type EngineGlue = typeof import("@prisma/schema-engine-wasm/schema_engine_bg");
let loadedEngine: Promise<EngineGlue> | undefined;

/** Once a process: the package's glue keeps views of the memory of the first instance it was given. */
function loadEngine(): Promise<EngineGlue> {
  loadedEngine ??= instantiateEngine();
  return loadedEngine;
}

async function instantiateEngine(): Promise<EngineGlue> {
  const require = createRequire(import.meta.url);
  const glue = await import("@prisma/schema-engine-wasm/schema_engine_bg");
  // The package's entry imports the .wasm as a module, which Node 20 cannot do; this is the same by hand.
  const wasmFile = join(
    dirname(require.resolve("@prisma/schema-engine-wasm/schema_engine_bg")),
    "schema_engine_bg.wasm",
  );
  const { instance } = await WebAssembly.instantiate(await readFile(wasmFile), {
    "./schema_engine_bg.js": glue,
  });
  glue.__wbg_set_wasm(instance.exports);
  const start = instance.exports.__wbindgen_start;
  if (typeof start === "function") start();
  return glue;
}
