/** The only composition root: makes everything that has a life of its own, and ends it again. */
import type { Config } from "./config.ts";
import { type Directory, openDirectory } from "./directory/directory.ts";
import { OPERATION_DEADLINES_MS } from "./domain/operation.ts";
import { createHasuraClient } from "./hasura/client.ts";
import { type Db, openDb } from "./inventory/db.ts";
import { recordHasura } from "./inventory/hasuras.ts";
import { openLocks } from "./inventory/locks.ts";
import { migrate } from "./inventory/migrate.ts";
import { type Logger, redactText } from "./observability/logger.ts";
import type { OperationsContext } from "./operations/context.ts";
import { listenForEnds } from "./operations/wait.ts";
import { createRoleMapper } from "./role-mapper/client.ts";
import { startSources } from "./sources/sources.ts";

export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly operations: OperationsContext;
  /** For the webhook alone: no busy pool may keep a data request waiting. */
  readonly accessDb: Db;
  /** null: nobody is asked about groups. */
  readonly directory: Directory | null;
  stop(): Promise<void>;
}

const ACCESS_CONNECTIONS = 3;

/**
 * Brings the inventory up to this version and opens what the configuration names.
 * @throws what the database throws when it cannot be reached
 */
export async function createContext(config: Config, log: Logger): Promise<Context> {
  const applied = await migrate(config.databaseUrl);
  if (applied.length > 0) log.info({ migrations: applied }, "the inventory was migrated");
  const db = openDb(config.databaseUrl);
  const accessDb = openDb(config.databaseUrl, { poolSize: ACCESS_CONNECTIONS });
  await recordHasura(db, { id: config.hasura.id, url: config.hasura.url });
  const directory = config.directory === null ? null : await openDirectory(config.directory);
  const inspector = startSources(config.sources);
  const locks = openLocks(config.databaseUrl, "portcullis-locks");
  const ended = listenForEnds(config.databaseUrl, db, log);
  const redact = (text: string): string => redactText(text, config.secrets);
  const operations: OperationsContext = {
    db,
    log,
    databaseUrl: config.databaseUrl,
    locks,
    hasura: createHasuraClient({ ...config.hasura, redact }),
    hasuraId: config.hasura.id,
    hasuraWrites: config.hasura.writes,
    hasuraReplace: config.hasura.replace,
    commitMaxMs: config.hasura.commitMaxMs,
    reconcileMode: config.reconcile.mode,
    inspector,
    sourceSettings: config.sources,
    directory: config.access.groupMatch === "bound" ? directory : null,
    roleMapper: config.mirror === null ? null : createRoleMapper({ ...config.mirror, redact }),
    aggregates: config.aggregates,
    publicUrl: config.publicUrl,
    deadlineMs: (kind) => config.operationDeadlineMs ?? OPERATION_DEADLINES_MS[kind],
    multiPort: {
      ...config.multiPort,
      // Where uses are not counted, nothing is known to be unused.
      unusedDays: config.access.usage === "off" ? null : config.multiPort.unusedDays,
    },
    retentionDays: config.operationRetentionDays,
    ended,
  };
  return {
    config,
    log,
    operations,
    accessDb,
    directory,
    async stop() {
      await Promise.all([inspector.stop(), ended.stop(), locks.stop()]);
      await Promise.all([db.$disconnect(), accessDb.$disconnect()]);
    },
  };
}
