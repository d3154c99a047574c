import colours from "picocolors";

/** Where the demo's progress goes: text for people, or JSON lines for programs. */
export interface Printer {
  title(text: string): void;
  /** A held check: its number, what it is, how long it took. */
  passed(number: number, name: string, ms: number, details: readonly string[]): void;
  failed(number: number, name: string, ms: number, reason: string): void;
  summary(facts: Readonly<Record<string, string | number>>, next: readonly string[]): void;
}

const NAME_WIDTH = 64;
const DETAIL_WIDTH = 110;

/** Colours only where a terminal reads them: picocolors looks. */
export function textPrinter(write: (line: string) => void): Printer {
  const line = (mark: string, number: number, name: string, ms: number): void =>
    write(
      `${mark} ${String(number).padStart(2)}  ${name.padEnd(NAME_WIDTH)} ${duration(ms).padStart(7)}`,
    );
  return {
    title: (text) => write(`${colours.bold(text)}\n`),
    passed(number, name, ms, details) {
      line(colours.green("✓"), number, name, ms);
      for (const detail of details) write(`      ${colours.dim(shortened(detail))}`);
    },
    failed(number, name, ms, reason) {
      line(colours.red("✗"), number, name, ms);
      for (const each of reason.split("\n")) write(`      ${colours.red(each)}`);
    },
    summary(facts, next) {
      const lines = Object.entries(facts).map(([name, value]) => `${name.padEnd(26)}${value}`);
      const width = Math.max(...lines.map((text) => text.length));
      write(`\n┌─${"─".repeat(width)}─┐`);
      for (const text of lines) write(`│ ${text.padEnd(width)} │`);
      write(`└─${"─".repeat(width)}─┘`);
      for (const text of next) write(text);
    },
  };
}

export function jsonPrinter(write: (line: string) => void): Printer {
  const say = (value: unknown): void => write(JSON.stringify(value));
  return {
    title: (text) => say({ demo: text }),
    passed: (check, name, ms, details) =>
      say({ check, name, ok: true, ms: Math.round(ms), details }),
    failed: (check, name, ms, reason) =>
      say({ check, name, ok: false, ms: Math.round(ms), reason }),
    summary: (facts, next) => say({ summary: facts, next }),
  };
}

/** Details are there to be glanced at; --json has them whole. */
function shortened(text: string): string {
  return text.length <= DETAIL_WIDTH ? text : `${text.slice(0, DETAIL_WIDTH - 1)}…`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
