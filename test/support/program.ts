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
  /** The first line that has this text. @throws when the program ends before */
  printed(text: string): Promise<string>;
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
  const printed = async (text: string): Promise<string> => {
    for (;;) {
      const found = lines.find((line) => line.includes(text));
      if (found !== undefined) return found;
      if (over) throw new Error(`the program ended:\n${lines.join("\n")}`);
      await new Promise<void>((resolve) => {
        const woken = (): void => {
          waiting.delete(woken);
          resolve();
        };
        waiting.add(woken);
      });
    }
  };
  return {
    child,
    output: () => lines.join("\n"),
    printed,
    logged: async (message) => JSON.parse(await printed(`"msg":"${message}`)),
    async end(signal = "SIGKILL") {
      if (!over) child.kill(signal);
      return ended();
    },
    ended,
  };
}
