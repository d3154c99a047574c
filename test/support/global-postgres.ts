/**
 * One real PostgreSQL for every test file of a run, in a fresh temporary folder. The vitest projects
 * share it: each of them runs this set-up in the same process.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { createLogger } from "../../src/observability/logger.ts";
import { type EmbeddedPostgres, startPostgres } from "../../src/sandbox/postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Connection string of the test server's database `postgres`. */
    postgresUrl: string;
  }
}

interface Shared {
  users: number;
  server: Promise<EmbeddedPostgres>;
  folder: string;
}

const log = createLogger({ level: "error" });
const PREFIX = "portcullis-test-";
/** Each project loads this module anew, so what they share hangs on the process. */
const held = globalThis as { portcullisTestPostgres?: Shared | undefined };

export async function setup(project: TestProject): Promise<void> {
  held.portcullisTestPostgres ??= start();
  held.portcullisTestPostgres.users += 1;
  project.provide("postgresUrl", (await held.portcullisTestPostgres.server).url("postgres"));
}

export async function teardown(): Promise<void> {
  const shared = held.portcullisTestPostgres;
  if (!shared) return;
  shared.users -= 1;
  if (shared.users > 0) return;
  held.portcullisTestPostgres = undefined;
  await (await shared.server).stop();
  await rm(shared.folder, { recursive: true, force: true });
}

function start(): Shared {
  const folder = join(tmpdir(), `${PREFIX}${process.pid}-${Date.now()}`);
  const server = sweep().then(async () => {
    await mkdir(folder, { recursive: true });
    return await startPostgres({ dataDir: folder, log, durable: false });
  });
  return { users: 0, server, folder };
}

/** Stops and removes what an earlier run that was killed has left behind. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-\\d+$`).exec(name)?.[1]);
    if (!Number.isInteger(pid) || isAlive(pid)) continue;
    const dataDir = join(tmpdir(), name);
    try {
      const left = await startPostgres({ dataDir, log, durable: false });
      await left.stop();
    } catch {
      // Nothing runs there, or it cannot be started any more: the folder goes all the same.
    }
    await rm(dataDir, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
