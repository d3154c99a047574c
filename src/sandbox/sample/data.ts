/**
 * The sandbox's sample data: two data products in two domains, each in a "Snowflake database" that is a
 * PostgreSQL database of the same case-sensitive name. All figures are made up; they follow from the row's
 * number alone, so that every run has the same rows.
 */
import { Client } from "pg";
import { INFORMATION_SCHEMA_SQL } from "./information-schema.ts";

/** 60 rows: 20 days from 2021-03-01 for three regions. */
const HEALTHCARE = `
CREATE SCHEMA IF NOT EXISTS "VACCINATIONS_0";
CREATE TABLE IF NOT EXISTS "VACCINATIONS_0"."VACCINATIONS_CLEAN" (
  "DATE" date NOT NULL,
  "LOCATION_KEY" text NOT NULL,
  "AGE_GROUP" text NOT NULL,
  "NEW_PERSONS_VACCINATED" numeric(38,0),
  "NEW_PERSONS_FULLY_VACCINATED" numeric(38,0),
  "NEW_VACCINE_DOSES_ADMINISTERED" numeric(38,0),
  PRIMARY KEY ("DATE", "LOCATION_KEY", "AGE_GROUP")
);
INSERT INTO "VACCINATIONS_0"."VACCINATIONS_CLEAN"
SELECT DATE '2021-03-01' + day, location, age,
  500 + 37 * day + 190 * place + 60 * band,
  -- The second dose follows three weeks after the first, so early days have none yet.
  CASE WHEN day >= 5 THEN 120 + 29 * (day - 5) + 70 * place + 20 * band ELSE 0 END,
  620 + 66 * day + 260 * place + 80 * band
FROM generate_series(0, 19) AS day
  CROSS JOIN (VALUES (0, 'IT_25'), (1, 'IT_62'), (2, 'FR_IDF')) AS places (place, location)
  CROSS JOIN (VALUES (0, '18-49'), (1, '50-69'), (2, '70+')) AS bands (band, age)
ON CONFLICT DO NOTHING;
CREATE OR REPLACE VIEW "VACCINATIONS_0"."VACCINATIONS_CLEAN_VIEW" AS
SELECT "DATE", "LOCATION_KEY",
  sum("NEW_PERSONS_VACCINATED")::numeric(38,0) AS "NEW_PERSONS_VACCINATED",
  sum("NEW_PERSONS_FULLY_VACCINATED")::numeric(38,0) AS "NEW_PERSONS_FULLY_VACCINATED",
  sum("NEW_VACCINE_DOSES_ADMINISTERED")::numeric(38,0) AS "NEW_VACCINE_DOSES_ADMINISTERED",
  (sum(sum("NEW_PERSONS_VACCINATED")) OVER up_to_date)::numeric(38,0) AS "CUMULATIVE_PERSONS_VACCINATED",
  (sum(sum("NEW_PERSONS_FULLY_VACCINATED")) OVER up_to_date)::numeric(38,0) AS "CUMULATIVE_PERSONS_FULLY_VACCINATED",
  (sum(sum("NEW_VACCINE_DOSES_ADMINISTERED")) OVER up_to_date)::numeric(38,0) AS "CUMULATIVE_VACCINE_DOSES_ADMINISTERED"
FROM "VACCINATIONS_0"."VACCINATIONS_CLEAN"
GROUP BY "DATE", "LOCATION_KEY"
WINDOW up_to_date AS (PARTITION BY "LOCATION_KEY" ORDER BY "DATE")
ORDER BY "DATE", "LOCATION_KEY";
CREATE OR REPLACE VIEW "VACCINATIONS_0"."VACCINATIONS_BY_AGE_VIEW" AS
SELECT "DATE", "LOCATION_KEY", "AGE_GROUP",
  "NEW_PERSONS_VACCINATED",
  "NEW_PERSONS_FULLY_VACCINATED",
  "NEW_VACCINE_DOSES_ADMINISTERED",
  round("NEW_PERSONS_FULLY_VACCINATED" * 100.0 / "NEW_PERSONS_VACCINATED", 2)::double precision
    AS "FULLY_VACCINATED_PERCENT"
FROM "VACCINATIONS_0"."VACCINATIONS_CLEAN"
ORDER BY "DATE", "LOCATION_KEY", "AGE_GROUP";
COMMENT ON VIEW "VACCINATIONS_0"."VACCINATIONS_CLEAN_VIEW" IS 'Vaccinations a day and region';
COMMENT ON VIEW "VACCINATIONS_0"."VACCINATIONS_BY_AGE_VIEW" IS 'Vaccinations a day, region and age group';
`;

/** 48 rides between stations of one city. */
const MOBILITY = `
CREATE SCHEMA IF NOT EXISTS "TRIPS_1";
CREATE TABLE IF NOT EXISTS "TRIPS_1"."CITY_TRIPS" (
  "TRIP_ID" numeric(38,0) PRIMARY KEY,
  "STARTED_AT" timestamp NOT NULL,
  "START_STATION" text NOT NULL,
  "END_STATION" text NOT NULL,
  "DISTANCE_KM" double precision NOT NULL,
  "DURATION_MINUTES" numeric(38,0) NOT NULL,
  "SUBSCRIBER" boolean NOT NULL,
  "RIDER_EMAIL" text NOT NULL
);
INSERT INTO "TRIPS_1"."CITY_TRIPS"
SELECT trip, TIMESTAMP '2024-05-06 06:30:00' + trip * INTERVAL '47 minutes',
  (ARRAY['Central Station', 'Harbour', 'University', 'Old Town'])[1 + trip % 4],
  (ARRAY['Museum', 'Central Station', 'Stadium'])[1 + trip % 3],
  (12 + trip * 7 % 61) / 10.0,
  6 + trip * 5 % 38,
  trip % 3 <> 0,
  'rider' || trip || '@example.com'
FROM generate_series(1, 48) AS trip
ON CONFLICT DO NOTHING;
CREATE OR REPLACE VIEW "TRIPS_1"."CITY_TRIPS_VIEW" AS
SELECT "TRIP_ID", "STARTED_AT", "START_STATION", "END_STATION", "DISTANCE_KM", "DURATION_MINUTES", "SUBSCRIBER"
FROM "TRIPS_1"."CITY_TRIPS"
ORDER BY "TRIP_ID";
COMMENT ON VIEW "TRIPS_1"."CITY_TRIPS_VIEW" IS 'Rides of the city bikes, without who took them';
`;

const SAMPLES: ReadonlyMap<string, string> = new Map([
  ["HEALTHCARE", HEALTHCARE],
  ["MOBILITY", MOBILITY],
]);

/** The names of the databases that hold sample data. */
export const SAMPLE_DATABASES: readonly string[] = [...SAMPLES.keys()];

/** Held while a database is filled, so that several processes may do so at once. */
const FILLING_LOCK = 1_886_351_989;

/**
 * Makes the sample databases and fills them; what is there already stays as it is.
 * @param postgres the server to make them on
 */
export async function createSampleData(postgres: {
  createDatabase(name: string): Promise<void>;
  url(database: string): string;
}): Promise<void> {
  await Promise.all(
    [...SAMPLES].map(async ([name, sql]) => {
      await postgres.createDatabase(name);
      await installSnowflakeDatabase(postgres.url(name), sql);
    }),
  );
}

/**
 * Turns a PostgreSQL database into one that the Snowflake stand-in serves.
 * @param databaseUrl its connection string
 * @param sql what to make in it, in PostgreSQL's SQL; must be repeatable
 */
export async function installSnowflakeDatabase(databaseUrl: string, sql = ""): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [FILLING_LOCK]);
    // "already exists, skipping" is what repeatable means, and no news.
    await client.query("SET LOCAL client_min_messages = warning");
    await client.query(`${INFORMATION_SCHEMA_SQL}\n${sql}`);
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}
