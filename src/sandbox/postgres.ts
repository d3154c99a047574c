/**
 * A real PostgreSQL on a folder of ours: initialised once, started on loopback, and taken over when an
 * earlier process was killed and left it running.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chown, lstat, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { platform } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client, escapeIdentifier } from "pg";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import {
  locateBinaries,
  ownTemporaryFolder,
  postgresUser,
  type RunAs,
  reaches,
} from "./postgres-binaries.ts";
import {
  isAlive,
  isPostmasterOf,
  type Postmaster,
  readPostmaster,
  signal,
  stopPostmaster,
} from "./postgres-process.ts";

export interface EmbeddedPostgres {
  /** The connection string of one of its databases; it holds the password. */
  url(database: string): string;
  readonly port: number;
  /** Makes the database unless it is there. */
  createDatabase(name: string): Promise<void>;
  /** Stops the server; the data stay. Repeated calls do nothing. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** The server's own folder; made when absent. */
  readonly dataDir: string;
  /** TCP port on 127.0.0.1; absent or 0 picks a free one. */
  readonly port?: number | undefined;
  readonly log: Logger;
  /** `false` gives up crash safety for speed: for tests only. */
  readonly durable?: boolean | undefined;
}

const USER = "postgres";
const PASSWORD_FILE = "portcullis.password";
/** Held on a connection for as long as a process uses the server; PostgreSQL frees it when that process dies. */
const IN_USE_LOCK = 1_886_351_988;
const START_TIMEOUT_MS = 30_000;

interface Cluster {
  readonly folder: string;
  readonly logFile: string;
  readonly password: string;
  readonly bin: string;
  readonly user: RunAs | undefined;
}

/**
 * Starts PostgreSQL on `dataDir`, or takes over the one that an earlier, dead process left running there.
 * @throws AppError CONFIGURATION when it is not installed, cannot run here, or is in use by a live process
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  const durable = options.durable ?? true;
  const user = await postgresUser();
  const bin = await locateBinaries(user, log);
  const home = await usableFolder(resolve(options.dataDir), user, log);
  const folder = join(home, "cluster");
  await initialise({ folder, bin, user, durable, log });
  const password = (await readFile(join(folder, PASSWORD_FILE), "utf8")).trim();
  const cluster: Cluster = { folder, logFile: join(home, "server.log"), password, bin, user };

  const postmaster =
    (await takeOver(cluster, options.port ?? 0, log)) ??
    (await launch(cluster, options.port ?? 0, durable));
  const claim = await claimServer(cluster, postmaster.port, log);
  const stopOnExit = (): void => signal(postmaster.pid, "SIGINT");
  process.once("exit", stopOnExit);

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    process.removeListener("exit", stopOnExit);
    await claim.end().catch(() => undefined);
    await stopPostmaster(postmaster.pid);
  };
  return {
    port: postmaster.port,
    url: (database) => connectionUrl(cluster.password, postmaster.port, database),
    createDatabase: (name) =>
      createDatabase(connectionUrl(cluster.password, postmaster.port, "postgres"), name),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function connectionUrl(password: string, port: number, database: string): string {
  return `postgresql://${USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

/** The folder asked for or, where the OS user that runs PostgreSQL cannot reach it, one under the temporary folder. */
async function usableFolder(wanted: string, user: RunAs | undefined, log: Logger): Promise<string> {
  if (await reaches(wanted, user)) {
    try {
      await mkdir(wanted, { recursive: true });
    } catch (cause) {
      throw noFolder(wanted, cause);
    }
    return wanted;
  }
  const key = createHash("sha256").update(wanted).digest("hex").slice(0, 12);
  const instead = await ownTemporaryFolder(key);
  log.warn(
    { wanted, instead },
    "The OS user `postgres` cannot reach the data folder: PostgreSQL keeps its data in a temporary folder instead. Set DATA_DIR to a folder it can reach to keep the data for good.",
  );
  return instead;
}

interface Initialisation {
  readonly folder: string;
  readonly bin: string;
  readonly user: RunAs | undefined;
  readonly durable: boolean;
  readonly log: Logger;
}

/** Makes the cluster beside its place and moves it in when it is complete, so that a half-made one is never used. */
async function initialise({ folder, bin, user, durable, log }: Initialisation): Promise<void> {
  if (await exists(folder)) return;
  log.info({ folder }, "PostgreSQL's data folder is made");
  const suffix = randomBytes(6).toString("hex");
  const partial = `${folder}.${suffix}`;
  const password = randomBytes(24).toString("hex");
  const passwordFile = `${folder}.${suffix}.password`;
  try {
    await mkdir(partial, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (user) {
      await chown(partial, user.uid, user.gid);
      await chown(passwordFile, user.uid, user.gid);
    }
    await promisify(execFile)(
      join(bin, "initdb"),
      [
        `--pgdata=${partial}`,
        `--username=${USER}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        ...(durable ? [] : ["--no-sync"]),
      ],
      { cwd: "/", ...childIdentity(user) },
    );
    await writeFile(join(partial, PASSWORD_FILE), `${password}\n`, { mode: 0o600 });
    await rename(partial, folder);
  } catch (cause) {
    // Another process may have been quicker.
    if (await exists(folder)) return;
    throw noFolder(folder, cause);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(partial, { recursive: true, force: true });
  }
}

function noFolder(folder: string, cause: unknown): AppError {
  return new AppError(
    "CONFIGURATION",
    `PostgreSQL's data folder ${folder} could not be made: ${reason(cause)}. Set DATA_DIR to a folder that can be written to, or DATABASE_URL to use another PostgreSQL.`,
    { cause },
  );
}

/** User and environment of PostgreSQL's programs: a clean one, since `PG…` variables of ours would change what they do. */
function childIdentity(user: RunAs | undefined): {
  uid?: number;
  gid?: number;
  env?: Record<string, string>;
} {
  const env = platform() === "win32" ? {} : { env: { LC_ALL: "C", PATH: "/usr/bin:/bin" } };
  return user ? { uid: user.uid, gid: user.gid, ...env } : env;
}

/** The server that already runs on the folder, once it answers; one that does not answer is stopped. */
async function takeOver(
  cluster: Cluster,
  port: number,
  log: Logger,
): Promise<Postmaster | undefined> {
  const found = await readPostmaster(cluster.folder);
  if (!found) return undefined;
  if (!(await isPostmasterOf(found.pid, cluster.folder))) {
    // PostgreSQL would refuse to start if the number now belongs to another process of its user.
    await rm(join(cluster.folder, "postmaster.pid"), { force: true });
    return undefined;
  }
  const suits = port === 0 || port === found.port;
  if (await answers(cluster.password, found.port, () => isAlive(found.pid), 5000)) {
    await refuseIfInUse(cluster, found.port);
    if (suits) {
      log.info(found, "A PostgreSQL that an earlier process left running is taken over");
      return found;
    }
  }
  log.info(found, "A PostgreSQL that an earlier process left running is stopped");
  await stopPostmaster(found.pid);
  return undefined;
}

async function launch(cluster: Cluster, port: number, durable: boolean): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const chosen = port === 0 ? await freePort() : port;
    const child = await spawnPostmaster(cluster, chosen, durable);
    const { pid } = child;
    const running = (): Promise<boolean> =>
      Promise.resolve(child.exitCode === null && pid !== undefined);
    if (pid !== undefined && (await answers(cluster.password, chosen, running, START_TIMEOUT_MS)))
      return { pid, port: chosen };
    child.kill("SIGINT");
    const tail = (await readFile(cluster.logFile, "utf8").catch(() => ""))
      .trim()
      .split("\n")
      .slice(-4);
    const text = tail.join(" | ");
    // Between the choice of a free port and its use, somebody else may take it; and what a killed server
    // leaves behind takes a moment to end.
    const passing =
      (port === 0 && text.includes("could not bind")) || text.includes("shared memory block");
    if (passing && attempt < 10) {
      await delay(100 * attempt);
      continue;
    }
    throw new AppError("CONFIGURATION", `PostgreSQL did not start on ${cluster.folder}: ${text}`);
  }
}

async function spawnPostmaster(
  cluster: Cluster,
  port: number,
  durable: boolean,
): Promise<ChildProcess> {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    timezone: "UTC",
    log_timezone: "UTC",
    log_min_messages: "warning",
    wal_level: "minimal",
    max_wal_senders: "0",
    jit: "off",
    // The server outlives this process, so a commit not yet on disk survives a kill of ours all the same.
    synchronous_commit: "off",
    ...(durable ? {} : { fsync: "off", full_page_writes: "off" }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const output = await open(cluster.logFile, "w", 0o600);
  try {
    const child = spawn(
      join(cluster.bin, "postgres"),
      ["-D", cluster.folder, "-p", String(port), ...flags],
      {
        cwd: "/",
        // A session of its own: Ctrl-C in a terminal is for us to handle, and PostgreSQL stops after us.
        detached: true,
        stdio: ["ignore", output.fd, output.fd],
        ...childIdentity(cluster.user),
      },
    );
    child.on("error", () => undefined);
    child.unref();
    return child;
  } finally {
    await output.close();
  }
}

async function freePort(): Promise<number> {
  return await new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** Waits until the server answers a query, for as long as it runs and at most `timeoutMs`. */
async function answers(
  password: string,
  port: number,
  running: () => Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline && (await running())) {
    const client = new Client({
      connectionString: connectionUrl(password, port, "postgres"),
      connectionTimeoutMillis: 2000,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch {
      await delay(30);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  return false;
}

async function refuseIfInUse(cluster: Cluster, port: number): Promise<void> {
  const claim = await tryToClaim(cluster, port);
  await claim.end();
}

/** Marks the server as in use by this process, until the connection is closed. */
async function claimServer(cluster: Cluster, port: number, log: Logger): Promise<Client> {
  const claim = await tryToClaim(cluster, port);
  claim.on("error", (err) => log.warn({ err }, "The embedded PostgreSQL closed its connection"));
  return claim;
}

async function tryToClaim(cluster: Cluster, port: number): Promise<Client> {
  const client = new Client({
    connectionString: connectionUrl(cluster.password, port, "postgres"),
  });
  client.on("error", () => undefined);
  await client.connect();
  // A process that has just been killed needs a moment until PostgreSQL sees its connection gone.
  const deadline = performance.now() + 1000;
  while (performance.now() < deadline) {
    const { rows } = await client.query<{ got: boolean }>(
      "SELECT pg_try_advisory_lock($1) AS got",
      [IN_USE_LOCK],
    );
    if (rows[0]?.got === true) return client;
    await delay(50);
  }
  await client.end();
  throw new AppError(
    "CONFIGURATION",
    `The embedded PostgreSQL on ${cluster.folder} is in use by another process. Stop that process, or set DATA_DIR to another folder.`,
  );
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    for (let attempt = 1; ; attempt += 1) {
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [
        name,
      ]);
      if (rowCount) return;
      try {
        await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
        return;
      } catch (error) {
        // Two at once: one of them finds the template in use or the name taken, and looks again.
        if (attempt === 20) throw error;
        await delay(50);
      }
    }
  } finally {
    await client.end();
  }
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").slice(-3).join(" | ");
}
