/** What cases about whole metadata share. */
import { sql } from "../case.ts";

export const AUTHORS = sql(`CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE);
  CREATE TABLE article (id serial PRIMARY KEY, title text, author_id int REFERENCES author (id));`);

export function source(
  tables: unknown[],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    name: "default",
    kind: "postgres",
    tables,
    configuration: { connection_info: { database_url: "$PG_ONE" } },
    ...more,
  };
}

export function replace(
  metadataObject: unknown,
  args: Record<string, unknown> = {},
): { type: string; args: unknown } {
  return { type: "replace_metadata", args: { ...args, metadata: metadataObject } };
}

export const CONSISTENT = { is_consistent: true, inconsistent_objects: [] };
export const FOOBAR = {
  definition: { schema: "public", name: "foobar" },
  name: "table foobar in source default",
  reason: 'Inconsistent object: no such table/view exists in source: "foobar"',
  type: "table",
};
export const EXPORT = { type: "export_metadata", args: {} };
