/** The whole control plane on a sandbox of a test file's own: real PostgreSQL, HTTP, tokens and Snowflake SDK. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readConfig } from "../../src/config.ts";
import { type Context, createContext } from "../../src/context.ts";
import type { Operation } from "../../src/inventory/generated/client.ts";
import { createLogger, type Logger } from "../../src/observability/logger.ts";
import type { OperationsContext } from "../../src/operations/context.ts";
import {
  submitProvision,
  submitUnprovision,
  submitUpdateAcl,
} from "../../src/operations/submit.ts";
import { awaitOperation } from "../../src/operations/wait.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import type { SourceInspector, SourceSettings } from "../../src/sources/kind.ts";
import { startSources } from "../../src/sources/sources.ts";
import { startWorker, type Worker } from "../../src/worker.ts";
import { startTestSandbox, type TestSandbox, type TestSandboxOptions } from "./sandbox.ts";

const ENDS_WITHIN_MS = 25_000;
const ACTOR = "test";

export interface Plane {
  readonly sandbox: TestSandbox;
  readonly ctx: OperationsContext;
  /** Waits for the operation's end. */
  end(token: Promise<string> | string): Promise<Operation>;
  provision(descriptor: string): Promise<Operation>;
  unprovision(descriptor: string): Promise<Operation>;
  updateAcl(descriptor: string, refs: string[]): Promise<Operation>;
  /** What Hasura holds now. */
  metadata(): Promise<{ sources: HasuraSource[] }>;
  /** Runs a metadata command as somebody else would. */
  hasura(command: { type: string; args: unknown }): Promise<unknown>;
  fault(fault: Record<string, unknown>): Promise<void>;
  stats(): Promise<{
    calls: number;
    writes: number;
    rebuilds: number;
    introspections: number;
    resourceVersion: number;
  }>;
  clearFaults(): Promise<void>;
  /** How many faults have not been made yet. */
  faultsLeft(): Promise<number>;
  /** Ends our sessions with sources: the next look logs in. */
  logOutOfSources(): Promise<void>;
  startWorker(): Promise<Worker>;
  stop(): Promise<void>;
}

interface HasuraSource {
  name: string;
  tables: { table: string[]; select_permissions?: { role: string; comment: string }[] }[];
}

export async function example(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, "..", "..", "examples", `${name}.yaml`), "utf8");
}

/**
 * @param options.worker whether operations are carried out; without, they wait
 * @param options.settings more of the environment
 * @param options.sourceTimeoutMs how long a source may take for a login or an answer; no setting has it
 */
export async function startPlane(
  options: {
    worker?: boolean;
    settings?: Record<string, string>;
    log?: Logger;
    sandbox?: TestSandboxOptions;
    sourceTimeoutMs?: number;
  } = {},
): Promise<Plane> {
  const sandbox = await startTestSandbox(options.sandbox);
  const config = readConfig({ ...sandboxEnvironment(sandbox), ...options.settings });
  const context: Context = await createContext(
    config,
    options.log ?? createLogger({ level: "silent" }),
  );
  const sources = renewable(config.sources, options.sourceTimeoutMs);
  const ctx: OperationsContext = { ...context.operations, inspector: sources };
  const workers: Worker[] = [];
  const begin = async (): Promise<Worker> => {
    const worker = await startWorker(ctx, { reconcileSchedule: null });
    workers.push(worker);
    return worker;
  };
  if (options.worker ?? true) await begin();

  const end = async (token: Promise<string> | string): Promise<Operation> => {
    const known = await token;
    await awaitOperation(ctx, known, ENDS_WITHIN_MS);
    return ctx.db.operation.findUniqueOrThrow({ where: { token: known } });
  };
  const send = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${sandbox.url}${path}`, {
      method: "POST",
      headers: { "x-hasura-admin-secret": sandbox.hasuraAdminSecret },
      body: JSON.stringify(body),
    });
    return response.json();
  };
  return {
    sandbox,
    ctx,
    end,
    provision: (descriptor) => end(submitProvision(ctx, { descriptor }, ACTOR)),
    unprovision: (descriptor) => end(submitUnprovision(ctx, { descriptor }, ACTOR)),
    updateAcl: (descriptor, refs) => end(submitUpdateAcl(ctx, { descriptor, refs }, ACTOR)),
    async metadata() {
      const exported = await send("/v1/metadata", { type: "export_metadata", args: {} });
      return { sources: [], ...(exported as object) };
    },
    hasura: (command) => send("/v1/metadata", command),
    async fault(fault) {
      await send("/sandbox/faults", fault);
    },
    async clearFaults() {
      await fetch(`${sandbox.url}/sandbox/faults`, { method: "DELETE" });
    },
    async faultsLeft() {
      const response = await fetch(`${sandbox.url}/sandbox/faults`);
      return ((await response.json()) as { faults: unknown[] }).faults.length;
    },
    logOutOfSources: () => sources.renew(),
    async stats() {
      return (await fetch(`${sandbox.url}/sandbox/stats`)).json() as ReturnType<Plane["stats"]>;
    },
    startWorker: begin,
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await sources.stop();
      await context.stop();
      await sandbox.stop();
    },
  };
}

/** The way to sources, which can be closed and opened anew. */
function renewable(
  settings: SourceSettings,
  timeoutMs: number | undefined,
): SourceInspector & { renew(): Promise<void> } {
  const open = (): SourceInspector => startSources(settings, { timeoutMs });
  let current = open();
  return {
    inspect: (source, options) => current.inspect(source, options),
    stop: () => current.stop(),
    async renew() {
      const former = current;
      current = open();
      await former.stop();
    },
  };
}
