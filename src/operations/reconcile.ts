/** Holding Hasura against what was applied: findings, and if asked for, a repair. Carried out by the one committer. */
import { componentKey } from "../domain/urn.ts";
import { AppError, type Problem } from "../errors.ts";
import type { Difference } from "../hasura/difference.ts";
import { planBatch } from "../hasura/plan.ts";
import type { OwnedObject } from "../hasura/plan-port.ts";
import { type PlanView, planView } from "../hasura/plan-text.ts";
import { awaitEnforced } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import { replaceFindings } from "../inventory/findings.ts";
import type { Hasura, Operation } from "../inventory/generated/client.ts";
import {
  endOperation,
  keepFirstPlans,
  type LogLine,
  logOperations,
  newestRunningChange,
} from "../inventory/operations.ts";
import { lockPorts, setConditions } from "../inventory/ports.ts";
import { removeSource } from "../inventory/sources.ts";
import { portChanges, type SeenHasura, seeHasura, type WantedPort } from "./changes.ts";
import { combinedRoleSteps, mendCombinedRoles } from "./combine.ts";
import type { OperationsContext } from "./context.ts";
import { converge, type Member } from "./converge.ts";
import { dropEmptySource } from "./drop-source.ts";
import {
  concerning,
  type Drift,
  driftConditions,
  findingsOf,
  mendedConditions,
  type ObservedPort,
  observeDrift,
} from "./observe-drift.ts";
import { recordApplied } from "./provision.ts";
import { operationRequestSchema } from "./request.ts";
import { noteSources } from "./source-health.ts";

/** Ports repaired in one batch. */
const REPAIRED_AT_ONCE = 100;

export async function reconcile(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { token } = operation;
  const portId = operation.portId ?? undefined;
  const { mode = "report" } = operationRequestSchema.parse(operation.request);
  const known = await ctx.db.hasura.findUniqueOrThrow({ where: { id: ctx.hasuraId } });
  const seen = await seeHasura(ctx);
  if (portId === undefined && (await isUnchanged(ctx, known, seen, mode))) {
    const result = `Nothing has changed in Hasura since ${known.reconciledAt?.toISOString()}.`;
    await endOperation(ctx.db, token, { status: "COMPLETED", result });
    return;
  }
  const drift = await observeDrift(ctx, seen, portId);
  const first = await record(ctx, seen, drift, portId);
  const told = `${drift.differences.length} difference(s), ${first.found} of them new; ${first.gone} gone.`;
  await logOperations(ctx.db, [
    ...drift.differences.map(({ name, message }) => line(token, "WARNING", `${name} ${message}.`)),
    line(token, "INFO", told),
  ]);
  await keepFirstPlans(ctx.db, [{ token, plan: await repairPlan(ctx, seen, drift) }]);
  if (mode === "report") {
    await endOperation(ctx.db, token, { status: "COMPLETED", result: told });
    return;
  }
  const { repaired, problems } = await repair(ctx, operation, drift);
  if (repaired > 0) {
    const after = await seeHasura(ctx);
    await record(ctx, after, await observeDrift(ctx, after, portId), portId);
  }
  const result = `${told} Repaired: ${repaired}.`;
  if (problems.length === 0) return endOperation(ctx.db, token, { status: "COMPLETED", result });
  throw new AppError("HASURA_REFUSED", `${result} Not repaired: ${problems.length}.`, { problems });
}

function line(token: string, level: "INFO" | "WARNING", message: string): LogLine {
  return { token, level, phase: "drift", message };
}

/** The version says that the metadata is what it was; the rest is what can change without it. */
async function isUnchanged(
  ctx: OperationsContext,
  known: Hasura,
  seen: SeenHasura,
  mode: "report" | "repair",
): Promise<boolean> {
  if (known.reconciledVersion !== seen.resourceVersion || seen.inconsistent.length > 0)
    return false;
  const open = { hasuraId: ctx.hasuraId, endedAt: null, kind: { not: "EXPOSURE" as const } };
  return mode === "report" || (await ctx.db.finding.count({ where: open })) === 0;
}

async function record(
  ctx: OperationsContext,
  seen: SeenHasura,
  { ports, differences }: Drift,
  portId: string | undefined,
): Promise<{ found: number; gone: number }> {
  const sources = await ctx.db.source.findMany({
    where: { hasuraId: ctx.hasuraId, removedAt: null },
  });
  await noteSources(ctx, sources, seen.inconsistent);
  const drifted = ports.flatMap((port) => driftConditions(port, differences));
  const keys = new Set(drifted.map((state) => `${state.portId} ${state.type}`));
  return ctx.db.$transaction(async (tx) => {
    const [own] = ports;
    const scope =
      portId === undefined ? undefined : { portId, sourceName: own?.objects.source.name ?? null };
    const counts = await replaceFindings(tx, ctx.hasuraId, findingsOf(differences), scope);
    await setConditions(tx, [...drifted, ...(await mendedConditions(tx, ports, keys))]);
    if (portId === undefined)
      await tx.hasura.update({
        where: { id: ctx.hasuraId },
        data: { reconciledVersion: seen.resourceVersion, reconciledAt: new Date() },
      });
    return counts;
  });
}

/** What a repair would do now. */
export async function repairPlan(
  ctx: OperationsContext,
  seen: SeenHasura,
  drift: Drift,
): Promise<PlanView> {
  const wanting = [...driftedPorts(drift), ...(await orphanedPorts(ctx, seen, drift.differences))];
  const planned = planBatch(seen, await portChanges(ctx.db, wanting));
  const roles = await combinedRoleSteps(ctx, seen, drift.differences);
  return planView([...[...planned.steps.values()].flat(), ...roles]);
}

/** Ports with something to repair, unless they are paused or are being changed. */
function driftedPorts({ ports, differences }: Drift): ObservedWant[] {
  return ports
    .filter(
      (port) =>
        port.row.phase === "ACTIVE" &&
        !port.row.paused &&
        !port.row.changing &&
        concerning(port, differences).some(({ repairable }) => repairable),
    )
    .map((port) => ({ port: port.row, wanted: port.wanted, observed: port }));
}

interface ObservedWant extends WantedPort {
  readonly observed: ObservedPort;
}

/** Ports that are gone here and have left something with their mark in Hasura. */
async function orphanedPorts(
  ctx: OperationsContext,
  { index }: SeenHasura,
  differences: readonly Difference[],
): Promise<WantedPort[]> {
  const wanting: WantedPort[] = [];
  for (const { kind, object, key, environment, actual } of differences) {
    if (kind !== "ORPHAN" || object !== "SELECT_PERMISSION" || environment === null) continue;
    const mark = String((actual as { comment?: unknown } | null)?.comment);
    const componentId = mark.slice(`portcullis:${environment}:`.length);
    const port = await ctx.db.outputPort.findFirst({
      where: {
        ...{ hasuraId: ctx.hasuraId, environment, phase: "REMOVED" },
        componentKey: componentKey(componentId),
      },
    });
    if (port === null) continue;
    const [source, table, role] = JSON.parse(key) as [string, string[], string];
    const where = { source, sourceKind: index.source(source)?.kind ?? "", confirmed: true };
    const left: OwnedObject[] = [
      { kind: "TABLE", ...where, table },
      { kind: "SELECT_PERMISSION", ...where, table, role },
    ];
    wanting.push({ port, wanted: null, left });
  }
  return wanting;
}

async function repair(
  ctx: OperationsContext,
  { token, deadlineAt }: Operation,
  drift: Drift,
): Promise<{ repaired: number; problems: Problem[] }> {
  const lines: LogLine[] = [];
  const seen = await seeHasura(ctx);
  const drifted = driftedPorts(drift);
  const wanting = [...drifted, ...(await orphanedPorts(ctx, seen, drift.differences))];
  const problems: Problem[] = [];
  let repaired = 0;
  for (let at = 0; at < wanting.length; at += REPAIRED_AT_ONCE) {
    const members = wanting.slice(at, at + REPAIRED_AT_ONCE).map(
      ({ port, wanted, left }): Member => ({
        ...{ port, wanted, left, deadlineAt },
        say: (level, phase, message) =>
          void lines.push({ token, level, phase, message: `${port.componentId}: ${message}` }),
      }),
    );
    const { outcomes, goneSources } = await converge(ctx, members, stillWanted);
    for (const { port } of members) {
      const outcome = outcomes.get(port.id);
      if (outcome === null) repaired += 1;
      if (outcome instanceof AppError)
        problems.push({ path: port.componentId, message: outcome.message });
    }
    await recordRepaired(
      ctx,
      drifted.filter(({ port }) => outcomes.get(port.id) === null),
      goneSources,
    );
  }
  await logOperations(ctx.db, lines);
  const roles = await mendCombinedRoles(ctx, drift.differences, token);
  repaired += roles.repaired;
  problems.push(...roles.problems);
  for (const { kind, object, source } of drift.differences)
    if (kind === "ORPHAN" && object === "SOURCE" && source !== null)
      repaired += await dropOrphan(ctx, seen, source);
  return { repaired, problems };
}

/** Ports that nobody has paused and that nobody has asked to change since they were looked at. */
async function stillWanted(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const wanted = new Set<string>();
  for (const { id, pausedAt } of await lockPorts(tx, ids))
    if (pausedAt === null && (await newestRunningChange(tx, id)) === null) wanted.add(id);
  return wanted;
}

async function recordRepaired(
  ctx: OperationsContext,
  repaired: readonly ObservedWant[],
  goneSources: ReadonlySet<string>,
): Promise<void> {
  const generation = await ctx.db.$transaction(async (tx) => {
    for (const name of goneSources) await removeSource(tx, ctx.hasuraId, name);
    if (repaired.length === 0) return null;
    return recordApplied(
      tx,
      ctx.hasuraId,
      repaired.map(({ observed: { row, wanted } }) => ({
        port: row,
        revision: { number: row.revision },
        wanted,
      })),
    );
  });
  if (generation !== null)
    await awaitEnforced(ctx.db, generation, { timeoutMs: ctx.deadlineMs("RECONCILE") });
}

async function dropOrphan(
  ctx: OperationsContext,
  { index }: SeenHasura,
  name: string,
): Promise<number> {
  const sourceKind = index.source(name)?.kind;
  if (sourceKind === undefined || !ctx.hasuraWrites) return 0;
  if (!(await dropEmptySource(ctx, { name, sourceKind }))) return 0;
  await ctx.db.$transaction((tx) => removeSource(tx, ctx.hasuraId, name));
  return 1;
}
