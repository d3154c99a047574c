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
import { overdue, settleTrouble, timeLeft } from "./carry-out.ts";
import type { OperationsContext } from "./context.ts";
import { converge, type Member, type Say } from "./converge.ts";
import { deployInfo } from "./deploy-info.ts";
import { wakeMirror } from "./mirror.ts";
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
 * @returns how many of them did not fit into this write and have to come again
 */
export async function commitBatch(
  ctx: OperationsContext,
  operations: readonly Operation[],
): Promise<number> {
  const book = openBook();
  const { agreed, goneSources, failed, left } = await carryOutTogether(ctx, operations, book);
  await settleAll(ctx, failed, book);
  try {
    await finish(ctx, agreed, goneSources, book);
  } catch (error) {
    // What was recorded stays so; whatever was not is found out again.
    await settleAll(ctx, new Map(agreed.map(({ operation }) => [operation, error])), book);
  }
  await wakeMirror(ctx, ctx.db);
  return left;
}

interface Carried {
  /** Those whose ports Hasura agrees with. */
  readonly agreed: readonly Job[];
  readonly goneSources: ReadonlySet<string>;
  readonly failed: ReadonlyMap<Operation, unknown>;
  /** How many did not fit into the write. */
  readonly left: number;
}

async function carryOutTogether(
  ctx: OperationsContext,
  operations: readonly Operation[],
  book: Book,
): Promise<Carried> {
  const failed = new Map<Operation, unknown>();
  try {
    const jobs: Job[] = [];
    for (const [operation, job] of await prepare(ctx, operations, book))
      if (job instanceof AppError) failed.set(operation, job);
      else jobs.push(job);
    const { outcomes, goneSources } = await converge(
      ctx,
      jobs.map((job) => memberOf(job, book)),
      (tx, ids, steps) => claim(tx, jobs, ids, steps, book),
    );
    for (const { operation, port } of jobs) {
      const outcome = outcomes.get(port.id);
      if (outcome instanceof AppError) failed.set(operation, outcome);
    }
    const agreed = jobs.filter(({ port }) => outcomes.get(port.id) === null);
    return { agreed, goneSources, failed, left: jobs.length - outcomes.size };
  } catch (error) {
    const all = new Map(operations.map((operation) => [operation, error]));
    return { agreed: [], goneSources: new Set(), failed: all, left: 0 };
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

/** What each operation comes to before Hasura is looked at; none for a teardown that still has to wait. */
async function prepare(
  ctx: OperationsContext,
  operations: readonly Operation[],
  book: Book,
): Promise<Map<Operation, Job | AppError>> {
  const prepared = new Map<Operation, Job | AppError>();
  for (const operation of operations) {
    const late = await overdue(ctx, operation);
    if (late !== null) prepared.set(operation, late);
  }
  const timely = operations.filter((operation) => !prepared.has(operation));
  const provisions = timely.filter(({ kind }) => kind === "PROVISION");
  const teardowns = timely.filter(({ kind }) => kind === "UNPROVISION");
  const [wanted, unread] = await Promise.all([
    prepareProvisions(ctx, provisions, book.say),
    prepareTeardowns(ctx, teardowns, book),
  ]);
  for (const operation of provisions) {
    const job = wanted.get(operation.token);
    if (job !== undefined) prepared.set(operation, job);
  }
  for (const teardown of unread) prepared.set(teardown.operation, teardown);
  return prepared;
}

/** How long the others of a batch wait for webhooks that do not follow, in milliseconds: longer than their leases. */
const ENFORCED_WITHIN_MS = 30_000;

/**
 * Waits until nobody can read these ports any more. Their grants ended when the teardowns were accepted; it is said to be
 * so only when every replica knows.
 */
async function prepareTeardowns(
  ctx: OperationsContext,
  operations: readonly Operation[],
  book: Book,
): Promise<Teardown[]> {
  if (operations.length === 0) return [];
  const generation = operations.reduce((newest, { accessGeneration }) => {
    const own = accessGeneration ?? 0n;
    return own > newest ? own : newest;
  }, 0n);
  const timeoutMs = Math.min(timeLeft(operations), ENFORCED_WITHIN_MS);
  try {
    await awaitEnforced(ctx.db, generation, { timeoutMs });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "DEADLINE") throw error;
    ctx.log.warn({ err: error }, "teardowns wait for webhooks that do not follow");
    return [];
  }
  const ids = operations.flatMap(({ portId }) => portId ?? []);
  const ports = await ctx.db.outputPort.findMany({ where: { id: { in: ids } } });
  return operations.map((operation) => {
    const port = ports.find(({ id }) => id === operation.portId);
    if (port === undefined) throw new AppError("INTERNAL", "The operation's port is missing.");
    book.say(operation.token)("INFO", "access", "Nobody has access any more.");
    return { operation, port };
  });
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
  goneSources: ReadonlySet<string>,
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
    if (teardowns.length > 0) await endTeardowns(tx, teardowns, book);
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
  failed: ReadonlyMap<Operation, unknown>,
  book: Book,
): Promise<void> {
  for (const [operation, error] of failed)
    await settleTrouble(ctx, operation, error, book.take([operation.token]));
}
