/** The whole service behind its own front door: every face of one process, on a sandbox of the file's own. */
import { type App, startApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/config.ts";
import { type Db, openDb } from "../../../src/inventory/db.ts";
import { createLogger, type Logger } from "../../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../../src/sandbox/environment.ts";
import { startTestSandbox, type TestSandbox } from "../../support/sandbox.ts";
import { type Reply, reply } from "./rest-face.ts";

export interface FrontDoor {
  readonly url: string;
  readonly sandbox: TestSandbox;
  /** The inventory, to look at. */
  readonly db: Db;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>;
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  send(path: string, init: RequestInit): Promise<Reply>;
  /** What must not change when a request is refused. */
  traces(): Promise<Traces>;
  stop(): Promise<void>;
}

export interface Traces {
  /** Writes to Hasura. */
  readonly writes: number;
  readonly ports: number;
  readonly revisions: number;
  readonly names: number;
  /** All but validations. */
  readonly operations: number;
  readonly grants: number;
}

export async function startFrontDoor(
  settings: Record<string, string> = {},
  log: Logger = createLogger({ level: "silent" }),
): Promise<FrontDoor> {
  const sandbox = await startTestSandbox();
  const config = readConfig({ ...sandboxEnvironment(sandbox), PORT: "0", ...settings });
  const app: App = await startApp(config, log);
  const db = openDb(sandbox.databaseUrl, { poolSize: 2 });
  const url = app.urls.rest ?? "";
  const send = (path: string, init: RequestInit): Promise<Reply> =>
    reply(fetch(`${url}${path}`, init));
  return {
    url,
    sandbox,
    db,
    send,
    post: (path, body, headers) =>
      send(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    get: (path, headers) => send(path, { headers: headers ?? {} }),
    async traces() {
      const [stats, rows] = await Promise.all([
        fetch(`${sandbox.url}/sandbox/stats`),
        db.$queryRaw<Omit<Traces, "writes">[]>`
          SELECT (SELECT count(*)::int FROM output_port) AS ports,
            (SELECT count(*)::int FROM revision) AS revisions,
            (SELECT count(*)::int FROM owned_name) AS names,
            (SELECT count(*)::int FROM operation WHERE kind <> 'VALIDATE') AS operations,
            (SELECT count(*)::int FROM "grant" WHERE ended_at IS NULL) AS grants`,
      ]);
      const { writes } = (await stats.json()) as { writes: number };
      return { writes, ...(rows[0] as Omit<Traces, "writes">) };
    },
    async stop() {
      await app.stop();
      await db.$disconnect();
      await sandbox.stop();
    },
  };
}
