/** The built program, run as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const MAIN = join(import.meta.dirname, "..", "..", "dist", "main.js");

export interface Program {
  readonly child: ChildProcess;
  /** Everything written so far, standard output and error together. */
  output(): string;
  /** The first log line that has this message, parsed. @throws when the program ends before */
  logged(message: string): Promise<Record<string, unknown>>;
  /** Ends it, by default with `kill -9`, and waits. @returns its exit code */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Waits until it ends by itself. @returns its exit code */
  ended(): Promise<number | null>;
}

export function runProgram(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Program {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH ?? "", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
  };
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      wake();
    });
  let over = false;
  child.once("exit", () => {
    over = true;
    wake();
  });
  const ended = async (): Promise<number | null> => {
    if (!over) await once(child, "exit");
    return child.exitCode;
  };
  return {
    child,
    output: () => lines.join("\n"),
    async logged(message) {
      for (;;) {
        const found = lines.find((line) => line.includes(`"msg":"${message}`));
        if (found !== undefined) return JSON.parse(found);
        if (over) throw new Error(`the program ended:\n${lines.join("\n")}`);
        await new Promise<void>((resolve) => {
          const once = (): void => {
            waiting.delete(once);
            resolve();
          };
          waiting.add(once);
        });
      }
    },
    async end(signal = "SIGKILL") {
      if (!over) child.kill(signal);
      return ended();
    },
    ended,
  };
}
