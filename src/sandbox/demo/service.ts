/** The service as a process of its own, so that it can be killed as a machine kills. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The built program: two folders up from here. */
const MAIN = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "main.js");
const READY_WITHIN_MS = 30_000;

export interface Service {
  readonly url: string;
  /** `kill -9`: no goodbye, no clean-up. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts `portcullis start` with only these settings, and waits until it is ready.
 * @param logFile where its log lines go
 */
export async function startService(
  settings: Readonly<Record<string, string>>,
  logFile: string,
): Promise<Service> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = openSync(logFile, "a");
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [MAIN, "start"], {
      env: { ...settings, PORT: String(port) },
      stdio: ["ignore", log, log],
    });
    await ready(url, child, logFile);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  await start();
  return { url, start, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}

async function ready(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const until = performance.now() + READY_WITHIN_MS;
  while (performance.now() < until) {
    if (child.exitCode !== null)
      throw new Error(`The service ended with code ${child.exitCode}; see ${logFile}.`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(50);
  }
  throw new Error(`The service was not ready within ${READY_WITHIN_MS / 1000} s; see ${logFile}.`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("No free port was found.");
  return address.port;
}
