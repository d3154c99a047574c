/** Metadata and its resource version in PostgreSQL, in Hasura's own schema. */
import { Pool } from "pg";
import { at } from "./decode.ts";
import { HasuraError } from "./errors.ts";
import { exportMetadata } from "./export-metadata.ts";
import { parseJson, writeJson } from "./json.ts";
import { EMPTY_METADATA, type Metadata } from "./metadata.ts";
import { metadataFrom, readMetadata } from "./read-metadata.ts";

export interface MetadataStore {
  /** The stored version alone: cheap. */
  version(): Promise<number>;
  load(): Promise<{ metadata: Metadata; version: number }>;
  /**
   * Stores the metadata if the stored version is still `expected`.
   * @returns the new version, or `undefined` when somebody else has written meanwhile
   */
  write(metadata: Metadata, expected: number): Promise<number | undefined>;
  close(): Promise<void>;
}

/** `json`, not `jsonb`: the text stays as it is, key order and long numbers with it. */
const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS hdb_catalog;
  CREATE TABLE IF NOT EXISTS hdb_catalog.hdb_metadata (
    id integer PRIMARY KEY CHECK (id = 1),
    metadata json NOT NULL,
    resource_version bigint NOT NULL DEFAULT 1
  );`;

/** Makes the schema unless it is there; a new store holds empty metadata at version 1. */
export async function openStore(
  url: string,
  onError: (error: Error) => void,
): Promise<MetadataStore> {
  const pool = new Pool({ connectionString: url, max: 2, allowExitOnIdle: true });
  pool.on("error", onError);
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
    write: async (metadata, expected) => {
      const { rows } = await pool.query<{ resource_version: string }>(
        `UPDATE hdb_catalog.hdb_metadata SET metadata = $1, resource_version = resource_version + 1
         WHERE resource_version = $2 RETURNING resource_version`,
        [writeJson(exportMetadata(metadata)), expected],
      );
      return rows[0] ? Number(rows[0].resource_version) : undefined;
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
