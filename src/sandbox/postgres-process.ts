/** The server process of an embedded PostgreSQL, found by the file that it keeps in its data folder. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const STOP_TIMEOUT_MS = 15_000;

/** A running PostgreSQL server's main process. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

/** What the cluster's `postmaster.pid` says; `undefined` when there is none or it is unreadable. */
export async function readPostmaster(folder: string): Promise<Postmaster | undefined> {
  const text = await readFile(join(folder, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number.parseInt(lines[0] ?? "", 10);
  const port = Number.parseInt(lines[3] ?? "", 10);
  return pid > 0 && port > 0 ? { pid, port } : undefined;
}

/** Whether that process is alive and a server on `folder`: its number may belong to somebody else by now. */
export async function isPostmasterOf(pid: number, folder: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  try {
    const command =
      platform() === "linux"
        ? await readFile(`/proc/${pid}/cmdline`, "utf8")
        : (await promisify(execFile)("ps", ["-p", String(pid), "-o", "command="])).stdout;
    return command.includes(folder);
  } catch {
    return false;
  }
}

/** Stops the server and waits until it has ended, at most twice `STOP_TIMEOUT_MS`. */
export async function stopPostmaster(pid: number): Promise<void> {
  // SIGINT is PostgreSQL's fast shutdown: it ends the connections and writes everything; SIGQUIT leaves that to recovery.
  for (const kind of ["SIGINT", "SIGQUIT"] as const) {
    signal(pid, kind);
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (!(await isAlive(pid))) return;
      await delay(20);
    }
  }
}

/** Sends the signal, unless the process has ended. */
export function signal(pid: number, kind: "SIGINT" | "SIGQUIT"): void {
  try {
    process.kill(pid, kind);
  } catch {
    // It has ended already.
  }
}

export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  if (platform() !== "linux") return true;
  // In a container without an init process, an orphan that ended stays listed as a zombie.
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return status !== "" && !/\) Z /.test(status);
}
