/** What the service needs around it: the sandbox, in the process of the bench, so that it is not measured with it. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { type EmbeddedPostgres, startPostgres } from "../../src/sandbox/postgres.ts";
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts";
import { SANDBOX_PARTS } from "../../src/settings.ts";
import type { Closing } from "./bench.ts";
import { progress } from "./harness.ts";
import { type Measured, startService } from "./processes.ts";

export interface World {
  readonly sandbox: Sandbox;
  readonly service: Measured;
  readonly databaseUrl: string;
  /** A folder for the bench's own files. */
  readonly folder: string;
  /** The server that everything is on. */
  readonly postgres: EmbeddedPostgres;
  /** Where services write a CPU profile when they end, if they do. */
  readonly profileDir: string | undefined;
}

/**
 * Starts a real PostgreSQL, the stand-ins (which cost no time of their own) and the service with all its faces. The
 * benches of one command share it: starting it takes longer than a short bench.
 * @param profileDir where the service writes a CPU profile when it ends
 */
export async function startWorld(closing: Closing, profileDir?: string): Promise<World> {
  progress("PostgreSQL, the stand-ins and the service start");
  const folder = await mkdtemp(join(tmpdir(), "portcullis-bench-"));
  closing(() => rm(folder, { recursive: true, force: true }));
  // PostgreSQL may run as another user, who must reach its folder.
  await chmod(folder, 0o755);
  const log = createLogger({ level: "error" });
  const postgres = await startPostgres({ dataDir: join(folder, "postgres"), log });
  closing(() => postgres.stop());
  const sandbox = await startSandbox({
    parts: SANDBOX_PARTS,
    dataDir: folder,
    port: 0,
    log,
    postgres,
  });
  closing(() => sandbox.stop());
  // The longest there is, so that an operation's end is in the answer and nobody polls for it.
  const settings = { ...sandboxEnvironment(sandbox), OPERATION_WAIT_MS: "15000" };
  const service = await startService(settings, profileDir);
  closing(() => service.stop());
  const databaseUrl = sandbox.databaseUrl ?? "";
  return { sandbox, service, databaseUrl, folder, postgres, profileDir };
}
