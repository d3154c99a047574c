import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import snowflake from "snowflake-sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogger } from "../../../src/observability/logger.ts";
import { createSampleData, installSnowflakeDatabase } from "../../../src/sandbox/sample/data.ts";
import { type SnowflakeStandIn, startSnowflakeStandIn } from "../../../src/sandbox/snowflake.ts";
import {
  createDatabase,
  databaseUrl,
  ensureDatabase,
  type TestDatabase,
} from "../../support/postgres.ts";

snowflake.configure({ logLevel: "OFF", disableOCSPChecks: true });

const LOGIN = { username: "SANDBOX_USER", password: "sandbox-password" };

let standIn: SnowflakeStandIn;
let server: ReturnType<typeof createServer>;
let accessUrl: string;
let own: TestDatabase;

beforeAll(async () => {
  await createSampleData({ createDatabase: ensureDatabase, url: databaseUrl });
  own = await createDatabase();
  await installSnowflakeDatabase(
    own.url,
    `CREATE SCHEMA "Odd Schema";
     CREATE TABLE "Odd Schema"."types" (
       "B" boolean, "I" bigint, "N" numeric(10,2) NOT NULL, "F" double precision, "D" date, "T" time,
       "TS" timestamp, "TZ" timestamptz, "V" jsonb, "S" varchar(20), "lower" text);
     INSERT INTO "Odd Schema"."types" VALUES
       (true, 9007199254740993, 12.5, 1.25, '2024-02-29', '13:14:15.5', '2024-05-06 07:08:09.25',
        '2024-05-06 07:08:09+02', '{"a": [1]}', 'it''s', 'x'),
       (NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);`,
  );
  standIn = startSnowflakeStandIn({
    user: LOGIN.username,
    password: LOGIN.password,
    role: "SANDBOX_ROLE",
    warehouse: "SANDBOX_WH",
    databaseUrl,
    log: createLogger({ level: "silent" }),
  });
  server = createServer((request, response) => {
    standIn
      .handle(request, response)
      .then((done) => done || response.writeHead(404).end())
      .catch(() => response.writeHead(400).end());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  accessUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await standIn?.stop();
  await own?.drop();
});

type Options = Partial<snowflake.ConnectionOptions>;

async function connect(options: Options = {}): Promise<snowflake.Connection> {
  const connection = snowflake.createConnection({
    account: "sandbox",
    accessUrl,
    ...LOGIN,
    ...options,
  });
  // `connectAsync` resolves whether or not the login succeeds; the callback alone tells.
  await new Promise<void>((done, failed) => {
    connection.connect((error) => (error ? failed(error) : done()));
  });
  return connection;
}

async function query(
  sqlText: string,
  binds: snowflake.Binds = [],
  options: Options = {},
): Promise<Record<string, unknown>[]> {
  const connection = await connect(options);
  try {
    return await new Promise((done, failed) => {
      connection.execute({
        sqlText,
        binds,
        complete: (error, _statement, rows) => (error ? failed(error) : done(rows ?? [])),
      });
    });
  } finally {
    await new Promise((done) => connection.destroy(done));
  }
}

describe("logging in with the real snowflake-sdk", () => {
  it("takes the right user and password, the user in any case", async () => {
    const connection = await connect({ username: "sandbox_user", role: "sandbox_role" });
    expect(connection.isUp()).toBe(true);
    await new Promise((done) => connection.destroy(done));
  });

  it.each([
    ["a wrong password", { password: "wrong" }, "390100"],
    ["an unknown user", { username: "SOMEBODY" }, "390100"],
    ["a role that the user does not have", { role: "ACCOUNTADMIN" }, "390189"],
  ])("refuses %s as Snowflake does", async (_name, options: Options, code) => {
    await expect(connect(options)).rejects.toMatchObject({ code });
  });

  it("answers a query without a session with the code for that", async () => {
    const answer = await fetch(`${accessUrl}/queries/v1/query-request`, {
      method: "POST",
      headers: { authorization: 'Snowflake Token="made-up"' },
      body: JSON.stringify({ sqlText: "SELECT 1" }),
    });
    expect(await answer.json()).toMatchObject({ success: false, code: "390104" });
  });
});

describe("answering SELECTs", () => {
  it("tells its version and who is logged in", async () => {
    expect(
      await query(
        "select current_version(), CURRENT_USER() AS who, CURRENT_ROLE() FROM (SELECT 1)",
      ),
    ).toEqual([
      {
        "CURRENT_VERSION()": expect.stringMatching(/^\d+\.\d+/),
        WHO: "SANDBOX_USER",
        "CURRENT_ROLE()": "SANDBOX_ROLE",
      },
    ]);
  });

  it("reads columns of INFORMATION_SCHEMA with Snowflake's type names", async () => {
    const rows = await query(
      `SELECT COLUMN_NAME, DATA_TYPE, IS_NULLABLE, ORDINAL_POSITION FROM "HEALTHCARE".INFORMATION_SCHEMA.COLUMNS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION LIMIT 3`,
      ["VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"],
    );
    expect(rows).toEqual([
      { COLUMN_NAME: "DATE", DATA_TYPE: "DATE", IS_NULLABLE: "YES", ORDINAL_POSITION: 1 },
      { COLUMN_NAME: "LOCATION_KEY", DATA_TYPE: "TEXT", IS_NULLABLE: "YES", ORDINAL_POSITION: 2 },
      {
        COLUMN_NAME: "NEW_PERSONS_VACCINATED",
        DATA_TYPE: "NUMBER",
        IS_NULLABLE: "YES",
        ORDINAL_POSITION: 3,
      },
    ]);
  });

  it("names every type as Snowflake does, with its precision", async () => {
    const rows = await query(
      `SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION AS P, NUMERIC_SCALE AS S, CHARACTER_MAXIMUM_LENGTH AS L, IS_NULLABLE AS N
       FROM "${own.name}"."INFORMATION_SCHEMA"."COLUMNS" C WHERE UPPER(C.TABLE_NAME) = UPPER(?) ORDER BY C.ORDINAL_POSITION`,
      ["TYPES"],
    );
    expect(rows.map((row) => [row.COLUMN_NAME, row.DATA_TYPE, row.P, row.S, row.L, row.N])).toEqual(
      [
        ["B", "BOOLEAN", null, null, null, "YES"],
        ["I", "NUMBER", 38, 0, null, "YES"],
        ["N", "NUMBER", 10, 2, null, "NO"],
        ["F", "FLOAT", null, null, null, "YES"],
        ["D", "DATE", null, null, null, "YES"],
        ["T", "TIME", null, null, null, "YES"],
        ["TS", "TIMESTAMP_NTZ", null, null, null, "YES"],
        ["TZ", "TIMESTAMP_TZ", null, null, null, "YES"],
        ["V", "VARIANT", null, null, null, "YES"],
        ["S", "TEXT", null, null, 20, "YES"],
        ["lower", "TEXT", null, null, 16777216, "YES"],
      ],
    );
  });

  it("lists tables and views, but not its own views", async () => {
    const sql =
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES ORDER BY 2";
    expect(await query(sql, [], { database: "MOBILITY" })).toEqual([
      { TABLE_SCHEMA: "TRIPS_1", TABLE_NAME: "CITY_TRIPS", TABLE_TYPE: "BASE TABLE" },
      { TABLE_SCHEMA: "TRIPS_1", TABLE_NAME: "CITY_TRIPS_VIEW", TABLE_TYPE: "VIEW" },
    ]);
  });

  it("gives the sdk values that it turns into the right JavaScript ones", async () => {
    const rows = await query(
      `SELECT b, i::STRING AS i, n, f, d, ts, tz, v, s, "lower" FROM "${own.name}"."Odd Schema"."types" ORDER BY n DESC`,
    );
    expect(rows[0]).toMatchObject({
      B: true,
      I: "9007199254740993",
      N: 12.5,
      F: 1.25,
      V: { a: [1] },
      S: "it's",
      lower: "x",
    });
    const moments = ["D", "TS", "TZ"].map((name) =>
      (rows[0]?.[name] as Date | undefined)?.toISOString(),
    );
    expect(moments).toEqual([
      "2024-02-29T00:00:00.000Z",
      "2024-05-06T07:08:09.250Z",
      "2024-05-06T05:08:09.000Z",
    ]);
    expect(rows[1]).toMatchObject({ B: null, I: null, F: null, D: null, TS: null, lower: null });
  });

  it("takes unquoted names as upper-case ones and quoted names as they are", async () => {
    const sql =
      "select location_key, count(*) as days from healthcare.vaccinations_0.vaccinations_clean_view group by location_key order by 1";
    expect(await query(sql)).toEqual([
      { LOCATION_KEY: "FR_IDF", DAYS: 20 },
      { LOCATION_KEY: "IT_25", DAYS: 20 },
      { LOCATION_KEY: "IT_62", DAYS: 20 },
    ]);
    await expect(
      query('SELECT "location_key" FROM HEALTHCARE.VACCINATIONS_0.VACCINATIONS_CLEAN_VIEW'),
    ).rejects.toMatchObject({ code: "000904" });
    await expect(
      query('SELECT 1 FROM "healthcare".VACCINATIONS_0.VACCINATIONS_CLEAN_VIEW'),
    ).rejects.toMatchObject({ code: "002003" });
  });

  it("binds numbers, texts with quotes, nulls and numbered places", async () => {
    const rows = await query(
      "SELECT TRIP_ID FROM MOBILITY.TRIPS_1.CITY_TRIPS_VIEW WHERE TRIP_ID < :2 AND START_STATION <> :1 AND :1 LIKE '%''\\'%' ORDER BY TRIP_ID -- ? is not one",
      ["a '' -- b", 3],
    );
    expect(rows).toEqual([{ TRIP_ID: 1 }, { TRIP_ID: 2 }]);
    expect(await query("SELECT ?::TEXT AS t, ? IS NULL AS n", ["x", null])).toEqual([
      { T: "x", N: true },
    ]);
  });
});

describe("refusing, as Snowflake does", () => {
  it.each([
    [
      "an unknown database",
      "SELECT 1 FROM NOWHERE.INFORMATION_SCHEMA.COLUMNS",
      "002003",
      "Database 'NOWHERE'",
    ],
    [
      "a PostgreSQL database that is no Snowflake one",
      'SELECT 1 FROM "postgres".INFORMATION_SCHEMA.COLUMNS',
      "002003",
      "Database 'postgres'",
    ],
    ["an unknown table", "SELECT 1 FROM HEALTHCARE.VACCINATIONS_0.NOTHING", "002003", "NOTHING"],
    [
      "an unknown column",
      "SELECT NOTHING FROM HEALTHCARE.INFORMATION_SCHEMA.COLUMNS",
      "000904",
      "NOTHING",
    ],
    [
      "a table without a database",
      "SELECT 1 FROM INFORMATION_SCHEMA.COLUMNS",
      "090105",
      "current database",
    ],
    [
      "two databases in one",
      "SELECT 1 FROM HEALTHCARE.INFORMATION_SCHEMA.TABLES JOIN MOBILITY.INFORMATION_SCHEMA.TABLES USING (TABLE_NAME)",
      "000002",
      "CROSS_DATABASE",
    ],
    ["SHOW", "SHOW DATABASES", "000002", "SHOW"],
    ["a change", "DELETE FROM HEALTHCARE.VACCINATIONS_0.VACCINATIONS_CLEAN", "000002", "DELETE"],
    [
      "a change inside WITH",
      "WITH x AS (DELETE FROM HEALTHCARE.VACCINATIONS_0.VACCINATIONS_CLEAN RETURNING 1) SELECT 1 FROM x",
      "001003",
      "compilation error",
    ],
    ["several statements", "SELECT 1; SELECT 2", "000002", "MULTI_STATEMENT"],
    ["nothing", "  -- nothing", "000900", "Empty"],
    ["what it cannot read", "SELECT §", "001003", "syntax error"],
  ])("refuses %s", async (_name, sql, code, text) => {
    await expect(query(sql)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(text),
    });
  });

  it("runs under a role that cannot write, whatever the statement says", async () => {
    const sql = "SELECT lo_import('/etc/passwd') AS x";
    await expect(query(sql)).rejects.toMatchObject({
      message: expect.stringContaining("permission denied"),
    });
  });
});
