import type { Operation } from "../../../src/inventory/generated/client.ts";

/** Counts cases and how operations ended in them, for whoever reads the run's output. */
export interface Tally {
  case(): void;
  count(
    operation: Pick<Operation, "status" | "code" | "attempts" | "finishedAt" | "deadlineAt">,
  ): void;
  print(): void;
}

export function createTally(name: string): Tally {
  const outcomes = new Map<string, number>();
  let cases = 0;
  let latestMs = Number.NEGATIVE_INFINITY;
  return {
    case() {
      cases += 1;
    },
    count({ status, code, attempts, finishedAt, deadlineAt }) {
      const how =
        status === "COMPLETED"
          ? `COMPLETED ${attempts === 0 ? "at once" : "after it was put off"}`
          : `${status} ${code}`;
      outcomes.set(how, (outcomes.get(how) ?? 0) + 1);
      latestMs = Math.max(latestMs, (finishedAt?.getTime() ?? Date.now()) - deadlineAt.getTime());
    },
    print() {
      const told = [...outcomes].sort().map(([outcome, times]) => `${outcome}: ${times}`);
      const late = `the latest end ${(Math.abs(latestMs) / 1000).toFixed(1)} s ${latestMs > 0 ? "after" : "before"} its deadline`;
      process.stdout.write(`fault matrix, ${name}: ${cases} cases; ${told.join(", ")}; ${late}\n`);
    },
  };
}
