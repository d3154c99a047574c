/** Processes whose CPU time is measured: the service as it ships, and parts of its work beside it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The project's folder: these files run from node_modules/.cache/bench/test/bench. */
export const PROJECT = join(import.meta.dirname, "..", "..", "..", "..", "..");
const MAIN = join(PROJECT, "dist", "main.js");
const REPORT_CPU = new URL("./report-cpu.js", import.meta.url).href;

export interface Measured {
  /** Where it listens; empty when it does not. */
  readonly url: string;
  /** CPU time it has used since it started, all its threads together, in milliseconds. */
  cpuMs(): Promise<number>;
  /** The most memory it ever had (resident, all of it), in MB. */
  peakMb(): Promise<number>;
  /** Has a part do its work so many times. */
  work(times: number): Promise<void>;
  /** It stands still until `go`: as if it did not run, though it is warm and loses no connection. */
  freeze(): void;
  go(): void;
  stop(): Promise<void>;
}

/**
 * Starts `portcullis start` with these settings and nothing else of the environment, and waits until it serves.
 * @param settings FACES without `rest`: `url` is the webhook's
 */
export async function startService(
  settings: Readonly<Record<string, string>>,
  profileDir?: string,
): Promise<Measured> {
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const args = [...profiling, "--import", REPORT_CPU, MAIN, "start"];
  const child = start(args, { ...settings, PORT: "0" }, "piped");
  return measured(child, await servingAt(child));
}

/** Starts a part, by the name of its file, and waits until it is ready. */
export async function startPart(name: string, args: readonly string[] = []): Promise<Measured> {
  const file = join(import.meta.dirname, `part-${name}.js`);
  const child = start(["--import", REPORT_CPU, file, ...args], {}, "to stderr");
  const { url } = (await answerOf(child)) as { url: string };
  return measured(child, url);
}

function start(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  output: "piped" | "to stderr",
): ChildProcess {
  return spawn(process.execPath, args, {
    env: { PATH: process.env.PATH ?? "", ...settings },
    // Standard output is for figures, so nobody inherits it.
    stdio: ["ignore", output === "piped" ? "pipe" : process.stderr, process.stderr, "ipc"],
    // Ctrl-C is for the bench to handle; it stops them.
    detached: true,
  });
}

/** Reads the service's log until it says where it serves; from then on the log is passed over. */
async function servingAt(child: ChildProcess): Promise<string> {
  const log: string[] = [];
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const url = await new Promise<string>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`the service ended:\n${log.join("\n")}`)));
    lines.on("line", (line) => {
      log.push(line);
      if (!line.includes('"msg":"serving"')) return;
      const { urls } = JSON.parse(line) as { urls: { rest?: string; webhook?: string } };
      resolve(urls.rest ?? urls.webhook ?? "");
    });
  });
  lines.removeAllListeners("line").on("line", () => undefined);
  return url;
}

function measured(child: ChildProcess, url: string): Measured {
  const ask = async (message: string | object): Promise<unknown> => {
    const answer = answerOf(child);
    child.send(message);
    return answer;
  };
  return {
    url,
    async cpuMs() {
      return ((await ask("usage")) as { cpuMs: number }).cpuMs;
    },
    async peakMb() {
      return ((await ask("usage")) as { peakMb: number }).peakMb;
    },
    async work(times) {
      await ask({ times });
    },
    freeze: () => void child.kill("SIGSTOP"),
    go: () => void child.kill("SIGCONT"),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      child.kill("SIGCONT");
      await ended;
    },
  };
}

/** Asked one thing at a time, a process answers in that order. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    return await Promise.race([
      once(child, "message", { signal }).then(([answer]: unknown[]) => answer),
      once(child, "exit", { signal }).then(() => {
        throw new Error(`a process that is measured ended: ${child.spawnargs.join(" ")}`);
      }),
    ]);
  } finally {
    waiting.abort();
  }
}
