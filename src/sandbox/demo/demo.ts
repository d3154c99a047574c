/** `portcullis demo`: the whole life of an output port on the sandbox, as numbered checks. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../../observability/logger.ts";
import { SANDBOX_PARTS } from "../../settings.ts";
import { sandboxEnvironment } from "../environment.ts";
import { type Sandbox, startSandbox } from "../sandbox.ts";
import { CheckFailed, type Checks, createChecks } from "./checks.ts";
import { hasuraStats, tokenFor } from "./clients.ts";
import { leaveProvisioned, runLifecycle } from "./lifecycle.ts";
import { jsonPrinter, type Printer, textPrinter } from "./print.ts";
import { type Service, startService } from "./service.ts";
import type { Stage } from "./stage.ts";

interface DemoOptions {
  /** Leave everything running until Ctrl-C, and print what to try. */
  readonly keep: boolean;
  readonly json: boolean;
}

/** Answers wait this long for an operation's end; short, so that the demo sees tokens too. */
const OPERATION_WAIT_MS = "500";

/** @returns the exit code: 0 only when every check held */
export async function runDemo(options: DemoOptions): Promise<number> {
  const write = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  const printer = options.json ? jsonPrinter(write) : textPrinter(write);
  const checks = createChecks(printer);
  const folder = await mkdtemp(join(tmpdir(), "portcullis-demo-"));
  const running: { sandbox?: Sandbox; service?: Service } = {};
  printer.title("Portcullis: an output port's whole life, on real PostgreSQL, JWTs and HTTP");
  try {
    await play(checks, printer, folder, running, options);
    return 0;
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error;
    return 1;
  } finally {
    await running.service?.stop();
    await running.sandbox?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(
  checks: Checks,
  printer: Printer,
  folder: string,
  running: { sandbox?: Sandbox; service?: Service },
  options: DemoOptions,
): Promise<void> {
  const began = performance.now();
  await checks.check("the sandbox starts: PostgreSQL, Hasura, Snowflake, tokens", async () => {
    const log = createLogger({ level: "error" });
    running.sandbox = await startSandbox({ parts: SANDBOX_PARTS, dataDir: folder, port: 0, log });
    return undefined;
  });
  const { sandbox } = running;
  if (sandbox === undefined) throw new CheckFailed("the sandbox");
  await checks.check("Portcullis starts on it, as a process of its own", async () => {
    const settings = { ...sandboxEnvironment(sandbox), OPERATION_WAIT_MS };
    running.service = await startService(settings, join(folder, "portcullis.log"));
    sandbox.setAuthHook(`${running.service.url}/v1/authenticate`);
    return undefined;
  });
  const { service } = running;
  if (service === undefined) throw new CheckFailed("the service");
  const stage = { checks, sandbox, service };
  await runLifecycle(stage);
  const next = options.keep ? await whatToTry(stage, await leaveProvisioned(stage)) : WHAT_NEXT;
  const { writes, rebuilds, introspections } = await hasuraStats(sandbox.url);
  const facts = {
    "checks held": checks.passed(),
    "writes to Hasura": writes,
    "rebuilds they cost": rebuilds,
    introspections,
    "seconds in all": ((performance.now() - began) / 1000).toFixed(1),
  };
  printer.summary(facts, next);
  if (options.keep) await untilInterrupted();
}

const WHAT_NEXT = [
  "",
  "Next: npm run demo -- --keep   leaves it running, with URLs, a token and queries to paste",
  "      npm start                serves on the sandbox until stopped",
  "      README.md                how to connect your own Hasura and Witboost",
];

async function whatToTry({ sandbox, service }: Stage, query: string): Promise<string[]> {
  const token = await tokenFor(sandbox.url, "alice@example.com", "analysts");
  const json = "-H 'content-type: application/json'";
  const ports = "{ outputPorts { edges { node { name phase rootFields } } } }";
  return [
    "",
    `GraphQL (admins)    ${service.url}/graphql`,
    `REST (Witboost)     ${service.url}/v1/validate`,
    `Hasura (consumers)  ${sandbox.hasuraUrl}/v1/graphql`,
    "",
    "What is provisioned, and what Alice may read (her token lasts an hour):",
    "",
    `curl -s ${service.url}/graphql ${json} -d '${JSON.stringify({ query: ports })}'`,
    "",
    `TOKEN=${token}`,
    `curl -s ${sandbox.hasuraUrl}/v1/graphql ${json} -H "authorization: Bearer $TOKEN" -d '${JSON.stringify({ query })}'`,
    "",
    "Ctrl-C ends it and removes its data.",
  ];
}

async function untilInterrupted(): Promise<void> {
  await new Promise<void>((resolve) => {
    const forever = setInterval(() => undefined, 2 ** 30);
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => {
        clearInterval(forever);
        resolve();
      });
  });
}
