/** The sandbox of a test file, on the run's shared PostgreSQL. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Logger } from "../../src/observability/logger.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/sandbox.ts";
import type { SandboxPart } from "../../src/settings.ts";
import { createDatabase, databaseUrl, ensureDatabase, type TestDatabase } from "./postgres.ts";

export interface TestSandboxOptions {
  /** Absent: all of them. */
  readonly parts?: readonly SandboxPart[];
  readonly hasuraCosts?: SandboxOptions["hasuraCosts"];
  readonly hasura?: SandboxOptions["hasura"];
  readonly log?: Logger;
}

/** Every part's address, whichever parts were asked for. */
export type TestSandbox = Required<Sandbox>;

const ALL_PARTS: readonly SandboxPart[] = ["postgres", "hasura", "snowflake", "tokens"];

/**
 * Starts a sandbox with an inventory database and a Hasura state of its own; the Snowflake databases with the
 * sample data are shared by all, so only read them, and make others with `addSnowflakeDatabase`.
 * @returns the sandbox; its `stop` also removes its databases and its folder
 */
export async function startTestSandbox(options: TestSandboxOptions = {}): Promise<TestSandbox> {
  const [inventory, hasura, dataDir] = await Promise.all([
    createDatabase(),
    createDatabase(),
    mkdtemp(join(tmpdir(), "portcullis-sandbox-")),
  ]);
  const added: TestDatabase[] = [inventory, hasura];
  const sandbox = await startSandbox({
    parts: options.parts ?? ALL_PARTS,
    dataDir,
    port: 0,
    log: options.log ?? createLogger({ level: "silent" }),
    hasuraCosts: options.hasuraCosts,
    ...(options.hasura === undefined ? {} : { hasura: options.hasura }),
    postgres: { url: databaseUrl, createDatabase: ensureDatabase },
    databases: { inventory: inventory.name, hasura: hasura.name },
  });
  const stop = async (): Promise<void> => {
    await sandbox.stop();
    await Promise.all(added.map((database) => database.drop()));
    await rm(dataDir, { recursive: true, force: true });
  };
  return { ...sandbox, stop } as TestSandbox;
}
