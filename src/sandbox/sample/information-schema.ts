/**
 * What Snowflake's INFORMATION_SCHEMA answers, as views over PostgreSQL's catalogue: upper-case column
 * names, Snowflake's type names. They lie in a schema of their own, which marks the database as one that
 * the Snowflake stand-in serves.
 */

/** The schema that holds the views, and that the views themselves leave out. */
export const INFORMATION_SCHEMA = "_snowflake";

/** The views there are, by Snowflake's names. */
export const INFORMATION_SCHEMA_VIEWS: ReadonlySet<string> = new Set([
  "COLUMNS",
  "SCHEMATA",
  "TABLES",
  "VIEWS",
]);

const VISIBLE_SCHEMAS = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '${INFORMATION_SCHEMA}')`;

const OWNER = `'SANDBOX_OWNER'::text`;

/** Makes the views in the current database, or brings them up to date. */
export const INFORMATION_SCHEMA_SQL = `
CREATE SCHEMA IF NOT EXISTS ${INFORMATION_SCHEMA};

CREATE OR REPLACE FUNCTION ${INFORMATION_SCHEMA}.type_name(type oid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE type
    WHEN 'bool'::regtype THEN 'BOOLEAN'
    WHEN 'int2'::regtype THEN 'NUMBER'
    WHEN 'int4'::regtype THEN 'NUMBER'
    WHEN 'int8'::regtype THEN 'NUMBER'
    WHEN 'numeric'::regtype THEN 'NUMBER'
    WHEN 'float4'::regtype THEN 'FLOAT'
    WHEN 'float8'::regtype THEN 'FLOAT'
    WHEN 'date'::regtype THEN 'DATE'
    WHEN 'time'::regtype THEN 'TIME'
    WHEN 'timestamp'::regtype THEN 'TIMESTAMP_NTZ'
    WHEN 'timestamptz'::regtype THEN 'TIMESTAMP_TZ'
    WHEN 'bytea'::regtype THEN 'BINARY'
    WHEN 'json'::regtype THEN 'VARIANT'
    WHEN 'jsonb'::regtype THEN 'VARIANT'
    ELSE CASE WHEN (SELECT typcategory FROM pg_catalog.pg_type WHERE oid = type) = 'A'
      THEN 'ARRAY' ELSE 'TEXT' END
  END
$$;

CREATE OR REPLACE VIEW ${INFORMATION_SCHEMA}."SCHEMATA" AS
SELECT current_database()::text AS "CATALOG_NAME",
  n.nspname::text AS "SCHEMA_NAME",
  ${OWNER} AS "SCHEMA_OWNER",
  obj_description(n.oid, 'pg_namespace') AS "COMMENT"
FROM pg_catalog.pg_namespace n
WHERE ${VISIBLE_SCHEMAS};

CREATE OR REPLACE VIEW ${INFORMATION_SCHEMA}."TABLES" AS
SELECT current_database()::text AS "TABLE_CATALOG",
  n.nspname::text AS "TABLE_SCHEMA",
  c.relname::text AS "TABLE_NAME",
  ${OWNER} AS "TABLE_OWNER",
  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'BASE TABLE' END AS "TABLE_TYPE",
  'NO'::text AS "IS_TRANSIENT",
  CASE WHEN c.relkind = 'r' THEN greatest(c.reltuples, 0)::numeric(38,0) END AS "ROW_COUNT",
  obj_description(c.oid, 'pg_class') AS "COMMENT"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${VISIBLE_SCHEMAS};

CREATE OR REPLACE VIEW ${INFORMATION_SCHEMA}."VIEWS" AS
SELECT current_database()::text AS "TABLE_CATALOG",
  n.nspname::text AS "TABLE_SCHEMA",
  c.relname::text AS "TABLE_NAME",
  ${OWNER} AS "TABLE_OWNER",
  pg_get_viewdef(c.oid) AS "VIEW_DEFINITION",
  'NO'::text AS "IS_SECURE",
  obj_description(c.oid, 'pg_class') AS "COMMENT"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND ${VISIBLE_SCHEMAS};

CREATE OR REPLACE VIEW ${INFORMATION_SCHEMA}."COLUMNS" AS
SELECT current_database()::text AS "TABLE_CATALOG",
  n.nspname::text AS "TABLE_SCHEMA",
  c.relname::text AS "TABLE_NAME",
  a.attname::text AS "COLUMN_NAME",
  -- Counted for the rows that are asked for; a window would number every column there is.
  (SELECT count(*) FROM pg_catalog.pg_attribute b
    WHERE b.attrelid = a.attrelid AND b.attnum BETWEEN 1 AND a.attnum AND NOT b.attisdropped
  )::numeric(9,0) AS "ORDINAL_POSITION",
  CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END AS "IS_NULLABLE",
  t.name AS "DATA_TYPE",
  CASE WHEN t.name = 'TEXT' THEN
    CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4
      THEN a.atttypmod - 4 ELSE 16777216 END
  END::numeric(9,0) AS "CHARACTER_MAXIMUM_LENGTH",
  CASE WHEN t.name = 'NUMBER' THEN
    CASE WHEN a.atttypid = 'numeric'::regtype AND a.atttypmod > 4
      THEN ((a.atttypmod - 4) >> 16) & 65535 ELSE 38 END
  END::numeric(9,0) AS "NUMERIC_PRECISION",
  CASE WHEN t.name = 'NUMBER' THEN 10 END::numeric(9,0) AS "NUMERIC_PRECISION_RADIX",
  CASE WHEN t.name = 'NUMBER' THEN
    CASE WHEN a.atttypid = 'numeric'::regtype AND a.atttypmod > 4
      THEN (a.atttypmod - 4) & 2047 ELSE 0 END
  END::numeric(9,0) AS "NUMERIC_SCALE",
  CASE WHEN t.name LIKE 'TIME%' THEN 9 END::numeric(9,0) AS "DATETIME_PRECISION",
  col_description(c.oid, a.attnum) AS "COMMENT"
FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (SELECT ${INFORMATION_SCHEMA}.type_name(a.atttypid) AS name) t
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND ${VISIBLE_SCHEMAS};
`;
