/** What a source's database holds, read from PostgreSQL's catalogs and named the way the source names it. */
import type { Pool } from "pg";
import { type Kind, type TableName, tableNameOf } from "./names.ts";
import type { Naming, ResolvedSource } from "./resolved-source.ts";

export interface ColumnInfo {
  readonly name: string;
  /** The type's own name in PostgreSQL, e.g. `int4`, `_text`; of a domain, the type below it. */
  readonly type: string;
  readonly typeSchema: string;
  readonly nullable: boolean;
  readonly generated: boolean;
  readonly description: string | null;
}

export interface ForeignKeyInfo {
  readonly name: string;
  readonly columns: readonly string[];
  readonly foreignTable: TableName;
  readonly foreignColumns: readonly string[];
}

export interface Relation {
  readonly schema: string;
  readonly name: string;
}

export interface TableInfo {
  readonly name: TableName;
  readonly relation: Relation;
  readonly type: "table" | "view";
  readonly columns: readonly ColumnInfo[];
  /** Empty when there is none: a view never has one. */
  readonly primaryKey: readonly string[];
  readonly foreignKeys: readonly ForeignKeyInfo[];
  readonly description: string | null;
}

/** By the table name's key. */
export type Catalog = ReadonlyMap<string, TableInfo>;

interface Row {
  readonly schema: string;
  readonly name: string;
  readonly relkind: string;
  readonly description: string | null;
  readonly columns: readonly ColumnInfo[] | null;
  readonly primary_key: readonly string[] | null;
  readonly foreign_keys:
    | readonly {
        name: string;
        columns: string[];
        schema: string;
        table: string;
        foreignColumns: string[];
      }[]
    | null;
}

const RELATIONS = `
  SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'hdb_catalog')`;

const DETAILS = `
  SELECT r.schema, r.name, r.relkind, obj_description(r.oid, 'pg_class') AS description,
    (SELECT json_agg(json_build_object(
        'name', a.attname, 'type', coalesce(b.typname, t.typname),
        'typeSchema', coalesce(bn.nspname, tn.nspname), 'nullable', NOT a.attnotnull,
        'generated', a.attidentity <> '' OR a.attgenerated <> '' OR a.atthasdef,
        'description', col_description(a.attrelid, a.attnum)) ORDER BY a.attnum)
      FROM pg_attribute a
      JOIN pg_type t ON t.oid = a.atttypid JOIN pg_namespace tn ON tn.oid = t.typnamespace
      LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'
      LEFT JOIN pg_namespace bn ON bn.oid = b.typnamespace
      WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT json_agg(a.attname ORDER BY k.ord)
      FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY AS k(attnum, ord), pg_attribute a
      WHERE p.conrelid = r.oid AND p.contype = 'p' AND a.attrelid = r.oid AND a.attnum = k.attnum
    ) AS primary_key,
    (SELECT json_agg(json_build_object(
        'name', p.conname, 'schema', fn.nspname, 'table', fc.relname,
        'columns', (SELECT json_agg(a.attname ORDER BY k.ord)
          FROM unnest(p.conkey) WITH ORDINALITY AS k(attnum, ord)
          JOIN pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = k.attnum),
        'foreignColumns', (SELECT json_agg(a.attname ORDER BY k.ord)
          FROM unnest(p.confkey) WITH ORDINALITY AS k(attnum, ord)
          JOIN pg_attribute a ON a.attrelid = p.confrelid AND a.attnum = k.attnum)
        ) ORDER BY p.conname)
      FROM pg_constraint p JOIN pg_class fc ON fc.oid = p.confrelid
      JOIN pg_namespace fn ON fn.oid = fc.relnamespace
      WHERE p.conrelid = r.oid AND p.contype = 'f') AS foreign_keys
  FROM (${RELATIONS}) r
  JOIN unnest($1::text[], $2::text[]) AS wanted(schema, name)
    ON wanted.schema = r.schema AND wanted.name = r.name`;

/** Reads the tables asked for; one that the database does not hold is absent from the answer. */
export async function introspect(
  pool: Pool,
  kind: Kind,
  resolved: ResolvedSource,
  wanted: readonly TableName[],
): Promise<Catalog> {
  const naming = await settled(pool, resolved.naming);
  const relations = wanted.flatMap((table) => relationOf(naming, table) ?? []);
  // Also with nothing to read: a source is known to work only once its database has answered.
  const { rows } = await pool.query<Row>({
    // Prepared once a connection: to plan it takes longer than to run it.
    name: "introspect",
    text: DETAILS,
    values: [relations.map(({ schema }) => schema), relations.map(({ name }) => name)],
  });
  const named = (schema: string, name: string): TableName =>
    tableNameOf(kind, partsOf(naming, { schema, name }));
  return new Map(
    rows.map((row) => {
      const table = tableInfo(named(row.schema, row.name), row, named);
      return [table.name.key, table];
    }),
  );
}

/** Every table and view of the source, tracked or not. */
export async function listTables(
  pool: Pool,
  kind: Kind,
  resolved: ResolvedSource,
): Promise<TableName[]> {
  const naming = await settled(pool, resolved.naming);
  const { rows } = await pool.query<Relation>(
    `SELECT schema, name FROM (${RELATIONS}) r ORDER BY schema, name`,
  );
  return rows.map((row) => tableNameOf(kind, partsOf(naming, row)));
}

function tableInfo(
  name: TableName,
  row: Row,
  named: (schema: string, name: string) => TableName,
): TableInfo {
  return {
    name,
    relation: { schema: row.schema, name: row.name },
    type: row.relkind === "v" || row.relkind === "m" ? "view" : "table",
    columns: row.columns ?? [],
    primaryKey: row.primary_key ?? [],
    foreignKeys: (row.foreign_keys ?? []).map((key) => ({
      name: key.name,
      columns: key.columns,
      foreignTable: named(key.schema, key.table),
      foreignColumns: key.foreignColumns,
    })),
    description: row.description,
  };
}

/** A schema that exists only in capitals is meant by a name written otherwise, as in a Snowflake session. */
async function settled(pool: Pool, naming: Naming): Promise<Naming> {
  if (naming.style !== "bare") return naming;
  const { rows } = await pool.query<{ nspname: string }>(
    "SELECT nspname FROM pg_namespace WHERE nspname IN ($1::text, upper($1::text)) ORDER BY nspname = $1::text DESC",
    [naming.schema],
  );
  return { style: "bare", schema: rows[0]?.nspname ?? naming.schema };
}

function relationOf(naming: Naming, { parts }: TableName): Relation | undefined {
  const [first = "", second = "", third = ""] = parts;
  if (naming.style === "postgres") return { schema: first, name: second };
  if (naming.style === "bare") {
    if (parts.length === 1) return { schema: naming.schema, name: first };
    return parts.length === 2 ? { schema: first, name: second } : undefined;
  }
  const known = parts.length === 3 && first === naming.database;
  return known ? { schema: second, name: third } : undefined;
}

function partsOf(naming: Naming, { schema, name }: Relation): readonly string[] {
  if (naming.style === "qualified") return [naming.database, schema, name];
  return naming.style === "bare" && schema === naming.schema ? [name] : [schema, name];
}
