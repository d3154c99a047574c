/**
 * A Hasura stand-in that holds somebody else's tables, with an inventory and Snowflake views of its own, on the
 * world's PostgreSQL; and what provisions many ports there at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import { SANDBOX_PARTS } from "../../src/settings.ts";
import type { Closing } from "./bench.ts";
import { type Describe, provisioningBody, viewsSql } from "./descriptors.ts";
import { type Connections, openConnections } from "./load.ts";
import { type Measured, startService } from "./processes.ts";
import type { World } from "./world.ts";

/** Where the views of the ports are. */
export const DATABASE = "BENCH_COMMIT";
export const SCHEMA = "VACCINATIONS_0";
/** Ports of one data product share a source in Hasura; this many is a usual data product. */
export const PORTS_A_PRODUCT = 4;

export interface Stage {
  readonly sandbox: Sandbox;
  /** Starts the service there. */
  start(settings: Readonly<Record<string, string>>): Promise<Measured>;
  stats(): Promise<HasuraStats>;
  /** Runs a command of Hasura's metadata API. @throws Error unless it is answered with one of these statuses */
  hasura(command: unknown, statuses?: readonly number[]): Promise<void>;
  /** How many operations there are that have not ended, and that have failed. */
  operations(): Promise<{ running: number; failed: number; completed: number }>;
  stop(): Promise<void>;
}

export interface HasuraStats {
  readonly writes: number;
  readonly rebuilds: number;
  readonly introspections: number;
}

export interface StageOptions {
  /** Tells the stages of a run apart. */
  readonly name: string;
  readonly costs: NonNullable<SandboxOptions["hasuraCosts"]>;
  /** Tables that somebody else tracks there. */
  readonly tables: number;
  /** Views that there are for ports. */
  readonly views: number;
}

export async function startStage(
  world: World,
  closing: Closing,
  options: StageOptions,
): Promise<Stage> {
  const inventory = `commit_${options.name}`;
  const sandbox = await startSandbox({
    parts: SANDBOX_PARTS,
    dataDir: world.folder,
    port: 0,
    log: createLogger({ level: "error" }),
    postgres: world.postgres,
    databases: { inventory, hasura: `${inventory}_hasura` },
    hasuraCosts: options.costs,
  });
  const db = new Client({ connectionString: world.postgres.url(inventory) });
  const services: Measured[] = [];
  const stop = async (): Promise<void> => {
    for (const service of services) await service.stop();
    await db.end();
    await sandbox.stop();
  };
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => {
    stopped ??= stop();
    return stopped;
  };
  closing(stopOnce);
  const views = Array.from({ length: options.views }, (_, port) => viewOf(port));
  await sandbox.addSnowflakeDatabase(DATABASE, viewsSql(views));
  await db.connect();
  const stage: Stage = {
    sandbox,
    async start(settings) {
      const environment = { ...sandboxEnvironment(sandbox), RECONCILE_CRON: "off", ...settings };
      const service = await startService(environment, world.profileDir);
      services.push(service);
      return service;
    },
    stats: async () =>
      JSON.parse((await alone(({ get }) => get(`${sandbox.url}/sandbox/stats`))).text),
    async hasura(command, statuses = [200]) {
      const secret = { "x-hasura-admin-secret": sandbox.hasuraAdminSecret ?? "" };
      const url = `${sandbox.url}/v1/metadata`;
      const body = JSON.stringify(command);
      const { status, text } = await alone(({ post }) => post(url, body, secret));
      if (!statuses.includes(status)) throw new Error(`Hasura answered ${status}: ${text}`);
    },
    async operations() {
      const { rows } = await db.query<{ running: number; failed: number; completed: number }>(
        `SELECT count(*) FILTER (WHERE status = 'RUNNING')::int AS running,
           count(*) FILTER (WHERE status = 'FAILED')::int AS failed,
           count(*) FILTER (WHERE status = 'COMPLETED')::int AS completed FROM operation`,
      );
      return rows[0] ?? { running: 0, failed: 0, completed: 0 };
    },
    stop: stopOnce,
  };
  if (options.tables > 0) await loadOthers(stage, options.tables);
  return stage;
}

/** On a connection of its own: one that has idled may be closed by the time it is used. */
async function alone<Result>(use: (connections: Connections) => Promise<Result>): Promise<Result> {
  const connections = openConnections(1);
  return use(connections).finally(connections.close);
}

const TABLES_A_SOURCE = 100;
const TABLES_A_ROLE = 10;

/** Tables of somebody else, a hundred a source, ten a role; all in one `replace_metadata`. */
async function loadOthers(stage: Stage, tables: number): Promise<void> {
  const names = Array.from({ length: TABLES_A_SOURCE }, (_, n) => `OTHERS_${n}`);
  const sql = names.map((name) => `CREATE OR REPLACE VIEW "S"."${name}" AS SELECT 1 AS "A";`);
  await stage.sandbox.addSnowflakeDatabase(
    "BENCH_OTHERS",
    `CREATE SCHEMA IF NOT EXISTS "S"; ${sql.join("\n")}`,
  );
  const table = (source: number, n: number) => ({
    table: ["BENCH_OTHERS", "S", `OTHERS_${n}`],
    configuration: { custom_name: `others_${source}_${n}` },
    select_permissions: [
      {
        role: `others_${Math.floor((source * TABLES_A_SOURCE + n) / TABLES_A_ROLE)}`,
        permission: { columns: "*", filter: {} },
      },
    ],
  });
  const sources = Array.from({ length: Math.ceil(tables / TABLES_A_SOURCE) }, (_, source) => ({
    name: `others_${source}`,
    kind: "snowflake",
    tables: Array.from(
      { length: Math.min(TABLES_A_SOURCE, tables - source * TABLES_A_SOURCE) },
      (_, n) => table(source, n),
    ),
    configuration: sourceConfiguration(stage, "BENCH_OTHERS"),
  }));
  await stage.hasura({ type: "replace_metadata", args: { version: 3, sources } });
}

/** A connection of Hasura's to a database of the Snowflake stand-in. */
export function sourceConfiguration({ sandbox }: Stage, database: string) {
  const { host } = new URL(sandbox.url);
  const query = new URLSearchParams({
    user: sandbox.snowflakeUser ?? "",
    password: sandbox.snowflakePassword ?? "",
    db: database,
  });
  const jdbc_url = `jdbc:snowflake://${host}/?${query}`;
  return { value: { jdbc_url, fully_qualify_all_names: true }, template: null, timeout: null };
}

export function viewOf(port: number): string {
  return `VIEW_${port}`;
}

/** The data product that a port belongs to. */
export function productOf(port: number): string {
  return `commit${Math.floor(port / PORTS_A_PRODUCT)}`;
}

/** What Witboost would post for the ports, made beforehand. */
export function bodiesOf(describe: Describe, first: number, ports: number): string[] {
  return Array.from({ length: ports }, (_, n) => {
    const port = first + n;
    const descriptor = describe({
      product: productOf(port),
      port,
      database: DATABASE,
      view: viewOf(port),
    });
    return provisioningBody(descriptor);
  });
}

/** Posts all of them at once, each on a connection of its own. @throws Error unless each is done or accepted */
export async function postAll({ url }: Measured, bodies: readonly string[]): Promise<void> {
  const connections = openConnections(bodies.length);
  const post = async (body: string): Promise<void> => {
    const { status, text } = await connections.post(`${url}/v1/provision`, body);
    if (status !== 202 && !(status === 200 && text.includes('"status":"COMPLETED"')))
      throw new Error(`provisioning was answered with ${status}: ${text}`);
  };
  await Promise.all(bodies.map(post)).finally(connections.close);
}

/** Waits until no operation runs. @throws Error when one has failed */
export async function untilEnded(stage: Stage): Promise<void> {
  const began = performance.now();
  for (;;) {
    const { running, failed } = await stage.operations();
    if (failed > 0) throw new Error(`${failed} operation(s) failed`);
    if (running === 0) return;
    // Seldom enough not to count, often enough to tell the end.
    await sleep(Math.min(1_000, Math.max(5, (performance.now() - began) / 200)));
  }
}
