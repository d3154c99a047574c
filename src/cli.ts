/** The command line. Each command loads what it needs when it runs, so that `--help` is quick. */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { type Environment, readConfig, readSandboxSettings } from "./config.ts";
import { AppError } from "./errors.ts";
import { createLogger } from "./observability/logger.ts";

export function createCli(environment: Environment): Command {
  const cli = new Command("portcullis").description(
    "The GraphQL-native control plane for Hasura output ports.",
  );
  cli
    .command("start", { isDefault: true })
    .description("Serve until stopped. With nothing configured: on the built-in sandbox.")
    .action(() => start(environment));
  cli
    .command("demo")
    .description("Take an output port through its whole life on the sandbox.")
    .option("--keep", "leave everything running and print what to try next")
    .option("--json", "print one JSON object a line instead of text")
    .action(async (options: { keep?: boolean; json?: boolean }) => {
      const { runDemo } = await import("./sandbox/demo/demo.ts");
      process.exitCode = await runDemo({
        keep: options.keep ?? false,
        json: options.json ?? false,
      });
    });
  const db = cli.command("db").description("The inventory's database.");
  db.command("migrate")
    .description("Bring the inventory up to this version, as `start` does.")
    .action(async () => {
      const { migrate } = await import("./inventory/migrate.ts");
      const applied = await migrate(readConfig(environment).databaseUrl);
      say(applied.length === 0 ? "The inventory is up to date." : `Applied ${applied.join(", ")}.`);
    });
  cli
    .command("plan <descriptor>")
    .description("Show what provisioning a descriptor file would do, without doing it.")
    .action((file: string) => plan(environment, file));
  cli
    .command("doctor")
    .description(
      "Check the configuration and everything it names; exit code 1 when something fails.",
    )
    .option("--json", "print one JSON object a line instead of text")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { diagnose, findingText } = await import("./doctor.ts");
      const findings = await diagnose(environment);
      for (const finding of findings) say(json ? JSON.stringify(finding) : findingText(finding));
      if (findings.some(({ status }) => status === "fail")) process.exitCode = 1;
    });
  cli
    .command("reconcile")
    .description("Hold Hasura against what was applied, tell of differences, and wait for the end.")
    .option("--repair", "also make Hasura agree; ways to the data that others made are left alone")
    .option("--port <urn>", "only this output port")
    .option("--environment <name>", "the port's environment; absent: the only one it exists in")
    .action((options: ReconcileOptions) => reconcile(environment, options));
  cli
    .command("print-schema")
    .description("Print the GraphQL schema.")
    .option("--openapi", "print the REST routes' OpenAPI document instead")
    .action(async ({ openapi = false }: { openapi?: boolean }) => {
      if (openapi) {
        const { printedOpenApi } = await import("./rest/openapi.ts");
        process.stdout.write(printedOpenApi());
        return;
      }
      const { printedSchema } = await import("./graphql/print-schema.ts");
      process.stdout.write(printedSchema());
    });
  return cli;
}

/** Runs the command line; what goes wrong is one text on standard error and a code of 1. */
export async function runCli(argv: readonly string[], environment: Environment): Promise<void> {
  let serving = false;
  try {
    const cli = createCli(environment);
    cli.hook("postAction", (_cli, command) => {
      serving = command.name() === "start";
    });
    await cli.parseAsync([...argv]);
  } catch (error) {
    const text = error instanceof AppError ? error.message : String(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
  // The migration engine leaves a timer of 10 s behind, for which nobody need wait; what was written goes out first.
  if (!serving) process.stdout.write("", () => process.exit());
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function start(environment: Environment): Promise<void> {
  const { parts, dataDir, port, logLevel } = readSandboxSettings(environment);
  const { startApp } = await import("./app.ts");
  if (parts.length === 0) {
    const config = readConfig(environment);
    const log = createLogger({ level: config.logLevel, secrets: config.secrets });
    untilStopped(await startApp(config, log));
    return;
  }
  const { startSandbox } = await import("./sandbox/sandbox.ts");
  const { sandboxEnvironment } = await import("./sandbox/environment.ts");
  const log = createLogger({ level: logLevel });
  const sandbox = await startSandbox({ parts, dataDir, port, log });
  try {
    const config = readConfig({ ...environment, ...sandboxEnvironment(sandbox) });
    const app = await startApp(config, log, { graphiql: true });
    if (app.urls.webhook !== undefined) sandbox.setAuthHook(`${app.urls.webhook}/v1/authenticate`);
    log.info({ sandbox: sandbox.url, parts }, "on the sandbox: nothing here is production");
    untilStopped({
      stop: async () => {
        await app.stop();
        await sandbox.stop();
      },
    });
  } catch (error) {
    await sandbox.stop();
    throw error;
  }
}

async function plan(environment: Environment, file: string): Promise<void> {
  const config = readConfig(environment);
  const { createContext } = await import("./context.ts");
  const { previewPlan } = await import("./operations/preview.ts");
  const descriptor = await readFile(file, "utf8");
  const context = await createContext(config, createLogger({ level: "error" }));
  try {
    say((await previewPlan(context.operations, { provision: { descriptor } })).text);
  } finally {
    await context.stop();
  }
}

interface ReconcileOptions {
  readonly repair?: boolean;
  readonly port?: string;
  readonly environment?: string;
}

/** Submits the operation as everybody does; a worker of this process carries it out if no other does. */
async function reconcile(environment: Environment, options: ReconcileOptions): Promise<void> {
  const config = readConfig(environment);
  const { createContext } = await import("./context.ts");
  const { submitReconcile } = await import("./operations/interventions.ts");
  const { followOperation } = await import("./operations/follow.ts");
  const { startWorker } = await import("./worker.ts");
  const context = await createContext(config, createLogger({ level: "error" }));
  const worker = await startWorker(context.operations, { reconcileSchedule: null });
  try {
    const asked = {
      mode: options.repair === true ? ("repair" as const) : ("report" as const),
      componentId: options.port,
      environment: options.environment,
    };
    const token = await submitReconcile(context.operations, asked, "portcullis:command");
    const { status, result } = await followOperation(context.operations, token, say);
    say(result);
    if (status !== "COMPLETED") process.exitCode = 1;
  } finally {
    await worker.stop();
    await context.stop();
  }
}

function untilStopped(running: { stop(): Promise<void> }): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      running.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
}
