/** Metadata and its resource version in PostgreSQL, in Hasura's own schema; several instances may share one. */
import { randomUUID } from "node:crypto";
import { Pool } from "pg";
import { at } from "./decode.ts";
import { HasuraError } from "./errors.ts";
import { exportMetadata } from "./export-metadata.ts";
import { isArray, parseJson, writeJson } from "./json.ts";
import { EMPTY_METADATA, type Metadata } from "./metadata.ts";
import { metadataFrom, readMetadata } from "./read-metadata.ts";

export interface StoredMetadata {
  readonly metadata: Metadata;
  readonly version: number;
}

export interface MetadataStore {
  /** The stored version alone: cheap. */
  version(): Promise<number>;
  load(): Promise<StoredMetadata>;
  /**
   * Stores the metadata if the stored version is still `expected`.
   * @param invalidated names of the sources that other instances have to read again, whatever has changed
   * @returns the new version, or `undefined` when somebody else has written meanwhile
   */
  write(
    metadata: Metadata,
    expected: number,
    invalidated: ReadonlySet<string>,
  ): Promise<number | undefined>;
  /** The sources that the last write of another instance after that version wants read again. */
  invalidatedSince(version: number): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

/** `json`, not `jsonb`: the text stays as it is, key order and long numbers with it. */
const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS hdb_catalog;
  CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_metadata (
    id integer PRIMARY KEY CHECK (id = 1),
    metadata json NOT NULL,
    resource_version bigint NOT NULL DEFAULT 1
  );
  CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_schema_notifications (
    id integer PRIMARY KEY CHECK (id = 1),
    notification json NOT NULL,
    resource_version bigint NOT NULL,
    instance_id uuid NOT NULL
  );`;

const WRITE = `
  WITH written AS (
    UPDATE hdb_catalog.hdb_metadata SET metadata = $1, resource_version = resource_version + 1
    WHERE resource_version = $2 RETURNING resource_version
  ), told AS (
    INSERT INTO hdb_catalog.hdb_schema_notifications (id, notification, resource_version, instance_id)
    SELECT 1, $3, resource_version, $4::uuid FROM written
    ON CONFLICT (id) DO UPDATE SET notification = excluded.notification,
      resource_version = excluded.resource_version, instance_id = excluded.instance_id
  )
  SELECT resource_version FROM written`;

/** Makes the schema unless it is there; a new store holds empty metadata at version 1. */
export async function openStore(
  url: string,
  onError: (error: Error) => void,
): Promise<MetadataStore> {
  const pool = new Pool({ connectionString: url, max: 2, allowExitOnIdle: true });
  pool.on("error", onError);
  const instance = randomUUID();
  const empty = writeJson(exportMetadata(EMPTY_METADATA));
  try {
    // Two starting at once would otherwise collide in the catalog.
    await pool.query(`BEGIN; SELECT pg_advisory_xact_lock(7421); ${SCHEMA} COMMIT;`);
    await pool.query(
      "INSERT INTO hdb_catalog.hdb_metadata (id, metadata) VALUES (1, $1) ON CONFLICT DO NOTHING",
      [empty],
    );
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    version: async () => (await row(pool, "resource_version")).version,
    load: async () => {
      const { text, version } = await row(pool, "resource_version, metadata::text");
      const read = readMetadata(at(parseJson(text), "$"));
      return { metadata: metadataFrom(read, EMPTY_METADATA), version };
    },
    write: async (metadata, expected, invalidated) => {
      const { rows } = await pool.query<{ resource_version: string }>(WRITE, [
        writeJson(exportMetadata(metadata)),
        expected,
        JSON.stringify([...invalidated]),
        instance,
      ]);
      return rows[0] ? Number(rows[0].resource_version) : undefined;
    },
    invalidatedSince: async (version) => {
      const { rows } = await pool.query<{ names: string }>(
        `SELECT notification::text AS names FROM hdb_catalog.hdb_schema_notifications
         WHERE resource_version > $1 AND instance_id <> $2`,
        [version, instance],
      );
      const names = parseJson(rows[0]?.names ?? "[]");
      return new Set(isArray(names) ? names.map(String) : []);
    },
    close: () => pool.end(),
  };
}

async function row(pool: Pool, columns: string): Promise<{ version: number; text: string }> {
  const { rows } = await pool.query<{ resource_version: string; metadata?: string }>(
    `SELECT ${columns} FROM hdb_catalog.hdb_metadata WHERE id = 1`,
  );
  const [found] = rows;
  if (!found)
    throw new HasuraError("unexpected", "Metadata does not exist in the metadata database", {
      status: 500,
      path: "$",
    });
  return { version: Number(found.resource_version), text: found.metadata ?? "" };
}
