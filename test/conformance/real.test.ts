/**
 * The conformance cases against a real Hasura v2: whoever has one can tell how faithful the stand-in is.
 *
 * HASURA_URL, HASURA_ADMIN_SECRET   the Hasura
 * PG_URL                            an empty PostgreSQL database: its schemas `public` and `hasura` are emptied
 * PG_URL_2                          another one
 * HASURA_PG_URL, HASURA_PG_URL_2    the same two as Hasura reaches them, if that differs
 * CONFORMANCE_OVERWRITE=true        run although the Hasura has sources: its metadata are replaced for the
 *                                   time of the run and put back afterwards
 *
 * With HASURA_GRAPHQL_PG_SOURCE_URL_1 and _2 set in Hasura's own environment, set CONFORMANCE_ENVIRONMENT=true too.
 */
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Database, Feature, Target } from "./case.ts";
import { runConformance } from "./run.ts";

const {
  HASURA_URL: url = "",
  HASURA_ADMIN_SECRET: adminSecret = "",
  PG_URL: one = "",
  PG_URL_2: two = "",
  HASURA_PG_URL: hasuraOne = one,
  HASURA_PG_URL_2: hasuraTwo = two,
  CONFORMANCE_OVERWRITE: overwrite,
  CONFORMANCE_ENVIRONMENT: environment,
} = process.env;

const missing = Object.entries({
  HASURA_URL: url,
  HASURA_ADMIN_SECRET: adminSecret,
  PG_URL: one,
  PG_URL_2: two,
}).flatMap(([name, value]) => (value === "" ? [name] : []));

const features: ReadonlySet<Feature> = new Set(
  environment === "true" ? (["environment"] as const) : [],
);

interface Command {
  readonly type: string;
  readonly args: unknown;
}

async function command<T>(body: Command): Promise<T> {
  const response = await fetch(new URL("/v1/metadata", url), {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Hasura-Admin-Secret": adminSecret },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${body.type}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function run(connectionString: string, text: string): Promise<void> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

if (missing.length > 0) {
  const note = `is not run: set ${missing.join(", ")} (see test/conformance/real.test.ts)`;
  process.stderr.write(`Conformance with a real Hasura ${note}.\n`);
  describe("conformance with a real Hasura", () => {
    it.skip(note);
  });
} else {
  const databases: Partial<Record<Database, string>> = { one, two };
  const target: Target = {
    url: url.replace(/\/$/, ""),
    adminSecret,
    databases: { one: hasuraOne, two: hasuraTwo },
    features,
    sql: (database, text) => run(databases[database] ?? "", text),
    setHook: () => {
      throw new Error("the hook of a real Hasura is set in its environment");
    },
    lastHookCall: () => undefined,
  };
  let before: { readonly sources: readonly unknown[] };

  beforeAll(async () => {
    before = await command({ type: "export_metadata", args: {} });
    if (before.sources.length > 0 && overwrite !== "true")
      throw new Error(
        `The Hasura at ${url} has sources, and the suite replaces its metadata. Use an empty one, or set CONFORMANCE_OVERWRITE=true: the metadata are put back at the end.`,
      );
  });

  afterAll(async () => {
    if (before.sources.length === 0 || overwrite === "true")
      await command({
        type: "replace_metadata",
        args: { allow_inconsistent_metadata: true, metadata: before },
      });
  });

  runConformance(() => target, features);
}
