import { canonical, stringifyLossless } from "./metadata.ts";
import { kindName, type ObjectRef, objectName, type Step } from "./objects.ts";

const SIGN = { add: "+", change: "~", remove: "-", reload: "^" } as const;

/** The plan as a person reads it: one line an object, and below it each member that differs. Holds no credentials. */
export function planText(steps: readonly Step[]): string {
  if (steps.length === 0) return "No changes. Hasura holds what was asked for.";
  return steps.map(stepText).join("\n");
}

function stepText(step: Step): string {
  const head = `${SIGN[step.action]} ${kindName(step.object)} ${objectName(step.object)}`;
  // A connection's configuration can hold credentials; that it differs is enough to know.
  if (step.object.kind === "SOURCE") return head;
  const before = flatten(step.before);
  const after = flatten(step.after);
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => !["source", "table", "role", "comment"].includes(path),
  );
  const lines = paths.flatMap((path) => memberLines(path, before.get(path), after.get(path)));
  return [head, ...lines].join("\n");
}

function memberLines(path: string, before?: string, after?: string): string[] {
  if (before === after) return [];
  const lines: string[] = [];
  if (before !== undefined) lines.push(`    - ${path}: ${before}`);
  if (after !== undefined) lines.push(`    + ${path}: ${after}`);
  return lines;
}

/** Members by dot path; lists stay whole, for their order is no content here. */
function flatten(value: unknown, path = ""): Map<string, string> {
  if (value === null || value === undefined) return new Map();
  const isMap = typeof value === "object" && !Array.isArray(value);
  if (!isMap || "isLosslessNumber" in (value as object)) return new Map([[path, canonical(value)]]);
  return new Map(
    Object.entries(value as object).flatMap(([key, member]) => [
      ...flatten(member, path === "" ? key : `${path}.${key}`),
    ]),
  );
}

/** A plan as it is kept with its operation and shown to people: plain JSON without credentials. */
export interface PlanView {
  readonly steps: readonly {
    readonly action: string;
    readonly object: string;
    readonly name: string;
    readonly before: unknown;
    readonly after: unknown;
    readonly destructive: boolean;
  }[];
  readonly text: string;
}

export function planView(steps: readonly Step[]): PlanView {
  return {
    text: planText(steps),
    steps: steps.map(({ action, object, before, after, destructive }) => ({
      action,
      object: object.kind,
      name: objectName(object),
      before: shown(object, before),
      after: shown(object, after),
      destructive,
    })),
  };
}

function shown(object: ObjectRef, value: unknown): unknown {
  if (value === null) return null;
  return object.kind === "SOURCE" ? { name: object.source } : JSON.parse(stringifyLossless(value));
}
