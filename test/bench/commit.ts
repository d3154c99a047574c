/**
 * 200 output ports at once: what they take on a Hasura whose rebuild costs time, beside three calls a port as the older
 * service makes them; and how many a second there are when Hasura costs nothing, which is what this service, its
 * PostgreSQL and the stand-ins can do.
 */
import { cpus } from "node:os";
import type { Bench, BenchOptions } from "./bench.ts";
import { type Describe, readExample } from "./descriptors.ts";
import { explain, figure, type Line, progress } from "./harness.ts";
import { provisionTheOlderWay } from "./older-way.ts";
import type { Measured } from "./processes.ts";
import {
  bodiesOf,
  type HasuraStats,
  PORTS_A_PRODUCT,
  postAll,
  type Stage,
  type StageOptions,
  startStage,
  untilEnded,
} from "./stage.ts";
import type { World } from "./world.ts";

const NAME = "commit";
const PORTS = 200;
/** Of what takes minutes, only so many ports unless all is asked for: whole data products, with their sources. */
const PART = 2 * PORTS_A_PRODUCT;

/** What a rebuild costs: 50 ms, and 1 ms for each tracked table and each role; reading a source takes 20 ms. */
const COSTS = { rebuildMs: 50, perTableMs: 1, perRoleMs: 1, introspectionMs: 20 };
const NO_COSTS = { rebuildMs: 0, perTableMs: 0, perRoleMs: 0, introspectionMs: 0 };

/** On the larger of these, a bulk of all ports takes longer than an operation is tried by default. */
const PATIENT = { OPERATION_DEADLINE: "7200" };

async function run(world: World, options: BenchOptions): Promise<Line[]> {
  const ctx: Ctx = { world, options, describe: await readExample() };
  const lines: Line[] = [];
  for (const tables of options.short ? [20] : [200, 2_000])
    lines.push(...(await besideTheOlderWay(ctx, tables)));
  lines.push(...(await withoutCosts(ctx)));
  explain(
    `${NAME}: a rebuild takes 50 ms + 1 ms a tracked table + 1 ms a role, a source 20 ms to read; OPERATION_DEADLINE=7200, all else as by default; targets are for ${PORTS} ports. Without costs, the service, PostgreSQL, the stand-ins and the load share this machine's ${cpus().length} cores`,
  );
  return lines;
}

interface Ctx {
  readonly world: World;
  readonly options: BenchOptions;
  readonly describe: Describe;
}

type Target = NonNullable<Parameters<typeof figure>[4]>;

/** Targets are for all ports: a part of them has none. */
function forAll(ports: number, target: Target): Target {
  return ports === PORTS ? target : {};
}

/** What provisioning so many ports took, by the clock and at Hasura. */
interface Spent extends HasuraStats {
  readonly ports: number;
  readonly ms: number;
}

async function spend(stage: Stage, ports: number, work: () => Promise<void>): Promise<Spent> {
  const [before, began] = [await stage.stats(), performance.now()];
  await work();
  const ms = performance.now() - began;
  const after = await stage.stats();
  return {
    ...{ ports, ms },
    writes: after.writes - before.writes,
    rebuilds: after.rebuilds - before.rebuilds,
    introspections: after.introspections - before.introspections,
  };
}

async function besideTheOlderWay(ctx: Ctx, tables: number): Promise<Line[]> {
  const { short, full } = ctx.options;
  const all = short ? PORTS_A_PRODUCT : PORTS;
  const part = full || short ? all : PART;
  const older = await onStage(ctx, { name: `older_${tables}`, tables, views: part }, (stage) =>
    spend(stage, part, async () => {
      for (let port = 0; port < part; port += 1) await provisionTheOlderWay(stage, port);
    }),
  );
  const bulk = short ? undefined : await ours(ctx, "never", tables, part);
  const replace = await ours(ctx, "auto", tables, all);
  const speedUp = ((older.ms / older.ports) * replace.ports) / replace.ms;
  return [
    ...spentLines("older", tables, older),
    ...(bulk === undefined ? [] : spentLines("bulk", tables, bulk, { writes: { atMost: 10 } })),
    ...spentLines("replace", tables, replace, { writes: { atMost: 10 }, rebuilds: { atMost: 6 } }),
    figure(
      NAME,
      `replace_${tables}_tables_speedup`,
      `x the older way, of which ${older.ports} ports were measured`,
      [speedUp],
      forAll(replace.ports, { atLeast: 20 }),
    ),
  ];
}

/** All ports posted at once to a service that is warm: it has one port already. */
async function ours(
  ctx: Ctx,
  replace: "auto" | "never",
  tables: number,
  ports: number,
): Promise<Spent> {
  const first = PORTS_A_PRODUCT;
  const stage = { name: `${replace}_${tables}`, tables, views: first + ports };
  return onStage(ctx, stage, async (started) => {
    const service = await started.start({ ...PATIENT, HASURA_REPLACE: replace });
    await provisionAtOnce(ctx, started, service, 0, 1);
    return spend(started, ports, () => provisionAtOnce(ctx, started, service, first, ports));
  });
}

/** @param targets of all ports */
function spentLines(
  way: string,
  tables: number,
  spent: Spent,
  targets: { readonly writes?: Target; readonly rebuilds?: Target } = {},
): Line[] {
  const { ports } = spent;
  const line = (what: string, unit: string, value: number, target: Target = {}): Line => {
    const metric = `${way}_${tables}_tables_${what}`;
    return figure(NAME, metric, `${unit}/${ports} ports`, [value], forAll(ports, target));
  };
  return [
    line("time", "s", spent.ms / 1000),
    line("writes", "1", spent.writes, targets.writes),
    line("rebuilds", "1", spent.rebuilds, targets.rebuilds),
    line("introspections", "1", spent.introspections),
    figure(NAME, `${way}_${tables}_tables_time_a_port`, "ms", [spent.ms / ports]),
  ];
}

async function onStage<Result>(
  { world, options }: Ctx,
  stage: Pick<StageOptions, "name" | "tables" | "views">,
  use: (stage: Stage) => Promise<Result>,
  costs: StageOptions["costs"] = COSTS,
): Promise<Result> {
  progress(`commit: ${stage.name}`);
  const started = await startStage(world, options.closing, { ...stage, costs });
  try {
    return await use(started);
  } finally {
    await started.stop();
  }
}

/** All posted at once; returns when each has ended COMPLETED. */
async function provisionAtOnce(
  { describe }: Ctx,
  stage: Stage,
  service: Measured,
  first: number,
  ports: number,
): Promise<void> {
  await postAll(service, bodiesOf(describe, first, ports));
  await untilEnded(stage);
}

interface Round extends Spent {
  readonly perSecond: number;
  /** CPU time of the process that did it, a port. */
  readonly cpuMs: number;
}

async function round(
  stage: Stage,
  service: Measured,
  ports: number,
  work: () => Promise<void>,
): Promise<Round> {
  const cpuBefore = await service.cpuMs();
  const spent = await spend(stage, ports, work);
  const cpuMs = ((await service.cpuMs()) - cpuBefore) / ports;
  return { ...spent, cpuMs, perSecond: (ports * 1000) / spent.ms };
}

async function withoutCosts(ctx: Ctx): Promise<Line[]> {
  const { short } = ctx.options;
  const together = await throughTheFrontDoor(ctx, "auto");
  const bulk = short ? [] : await throughTheFrontDoor(ctx, "never");
  const { accepts, commits } = await apart(ctx);
  const rebuilds = commits.map((each) => (each.rebuilds * 100) / each.ports);
  return [
    ...roundLines("free", together, { atLeast: 100 }),
    ...(short ? [] : roundLines("free_bulk", bulk)),
    figure(NAME, "free_accept_alone", "1/s", valuesOf(accepts, "perSecond")),
    figure(NAME, "free_accept_alone_service_cpu", "ms/provision", valuesOf(accepts, "cpuMs")),
    ...roundLines("free_commit_alone", commits),
    figure(
      NAME,
      "free_commit_alone_rebuilds_a_batch",
      "1/100 ports",
      rebuilds,
      short ? {} : { atMost: 3 },
    ),
  ];
}

/** So many ports a round, of so many rounds; the first warms up and is not counted. */
function sizeOf({ options: { short } }: Ctx): { ports: number; rounds: number; counted: number } {
  return short
    ? { ports: PORTS_A_PRODUCT, rounds: 1, counted: 1 }
    : { ports: PORTS, rounds: 4, counted: 3 };
}

/** One process does everything. */
function throughTheFrontDoor(ctx: Ctx, replace: "auto" | "never"): Promise<Round[]> {
  const { ports, rounds, counted } = sizeOf(ctx);
  const stage = { name: `free_${replace}`, tables: 0, views: ports * rounds };
  return onStage(
    ctx,
    stage,
    async (started) => {
      const service = await started.start({ HASURA_REPLACE: replace });
      const done: Round[] = [];
      for (let n = 0; n < rounds; n += 1) {
        const work = () => provisionAtOnce(ctx, started, service, n * ports, ports);
        done.push(await round(started, service, ports, work));
      }
      return done.slice(-counted);
    },
    NO_COSTS,
  );
}

function valuesOf(rounds: readonly Round[], value: keyof Round): number[] {
  return rounds.map((each) => each[value]);
}

function roundLines(metric: string, rounds: readonly Round[], speed: Target = {}): Line[] {
  const ports = rounds[0]?.ports ?? 0;
  const unit = `1/${ports} ports`;
  const [target, few] = [forAll(ports, speed), forAll(ports, { atMost: 10 })];
  return [
    figure(NAME, `${metric}_provisions`, "1/s", valuesOf(rounds, "perSecond"), target),
    figure(NAME, `${metric}_service_cpu`, "ms/provision", valuesOf(rounds, "cpuMs")),
    figure(NAME, `${metric}_writes`, unit, valuesOf(rounds, "writes"), few),
    figure(NAME, `${metric}_rebuilds`, unit, valuesOf(rounds, "rebuilds")),
    figure(NAME, `${metric}_introspections`, unit, valuesOf(rounds, "introspections")),
  ];
}

/** Accepted by one process while no worker runs, then carried out by another. */
async function apart(ctx: Ctx): Promise<{ accepts: Round[]; commits: Round[] }> {
  const { ports, rounds, counted } = sizeOf(ctx);
  const stage = { name: "free_apart", tables: 0, views: ports * rounds };
  return onStage(
    ctx,
    stage,
    async (started) => {
      const door = await started.start({ FACES: "admin,rest,webhook", OPERATION_WAIT_MS: "0" });
      const worker = await started.start({ FACES: "worker" });
      const accepts: Round[] = [];
      const commits: Round[] = [];
      for (let n = 0; n < rounds; n += 1) {
        worker.freeze();
        const bodies = bodiesOf(ctx.describe, n * ports, ports);
        accepts.push(await round(started, door, ports, () => postAll(door, bodies)));
        worker.go();
        commits.push(await round(started, worker, ports, () => untilEnded(started)));
      }
      return { accepts: accepts.slice(-counted), commits: commits.slice(-counted) };
    },
    NO_COSTS,
  );
}

export const commit: Bench = {
  name: NAME,
  about: `${PORTS} ports at once: time, writes and rebuilds beside three calls a port, and how many a second`,
  run,
};
