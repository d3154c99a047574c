/**
 * The conformance cases against a real Hasura v2: whoever has one can tell how faithful the stand-in is.
 * `compose.yaml` starts what is needed; docs/conformance.md says how.
 *
 * HASURA_URL, HASURA_ADMIN_SECRET   the Hasura
 * PG_URL                            an empty PostgreSQL database: its schemas `public` and `hasura` are emptied
 * PG_URL_2                          another one
 * HASURA_PG_URL, HASURA_PG_URL_2    the same two as Hasura reaches them, if that differs
 * CONFORMANCE_OVERWRITE=true        run although the Hasura has sources: its metadata are replaced for the
 *                                   time of the run and put back afterwards
 * CONFORMANCE_ENVIRONMENT=true      Hasura's own environment has HASURA_GRAPHQL_PG_SOURCE_URL_1 and _2
 * CONFORMANCE_HOOK=HOST:PORT        where this run answers as Hasura's authentication hook: Hasura must have
 *                                   HASURA_GRAPHQL_AUTH_HOOK set to that address, and _MODE to POST
 * HASURA_REPLICA_URL                a second Hasura over the same metadata database, with Apollo federation
 * HASURA_REPLICA_POLL_MS            enabled, and its HASURA_GRAPHQL_SCHEMA_SYNC_POLL_INTERVAL
 */
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Database, Feature, Target } from "./case.ts";
import { type HookServer, startHookServer } from "./hook-server.ts";
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
  CONFORMANCE_HOOK: hookAddress = "",
  HASURA_REPLICA_URL: replicaUrl = "",
  HASURA_REPLICA_POLL_MS: replicaPollMs = "1000",
} = process.env;

const missing = Object.entries({
  HASURA_URL: url,
  HASURA_ADMIN_SECRET: adminSecret,
  PG_URL: one,
  PG_URL_2: two,
}).flatMap(([name, value]) => (value === "" ? [name] : []));

const features: ReadonlySet<Feature> = new Set<Feature>([
  ...(environment === "true" ? (["environment"] as const) : []),
  ...(hookAddress === "" ? [] : (["hook"] as const)),
  ...(replicaUrl === "" ? [] : (["replica"] as const)),
]);

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
  let hook: HookServer | undefined;
  const target: Target = {
    url: url.replace(/\/$/, ""),
    adminSecret,
    databases: { one: hasuraOne, two: hasuraTwo },
    features,
    sql: (database, text) => run(databases[database] ?? "", text),
    setHook: (answer) => hook?.set(answer),
    lastHookCall: () => hook?.last(),
    hookCalls: () => hook?.calls() ?? 0,
    replica: {
      url: replicaUrl.replace(/\/$/, ""),
      // Its next look may have begun just now; a second more for the rebuild.
      polls: () => delay(Number(replicaPollMs) + 1000),
    },
  };
  let before: { readonly sources: readonly unknown[] };

  beforeAll(async () => {
    if (hookAddress !== "") {
      const { hostname, port } = new URL(`http://${hookAddress}`);
      hook = await startHookServer(hostname, Number(port));
    }
    before = await command({ type: "export_metadata", args: {} });
    if (before.sources.length > 0 && overwrite !== "true")
      throw new Error(
        `The Hasura at ${url} has sources, and the suite replaces its metadata. Use an empty one, or set CONFORMANCE_OVERWRITE=true: the metadata are put back at the end.`,
      );
  });

  afterAll(async () => {
    await hook?.stop();
    if (before.sources.length === 0 || overwrite === "true")
      await command({
        type: "replace_metadata",
        args: { allow_inconsistent_metadata: true, metadata: before },
      });
  });

  runConformance(() => target, features);
}
