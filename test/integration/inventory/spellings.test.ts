import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Db, openDb } from "../../../src/inventory/db.ts";
import { migrate } from "../../../src/inventory/migrate.ts";
import { noteSpellings } from "../../../src/inventory/mirror.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createDatabase();
  await migrate(database.url);
  db = openDb(database.url, { poolSize: 5 });
});
afterAll(async () => {
  await db?.$disconnect();
  await database?.drop();
});

const note = (...spellings: { subject: string; spelling: string }[]) =>
  db.$transaction((tx) => noteSpellings(tx, spellings));
const known = async () =>
  (await db.subjectSpelling.findMany({ orderBy: { subject: "asc" } })).map(
    ({ spelling }) => spelling,
  );

describe("how access lists spell their subjects", () => {
  it("is what the last of them said; what is canonical from the start is not kept", async () => {
    const [ann, bob] = ["user:ann", "user:bob"];
    await note({ subject: ann, spelling: "user:Ann" }, { subject: bob, spelling: bob });
    expect(await known()).toEqual(["user:Ann"]);
    await note({ subject: ann, spelling: "user:ANN" }, { subject: ann, spelling: "user:ANn" });
    expect(await known()).toEqual(["user:ANN"]);
    await note({ subject: ann, spelling: ann });
    expect(await known()).toEqual([ann]);
    await db.subjectSpelling.deleteMany();
  });

  it("is noted by lists that come at once, and none of them fails for another's sake", async () => {
    const subjects = Array.from({ length: 300 }, (_, index) => `user:u${index}`);
    const capital = (subject: string) => subject.replace(":u", ":U");
    const list = (odd: number) =>
      subjects.map((subject, index) => ({
        subject,
        spelling: index % 2 === odd ? subject : capital(subject),
      }));
    for (let round = 0; round < 15; round += 1)
      await Promise.all([note(...list(0)), note(...list(1).reverse()), note(...list(0).reverse())]);
    expect(await db.subjectSpelling.count()).toBeGreaterThan(0);
  });
});
