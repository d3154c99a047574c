/** Operations of one Hasura that are carried out together: one look at it, one plan, one write. */
import { AppError } from "../errors.ts";
import type { Step } from "../hasura/objects.ts";
import { planView } from "../hasura/plan-text.ts";
import { awaitEnforced } from "../inventory/access.ts";
import type { Tx } from "../inventory/db.ts";
import type { Operation, OutputPort } from "../inventory/generated/client.ts";
import {
  claimOperations,
  endOperations,
  keepFirstPlans,
  type LogLine,
  lockRunning,
  logOperations,
  type Outcome as OperationOutcome,
} from "../inventory/operations.ts";
import { lockPorts, setConditions, setPublicInfo } from "../inventory/ports.ts";
import { removeSource } from "../inventory/sources.ts";
import { overdue, settleTrouble } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { type Converged, converge, type Member, type Say } from "./converge.ts";
import { deployInfo } from "./deploy-info.ts";
import { wakeBeside } from "./port-state.ts";
import { type Provision, prepareProvisions, recordApplied } from "./provision.ts";
import { operationRequestSchema } from "./request.ts";
import { recordRemoved, removalResult } from "./unprovision.ts";

/** A teardown whose port nobody can read any more. */
interface Teardown {
  readonly operation: Operation;
  readonly port: OutputPort;
}

type Job = Provision | Teardown;

/** The operations' log lines until they are written, in their order. */
interface Book {
  say(token: string): Say;
  /** Those of an operation that are not written yet; the caller writes them. */
  take(tokens: readonly string[]): LogLine[];
}

/**
 * Carries out operations of different ports, each PROVISION or UNPROVISION. What goes wrong with one is settled for that
 * one.
 * @returns how many of them were settled; the others did not fit into this write and have to come again
 */
export async function commitBatch(
  ctx: OperationsContext,
  operations: readonly Operation[],
): Promise<number> {
  const book = openBook();
  const failed = new Map<string, unknown>();
  const jobs: Job[] = [];
  try {
    const timely = await withoutOverdue(ctx, operations, failed);
    for (const [token, job] of await prepare(ctx, timely, book))
      if (job instanceof AppError) failed.set(token, job);
      else jobs.push(job);
    const converged = await converge(
      ctx,
      jobs.map((job) => memberOf(job, book)),
      (tx, ids, steps) => claim(tx, jobs, ids, steps, book),
    );
    const agreed: Job[] = [];
    for (const job of jobs) {
      const outcome = converged.outcomes.get(job.port.id);
      if (outcome === null) agreed.push(job);
      else if (outcome instanceof AppError) failed.set(job.operation.token, outcome);
    }
    await finish(ctx, agreed, converged, book);
    await settleAll(ctx, operations, failed, book);
    return converged.outcomes.size + failed.size;
  } catch (error) {
    // Whatever was not recorded is found out again.
    await settleAll(ctx, operations, new Map(operations.map(({ token }) => [token, error])), book);
    return operations.length;
  }
}

function openBook(): Book {
  let lines: LogLine[] = [];
  return {
    say: (token) => (level, phase, message) => void lines.push({ token, level, phase, message }),
    take(tokens) {
      const wanted = new Set(tokens);
      const taken = lines.filter(({ token }) => wanted.has(token));
      lines = lines.filter(({ token }) => !wanted.has(token));
      return taken;
    },
  };
}

async function withoutOverdue(
  ctx: OperationsContext,
  operations: readonly Operation[],
  failed: Map<string, unknown>,
): Promise<Operation[]> {
  const timely: Operation[] = [];
  for (const operation of operations) {
    const late = await overdue(ctx, operation);
    if (late === null) timely.push(operation);
    else failed.set(operation.token, late);
  }
  return timely;
}

async function prepare(
  ctx: OperationsContext,
  operations: readonly Operation[],
  book: Book,
): Promise<Map<string, Job | AppError>> {
  const provisions = operations.filter(({ kind }) => kind === "PROVISION");
  const teardowns = operations.filter(({ kind }) => kind === "UNPROVISION");
  const prepared: Map<string, Job | AppError> = new Map(
    await prepareProvisions(ctx, provisions, book.say),
  );
  if (teardowns.length === 0) return prepared;
  const ids = teardowns.flatMap(({ portId }) => portId ?? []);
  const ports = await ctx.db.outputPort.findMany({ where: { id: { in: ids } } });
  // The grants ended when these were accepted; it is said to be so only when every replica knows.
  const generation = teardowns.reduce((newest, { accessGeneration }) => {
    const own = accessGeneration ?? 0n;
    return own > newest ? own : newest;
  }, 0n);
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft(teardowns) });
  for (const operation of teardowns) {
    const port = ports.find(({ id }) => id === operation.portId);
    if (port === undefined) throw new AppError("INTERNAL", "The operation's port is missing.");
    book.say(operation.token)("INFO", "access", "Nobody has access any more.");
    prepared.set(operation.token, { operation, port });
  }
  return prepared;
}

/** Milliseconds until the first of their deadlines. */
function timeLeft(operations: readonly Operation[]): number {
  return Math.min(...operations.map(({ deadlineAt }) => deadlineAt.getTime() - Date.now()));
}

function memberOf(job: Job, book: Book): Member {
  const { operation, port } = job;
  const { token, deadlineAt } = operation;
  return { port, wanted: "wanted" in job ? job.wanted : null, say: book.say(token), deadlineAt };
}

/** Before each write: who was cancelled is left out; the others' logs and plans are kept, and they cannot be cancelled. */
async function claim(
  tx: Tx,
  jobs: readonly Job[],
  ids: readonly string[],
  steps: ReadonlyMap<string, readonly Step[]>,
  book: Book,
): Promise<ReadonlySet<string>> {
  const wanted = new Set(ids);
  const writing = jobs.filter(({ port }) => wanted.has(port.id));
  const tokens = writing.map(({ operation }) => operation.token);
  const running = await claimOperations(tx, tokens);
  const claimed = writing.filter(({ operation }) => running.has(operation.token));
  await logOperations(tx, book.take(tokens));
  await keepFirstPlans(
    tx,
    claimed.map(({ operation, port }) => ({
      token: operation.token,
      plan: planView(steps.get(port.id) ?? []),
    })),
  );
  return new Set(claimed.map(({ port }) => port.id));
}

/** Records what Hasura holds now, waits until every webhook knows the ports as they are, and ends the operations. */
async function finish(
  ctx: OperationsContext,
  jobs: readonly Job[],
  { goneSources }: Converged,
  book: Book,
): Promise<void> {
  if (jobs.length === 0 && goneSources.size === 0) return;
  const recorded = await ctx.db.$transaction(async (tx) => {
    await lockPorts(
      tx,
      jobs.map(({ port }) => port.id),
    );
    const running = await lockRunning(
      tx,
      jobs.map(({ operation }) => operation.token),
    );
    const own = jobs.filter(({ operation }) => running.has(operation.token));
    const provisions = own.filter((job) => "wanted" in job);
    const teardowns = own.filter((job) => !("wanted" in job));
    const generations = [
      ...(provisions.length > 0 ? [await recordApplied(tx, ctx.hasuraId, provisions)] : []),
      ...(teardowns.length > 0
        ? [
            await recordRemoved(
              tx,
              ctx.hasuraId,
              teardowns.map(({ port }) => port.id),
            ),
          ]
        : []),
    ];
    for (const name of goneSources) await removeSource(tx, ctx.hasuraId, name);
    await endTeardowns(tx, teardowns, book);
    return { provisions, generation: generations.at(0) };
  });
  const { provisions, generation } = recorded;
  if (provisions.length === 0 || generation === undefined) return;
  const operations = provisions.map(({ operation }) => operation);
  // Consumers who were granted before find the port as it is now at every replica.
  await awaitEnforced(ctx.db, generation, { timeoutMs: timeLeft(operations) });
  await ctx.db.$transaction((tx) => endProvisions(ctx, tx, provisions, book));
}

async function endTeardowns(tx: Tx, teardowns: readonly Teardown[], book: Book): Promise<void> {
  await endAll(
    tx,
    teardowns.map(({ operation }) => {
      const { removeData } = operationRequestSchema.parse(operation.request);
      book.say(operation.token)("INFO", "names", "Its names are free again.");
      return { operation, status: "COMPLETED", result: removalResult(removeData) };
    }),
    book,
  );
}

async function endProvisions(
  ctx: OperationsContext,
  tx: Tx,
  provisions: readonly Provision[],
  book: Book,
): Promise<void> {
  const infos = provisions.map(({ port, revision, resolved }) =>
    deployInfo({
      port,
      spec: revision.spec,
      resolved,
      hasuraUrl: ctx.hasura.url,
      publicUrl: ctx.publicUrl,
    }),
  );
  await setConditions(
    tx,
    provisions.map(({ port }) => ({
      portId: port.id,
      type: "ENFORCED",
      status: "TRUE",
      reason: "Confirmed",
      message: "Every running webhook decides by the newest access list.",
    })),
  );
  await setPublicInfo(
    tx,
    provisions.map(({ port }, index) => ({
      portId: port.id,
      publicInfo: infos[index]?.publicInfo,
    })),
  );
  await endAll(
    tx,
    provisions.map(({ operation }, index) => ({
      operation,
      status: "COMPLETED",
      result: "The output port is provisioned.",
      info: infos[index],
    })),
    book,
  );
}

async function endAll(
  tx: Tx,
  ends: readonly (OperationOutcome & { readonly operation: Operation })[],
  book: Book,
): Promise<void> {
  const tokens = ends.map(({ operation }) => operation.token);
  for (const { operation, result } of ends) book.say(operation.token)("INFO", "end", result);
  await logOperations(tx, book.take(tokens));
  await endOperations(
    tx,
    ends.map(({ operation, ...outcome }) => ({ ...outcome, token: operation.token })),
  );
  await wakeBeside(
    tx,
    ends.flatMap(({ operation }) => operation.portId ?? []),
  );
}

async function settleAll(
  ctx: OperationsContext,
  operations: readonly Operation[],
  failed: ReadonlyMap<string, unknown>,
  book: Book,
): Promise<void> {
  for (const operation of operations) {
    const { token } = operation;
    if (!failed.has(token)) continue;
    await settleTrouble(ctx, operation, failed.get(token), book.take([token]));
  }
}
