/** Sources of kind `snowflake`: names, configuration, what a data connector does otherwise. */
import { expect } from "vitest";
import { as, type Case, does, fails, metadata, query, sql, testCase } from "../case.ts";

const DATA = sql(
  `CREATE TABLE "SALES"."ORDERS" ("ID" int PRIMARY KEY, "AMOUNT" numeric, "DAY" date);
   INSERT INTO "SALES"."ORDERS" VALUES (1, 10.25, '2026-01-02'), (2, 5, NULL);
   CREATE VIEW "SALES"."ORDERS_V" AS SELECT "ID", "AMOUNT" FROM "SALES"."ORDERS";
   CREATE TABLE "OTHER"."THINGS" ("ID" int);`,
  "snowflake",
);
const ENVIRONMENT_TEMPLATE =
  '{"fully_qualify_all_names": false, "jdbc_url": "{{getEnvironmentVariable("SNOWFLAKE_JDBC_URL")}}"}';
const PARTS_TEMPLATE =
  "{\"jdbc_url\": \"jdbc:snowflake://sandbox.snowflakecomputing.com/?user={{$env['SF_USER']}}&password={{$env['SF_PASSWORD']}}&warehouse={{$config['warehouse']}}&db=ANALYTICS&schema=SALES\"}";

function addSource(template: string, value: unknown = {}): ReturnType<typeof does> {
  return does("snowflake_add_source", {
    name: "sf",
    configuration: { value, template, timeout: null },
  });
}

function refused(configuration: unknown, reason: unknown): ReturnType<typeof fails> {
  return fails(
    "snowflake_add_source",
    { name: "sf", configuration },
    400,
    "invalid-configuration",
    reason,
    {
      internal: [expect.objectContaining({ definition: "sf", name: "source sf", type: "source" })],
    },
  );
}

const ALL: readonly ["snowflake"] = ["snowflake"];

export const SNOWFLAKE: readonly Case[] = [
  testCase(
    "names without database and schema, when the source says so",
    [
      DATA,
      addSource(ENVIRONMENT_TEMPLATE),
      metadata({ type: "snowflake_get_source_tables", args: { source: "sf" } }, [
        ["OTHER", "THINGS"],
        ["ORDERS"],
        ["ORDERS_V"],
      ]),
      does("snowflake_track_table", { source: "sf", table: ["ORDERS_V"] }),
      does("snowflake_track_table", { source: "sf", table: "ORDERS" }),
      query("{ ORDERS_V(order_by: {ID: asc}) { ID AMOUNT } ORDERS_by_pk(ID: 1) { DAY } }", {
        ORDERS_V: [
          { ID: 1, AMOUNT: 10.25 },
          { ID: 2, AMOUNT: 5 },
        ],
        ORDERS_by_pk: { DAY: "2026-01-02" },
      }),
      fails(
        "snowflake_track_table",
        { source: "sf", table: ["orders"] },
        400,
        "invalid-configuration",
        'Inconsistent object: no such table/view exists in source: "orders"',
        { internal: expect.any(Array) },
      ),
    ],
    ALL,
  ),
  testCase(
    "names with database and schema, by default",
    [
      DATA,
      addSource(PARTS_TEMPLATE, { warehouse: "W" }),
      metadata({ type: "snowflake_get_source_tables", args: { source: "sf" } }, [
        ["ANALYTICS", "OTHER", "THINGS"],
        ["ANALYTICS", "SALES", "ORDERS"],
        ["ANALYTICS", "SALES", "ORDERS_V"],
      ]),
      does("snowflake_track_table", { source: "sf", table: ["ANALYTICS", "SALES", "ORDERS_V"] }),
      query("{ __schema { queryType { fields { name } } } }", {
        __schema: {
          queryType: {
            fields: [
              { name: "ANALYTICS_SALES_ORDERS_V" },
              { name: "ANALYTICS_SALES_ORDERS_V_aggregate" },
            ],
          },
        },
      }),
      fails(
        "snowflake_track_table",
        { source: "sf", table: ["ORDERS_V"] },
        400,
        "invalid-configuration",
        'Inconsistent object: no such table/view exists in source: "ORDERS_V"',
        { internal: expect.any(Array) },
      ),
      fails(
        "snowflake_untrack_table",
        { source: "sf", table: ["ANALYTICS", "SALES", "NOPE"] },
        400,
        "already-untracked",
        'view/table already untracked: "ANALYTICS.SALES.NOPE"',
      ),
    ],
    ALL,
  ),
  testCase(
    "the configuration is exported with its template, never inline",
    [
      addSource(ENVIRONMENT_TEMPLATE),
      metadata(
        { type: "export_metadata", args: {} },
        {
          version: 3,
          sources: [
            {
              name: "sf",
              kind: "snowflake",
              tables: [],
              configuration: { value: {}, template: ENVIRONMENT_TEMPLATE, timeout: null },
            },
          ],
        },
      ),
    ],
    ALL,
  ),
  testCase(
    "a template that names an unset variable, a wrong login, an unknown database",
    [
      refused(
        { value: {}, template: '{"jdbc_url": "{{getEnvironmentVariable("NOT_SET")}}"}' },
        expect.stringMatching(
          /^Inconsistent object: transformConfig: Kriti template transform failed - .*NOT_SET/,
        ),
      ),
      refused(
        {
          jdbc_url:
            "jdbc:snowflake://sandbox.snowflakecomputing.com/?user=reader&password=wrong&db=ANALYTICS",
        },
        expect.stringContaining("connection error"),
      ),
      refused(
        {
          value: {},
          template: PARTS_TEMPLATE.replace("db=ANALYTICS", "db=NOPE").replace(
            "{{$config['warehouse']}}",
            "W",
          ),
        },
        expect.stringContaining("connection error"),
      ),
      refused(
        { value: { url: "x" } },
        expect.stringMatching(
          /^Inconsistent object: Configuration for source "sf" is not valid based on the configuration schema declared by the "snowflake" data connector agent\. Errors:\n- /,
        ),
      ),
      fails(
        "oracle_add_source",
        { name: "o", configuration: { jdbc_url: "x" } },
        400,
        "invalid-configuration",
        'Inconsistent object: Data connector named "oracle" was not found in the data connector backend info',
        { internal: expect.any(Array) },
      ),
    ],
    ALL,
  ),
  testCase(
    "H DataConnector/MetadataApiSpec.hs: get_table_info knows tracked tables only",
    [
      DATA,
      addSource(ENVIRONMENT_TEMPLATE),
      metadata(
        { type: "snowflake_get_table_info", args: { source: "sf", table: ["ORDERS"] } },
        null,
      ),
      does("snowflake_track_table", { source: "sf", table: ["ORDERS"] }),
      metadata(
        { type: "snowflake_get_table_info", args: { source: "sf", table: ["ORDERS"] } },
        expect.objectContaining({
          name: ["ORDERS"],
          type: "table",
          primary_key: ["ID"],
          insertable: false,
        }),
      ),
      metadata(
        { type: "get_table_info", args: { source: "sf", table: ["ORDERS"] } },
        expect.objectContaining({ name: ["ORDERS"] }),
      ),
      fails(
        "get_table_info",
        { source: "nope", table: ["ORDERS"] },
        400,
        "data-connector-error",
        "Source 'nope' not found",
      ),
      fails(
        "pg_get_source_tables",
        { source: "sf" },
        400,
        "unexpected",
        'source with name "sf" is inconsistent',
      ),
    ],
    ALL,
  ),
  testCase(
    "H DataConnector/MetadataApiSpec.hs: list_source_kinds",
    [
      metadata(
        { type: "list_source_kinds", args: {} },
        {
          sources: [
            ...["pg", "citus", "cockroach", "mssql", "bigquery"].map((kind) => ({
              builtin: true,
              kind,
              display_name: kind,
              available: true,
            })),
            { builtin: false, kind: "snowflake", display_name: "Snowflake", available: true },
          ],
        },
      ),
    ],
    ALL,
  ),
  testCase(
    "DDL outside Hasura is seen only after a write on the source",
    [
      DATA,
      addSource(ENVIRONMENT_TEMPLATE),
      does("snowflake_track_table", { source: "sf", table: ["ORDERS_V"] }),
      sql(
        'CREATE OR REPLACE VIEW "SALES"."ORDERS_V" AS SELECT "ID", "AMOUNT", "DAY" FROM "SALES"."ORDERS"',
        "snowflake",
      ),
      query('{ __type(name: "ORDERS_V") { fields { name } } }', {
        __type: { fields: [{ name: "AMOUNT" }, { name: "ID" }] },
      }),
      does("snowflake_create_select_permission", {
        source: "sf",
        table: ["ORDERS_V"],
        role: "r",
        permission: { columns: "*", filter: {} },
      }),
      query(
        '{ __type(name: "ORDERS_V") { fields { name } } }',
        { __type: { fields: [{ name: "AMOUNT" }, { name: "DAY" }, { name: "ID" }] } },
        as("r"),
      ),
    ],
    ALL,
  ),
  testCase(
    "H Auth/Authorization/InheritedRoles/ColumnRedaction/NotSupportedSpec.hs: parents that see different columns",
    [
      DATA,
      addSource(ENVIRONMENT_TEMPLATE),
      does("snowflake_track_table", { source: "sf", table: ["ORDERS"] }),
      ...[
        { role: "public_info", columns: ["ID"] },
        { role: "private_info", columns: ["ID", "AMOUNT"] },
      ].map(({ role, columns }) =>
        does("snowflake_create_select_permission", {
          source: "sf",
          table: ["ORDERS"],
          role,
          permission: { columns, filter: {} },
        }),
      ),
      fails(
        "add_inherited_role",
        { role_name: "employee", role_set: ["public_info", "private_info"] },
        400,
        "invalid-configuration",
        notSupported(),
        {
          internal: [
            {
              definition: { role_name: "employee", role_set: ["public_info", "private_info"] },
              name: "inherited_role inherited role employee",
              reason: notSupported(),
              type: "inherited_role",
            },
          ],
        },
      ),
    ],
    ALL,
  ),
  testCase(
    "two Snowflake tables with one root field: there are no mutations to be named first",
    [
      DATA,
      addSource(ENVIRONMENT_TEMPLATE),
      does("snowflake_track_table", {
        source: "sf",
        table: ["ORDERS"],
        configuration: { custom_name: "T", custom_root_fields: { select: "orders" } },
      }),
      fails(
        "snowflake_track_table",
        {
          source: "sf",
          table: ["ORDERS_V"],
          configuration: { custom_name: "U", custom_root_fields: { select: "orders" } },
        },
        500,
        "unexpected",
        "Encountered conflicting definitions in the selection set for 'query_root' for field 'orders' defined in [table ORDERS in source sf, table ORDERS_V in source sf]. Fields must not be defined more than once across all sources.",
      ),
    ],
    ALL,
  ),
];

function notSupported(): string {
  return 'Inconsistent object: The source "sf" does not support inherited roles where the columns allowed are different in the column select permissions in the parent roles. This occurs for the column select permissions defined for the table "ORDERS" for the inherited role "employee", which combines the roles "public_info", "private_info"';
}
