/** Runs conformance cases against a Hasura. */
import { describe, expect, it } from "vitest";
import type { Case, HttpStep, Step, Target } from "./case.ts";
import { ALL_CASES } from "./cases/all.ts";
import { type CaseSockets, openCaseSockets } from "./sockets.ts";

/** A replica that polls rarely is waited for. */
const REPLICA_TIMEOUT_MS = 180_000;

/** Declares one test for each case; what the target lacks is skipped. */
export function runConformance(target: () => Target, features: Target["features"]): void {
  describe.each(ALL_CASES)("$title", ({ cases }) => {
    for (const each of cases) {
      const runnable = each.needs.every((need) => features.has(need));
      const options = each.needs.includes("replica") ? { timeout: REPLICA_TIMEOUT_MS } : {};
      it.skipIf(!runnable)(each.name, options, async () => {
        await reset(target());
        if (each.needs.includes("replica")) await target().replica?.polls();
        await runCase(each, target());
      });
    }
  });
}

const EXPORT = command({ type: "export_metadata", version: 2, args: {} });

function command(body: unknown): HttpStep {
  return {
    kind: "http",
    method: "POST",
    path: "/v1/metadata",
    headers: {},
    body,
    admin: true,
    status: 200,
    expected: undefined,
  };
}

async function reset(target: Target): Promise<void> {
  const empty = { version: 3, sources: [] };
  const answer = await send(
    target,
    command({ type: "replace_metadata", args: { metadata: empty } }),
    new Map(),
  );
  expect(answer.body).toEqual({ is_consistent: true, inconsistent_objects: [] });
  const clean = `DROP SCHEMA IF EXISTS public CASCADE; DROP SCHEMA IF EXISTS hasura CASCADE;
    CREATE SCHEMA public; CREATE SCHEMA hasura;`;
  await target.sql("one", clean);
  await target.sql("two", clean);
  if (target.features.has("snowflake"))
    await target.sql(
      "snowflake",
      `DROP SCHEMA IF EXISTS "SALES" CASCADE; DROP SCHEMA IF EXISTS "OTHER" CASCADE;
       CREATE SCHEMA "SALES"; CREATE SCHEMA "OTHER";`,
    );
}

interface Progress {
  version: number;
  readonly sockets: CaseSockets;
}

async function runCase(each: Case, target: Target): Promise<void> {
  const sockets = openCaseSockets(target);
  const progress: Progress = { version: (await exported(target)).resource_version, sockets };
  try {
    for (const [index, step] of each.steps.entries())
      await runStep(step, target, `step ${index + 1} of "${each.name}"`, progress);
  } finally {
    sockets.close();
  }
}

async function runStep(
  step: Step,
  target: Target,
  label: string,
  progress: Progress,
): Promise<void> {
  switch (step.kind) {
    case "sql":
      await target.sql(step.database, step.text);
      return;
    case "hook":
      target.setHook({ ...step, body: step.body.replace("$IN_2S", httpDate(2000)) });
      return;
    case "hook calls":
      expect(target.hookCalls(), label).toBe(step.expected);
      return;
    case "replica polls":
      await target.replica?.polls();
      return;
    case "socket":
      await progress.sockets.run(step, label);
      return;
    case "hook saw":
      expect(target.lastHookCall(), label).toEqual(step.expected);
      return;
    case "version": {
      const { resource_version: version } = await exported(target);
      expect(version - progress.version, `${label}: resource_version`).toBe(step.moved);
      progress.version = version;
      return;
    }
    case "http": {
      const values = await placeholders(step, target);
      const { status, body } = await send(target, step, values);
      expect({ status, body }, label).toEqual({
        status: step.status,
        body: step.expected === undefined ? body : filled(step.expected, values),
      });
    }
  }
}

function httpDate(inMs: number): string {
  return new Date(Date.now() + inMs).toUTCString();
}

interface Exported {
  readonly resource_version: number;
  readonly metadata: unknown;
}

async function exported(target: Target): Promise<Exported> {
  return (await send(target, EXPORT, new Map())).body as Exported;
}

type Placeholders = ReadonlyMap<unknown, unknown>;

async function placeholders(step: HttpStep, target: Target): Promise<Placeholders> {
  const values = new Map<unknown, unknown>([
    ["$PG_ONE", target.databases.one],
    ["$PG_TWO", target.databases.two],
  ]);
  const text = JSON.stringify([step.body, step.expected]);
  if (!/"\$(VERSION|STALE_VERSION|METADATA)"/.test(text)) return values;
  const { resource_version: version, metadata } = await exported(target);
  return values
    .set("$VERSION", version)
    .set("$STALE_VERSION", version - 1)
    .set("$METADATA", metadata);
}

async function send(
  target: Target,
  step: HttpStep,
  values: Placeholders,
): Promise<{ status: number; body: unknown }> {
  const { method, path, body, admin } = step;
  const url = step.at === "replica" ? target.replica?.url : target.url;
  const text = typeof body === "string" ? body : JSON.stringify(filled(body, values));
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(method === "POST" ? { "Content-Type": "application/json" } : {}),
      ...(admin ? { "X-Hasura-Admin-Secret": target.adminSecret } : {}),
      ...step.headers,
    },
    ...(method === "POST" ? { body: text } : {}),
  });
  const answer = await response.text();
  return { status: response.status, body: isJson(response) ? JSON.parse(answer) : answer };
}

function isJson(response: Response): boolean {
  return response.headers.get("content-type")?.includes("json") ?? false;
}

/** Placeholders replaced, wherever they stand alone. Matchers stay what they are. */
function filled(value: unknown, values: Placeholders): unknown {
  if (values.has(value)) return values.get(value);
  if (Array.isArray(value)) return value.map((item) => filled(item, values));
  const isPlain =
    typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return value;
  return Object.fromEntries(
    Object.entries(value as object).map(([key, item]) => [key, filled(item, values)]),
  );
}
