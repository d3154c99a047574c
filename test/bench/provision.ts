/**
 * How many output ports a second are provisioned through REST, one at a time and 32 at once, with a Hasura that takes
 * no time of its own: what is measured is this service, its PostgreSQL and its worker. No target.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { viewsSql } from "../support/described-port.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { type Describe, provisioningBody, readExample } from "./descriptors.ts";
import { figure, interleave, type Line } from "./harness.ts";
import { type Connections, openConnections, repeat } from "./load.ts";
import type { World } from "./world.ts";

const NAME = "provision";
const AT_ONCE = 32;
const DATABASE = "BENCH";
/** Ports of one data product share a connection in Hasura; this many is a usual data product. */
const PORTS_A_PRODUCT = 4;
const POLL_MS = 20;

interface Batch {
  readonly perSecond: number;
  /** By the clock, from the request to the end of the operation. */
  readonly msEach: number;
  readonly cpuMs: number;
  /** Of Hasura's metadata. */
  readonly writes: number;
  readonly calls: number;
}

async function run(world: World, options: BenchOptions): Promise<Line[]> {
  const rounds = options.short ? 1 : 5;
  const [alone, together] = options.short ? [1, 2] : [8, AT_ONCE];
  // One more round than is counted: it warms up.
  const ports = (rounds + 1) * (alone + together);
  const views = Array.from({ length: ports }, (_, port) => viewOf(port));
  await world.sandbox.addSnowflakeDatabase(DATABASE, viewsSql(views));

  const provisioning = { world, describe: await readExample(), next: 0 };
  const tasks = {
    alone: () => provisionMany(provisioning, alone, 1),
    together: () => provisionMany(provisioning, together, AT_ONCE),
  };
  if (!options.short) await interleave(tasks, 1);
  const batches = await interleave(tasks, rounds);
  return [
    ...linesOf("one_at_a_time", batches.alone),
    ...linesOf(`${AT_ONCE}_at_once`, batches.together),
  ];
}

const FIGURES: readonly (readonly [keyof Batch, metric: string, unit: string])[] = [
  ["perSecond", "provisions", "1/s"],
  ["msEach", "latency", "ms"],
  ["cpuMs", "service_cpu", "ms/provision"],
  ["writes", "hasura_writes", "1/provision"],
  ["calls", "hasura_calls", "1/provision"],
];

function linesOf(how: string, batches: readonly Batch[]): Line[] {
  return FIGURES.map(([value, metric, unit]) => {
    const values = batches.map((batch) => batch[value]);
    return figure(NAME, `${metric}_${how}`, unit, values);
  });
}

interface Provisioning {
  readonly world: World;
  readonly describe: Describe;
  /** The port that was not provisioned yet. */
  next: number;
}

async function provisionMany(on: Provisioning, ports: number, atOnce: number): Promise<Batch> {
  const { sandbox, service } = on.world;
  const connections = openConnections(atOnce);
  const stats = async (): Promise<{ writes: number; calls: number }> =>
    JSON.parse((await connections.get(`${sandbox.url}/sandbox/stats`)).text);
  const [before, cpuBefore, began] = [await stats(), await service.cpuMs(), performance.now()];
  let waited = 0;
  await repeat(ports, atOnce, async () => {
    const sent = performance.now();
    await provisionOne(on, connections, on.next++);
    waited += performance.now() - sent;
  });
  const seconds = (performance.now() - began) / 1000;
  const [after, cpuAfter] = [await stats(), await service.cpuMs()];
  connections.close();
  return {
    perSecond: ports / seconds,
    msEach: waited / ports,
    cpuMs: (cpuAfter - cpuBefore) / ports,
    writes: (after.writes - before.writes) / ports,
    calls: (after.calls - before.calls) / ports,
  };
}

/** @throws Error when it does not end COMPLETED */
async function provisionOne(
  { world, describe }: Provisioning,
  connections: Connections,
  port: number,
): Promise<void> {
  const product = `bench${Math.floor(port / PORTS_A_PRODUCT)}`;
  const body = provisioningBody(
    describe({ product, port, database: DATABASE, view: viewOf(port) }),
  );
  const url = `${world.service.url}/v1/provision`;
  let answer = await connections.post(url, body);
  const token = answer.status === 202 ? answer.text : undefined;
  while (token !== undefined && (answer.status === 202 || answer.text.includes('"RUNNING"'))) {
    await sleep(POLL_MS);
    answer = await connections.get(`${url}/${token}/status`);
  }
  if (answer.status !== 200 || !answer.text.includes('"status":"COMPLETED"'))
    throw new Error(`provisioning was answered with ${answer.status}: ${answer.text}`);
}

function viewOf(port: number): string {
  return `VIEW_${port}`;
}

export const provision: Bench = {
  name: NAME,
  about: `provisions a second through REST, one at a time and ${AT_ONCE} at once`,
  run,
};
