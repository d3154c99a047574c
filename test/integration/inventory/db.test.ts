import { afterAll, beforeAll, expect, it } from "vitest";
import { type Db, openDb, storableJson } from "../../../src/inventory/db.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createDatabase();
  db = openDb(database.url, { poolSize: 1 });
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

it("prepares what is asked again on a connection, and nothing that is asked once or is long", async () => {
  await db.$queryRawUnsafe("SELECT 1 AS once");
  const long = `SELECT 2 AS long -- ${"x".repeat(4_000)}`;
  for (let time = 1; time <= 3; time += 1) {
    await db.$queryRawUnsafe("SELECT $1::int AS again", time);
    await db.$queryRawUnsafe(long);
  }
  const prepared = await db.$queryRaw<{ statement: string }[]>`
    SELECT statement FROM pg_prepared_statements ORDER BY statement`;
  expect(prepared.map(({ statement }) => statement)).toEqual(["SELECT $1::int AS again"]);
});

it("keeps JSON of any text; what PostgreSQL cannot hold of it is replaced", async () => {
  const told = { problems: [{ message: "ends in \ud83d, has \0 and 😀" }], none: null };
  const [row] = await db.$queryRaw<{ kept: unknown }[]>`
    SELECT ${storableJson(told)}::jsonb AS kept`;
  expect(row?.kept).toEqual({
    problems: [{ message: "ends in \ufffd, has \ufffd and 😀" }],
    none: null,
  });
});
