/**
 * What `POST /v1/validate` costs, beside what it cannot do without: HTTP and JSON, the YAML library, one SELECT.
 * Compared is the CPU time of processes, so neither PostgreSQL's work nor the load's counts on any side.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { componentIdOf, type DescribedPort } from "../support/described-port.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { provisioningBody, readExample } from "./descriptors.ts";
import { explain, figure, interleave, type Line } from "./harness.ts";
import { openConnections, repeat } from "./load.ts";
import { type Measured, startPart } from "./processes.ts";
import type { World } from "./world.ts";

const NAME = "rest-validate";
/** Requests under way at once, each on a connection of its own; the SELECTs alike. */
const AT_ONCE = 8;
const TARGET = 1.6;
/** Until V8 has compiled what is used: some 2000 requests. */
const WARM_UP = 5;
const ROUNDS = 11;

/** A port that was never provisioned: what Witboost asks about before the first deployment. */
const NEW: DescribedPort = { product: "vaccinations", port: 1 };
/** One that is provisioned already: validated again with each deployment; costs one SELECT more. */
const LIVE: DescribedPort = { product: "vaccinations", port: 2 };

interface Cost {
  /** CPU time of one, in milliseconds. */
  readonly cpuMs: number;
  /** How many a second, by the clock. */
  readonly perSecond: number;
}

type Task = () => Promise<Cost>;

async function run(world: World, options: BenchOptions): Promise<Line[]> {
  const scale = options.short ? 0.05 : 1;
  const tasks = await tasksIn(world, options, scale);
  if (!options.short) await interleave(tasks, WARM_UP);
  const rounds = await interleave(tasks, options.short ? 1 : ROUNDS);

  const cpu = (name: keyof typeof rounds): number[] => rounds[name].map(({ cpuMs }) => cpuMs);
  const perSecond = (name: keyof typeof rounds): number[] =>
    rounds[name].map((cost) => cost.perSecond);
  const parts = (select: "select" | "selectLive"): number[] =>
    cpu("echo").map((echo, n) => echo + (cpu("yaml")[n] ?? 0) + (cpu(select)[n] ?? 0));
  const ratio = (name: "service" | "serviceLive", select: "select" | "selectLive"): number[] =>
    cpu(name).map((service, n) => service / (parts(select)[n] ?? 0));
  const ms = "ms/request";
  explain(
    `${NAME}: the ratio is CPU time of the service / (bare HTTP + bare YAML parse + one SELECT)`,
  );
  return [
    figure(NAME, "cpu_ratio", "x", ratio("service", "select"), { atMost: TARGET }),
    figure(NAME, "cpu_ratio_live_port", "x", ratio("serviceLive", "selectLive"), {
      atMost: TARGET,
    }),
    figure(NAME, "service_cpu", ms, cpu("service")),
    figure(NAME, "service_cpu_live_port", ms, cpu("serviceLive")),
    figure(NAME, "parts_cpu", ms, parts("select")),
    figure(NAME, "part_bare_http_cpu", ms, cpu("echo")),
    figure(NAME, "part_yaml_parse_cpu", ms, cpu("yaml")),
    figure(NAME, "part_select_cpu", ms, cpu("select")),
    figure(NAME, "part_select_live_port_cpu", ms, cpu("selectLive")),
    figure(NAME, "our_yaml_reader_cpu", ms, cpu("reader")),
    figure(NAME, "service_requests", "1/s", perSecond("service")),
    figure(NAME, "bare_http_requests", "1/s", perSecond("echo")),
  ];
}

async function tasksIn(world: World, options: BenchOptions, scale: number) {
  const { closing } = options;
  const describe = await readExample();
  const file = join(world.folder, "descriptor.yaml");
  await writeFile(file, describe(NEW));
  const part = async (name: string, args: readonly string[] = []): Promise<Measured> => {
    const started = await startPart(name, args);
    closing(() => started.stop());
    return started;
  };
  const select = (port: DescribedPort): Promise<Measured> =>
    part("select", [
      world.databaseUrl,
      "default",
      componentIdOf(port),
      "development",
      `${AT_ONCE}`,
    ]);
  const [echo, yaml, reader, selectNew, selectLive] = await Promise.all([
    part("echo"),
    part("yaml", [file]),
    part("yaml", [file, "reader"]),
    select(NEW),
    select(LIVE),
  ]);
  await provisionOne(world, describe(LIVE));

  const requests = Math.ceil(200 * scale);
  const validateUrl = `${world.service.url}/v1/validate`;
  const validated = (text: string): boolean => text === '{"valid":true}';
  const body = provisioningBody(describe(NEW));
  return {
    service: posting(world.service, validateUrl, body, requests, validated),
    echo: posting(echo, echo.url, body, 5 * requests, (text) => text === body),
    yaml: working(yaml, requests),
    select: working(selectNew, 3 * requests),
    serviceLive: posting(
      world.service,
      validateUrl,
      provisioningBody(describe(LIVE)),
      requests,
      validated,
    ),
    selectLive: working(selectLive, 3 * requests),
    reader: working(reader, requests),
  };
}

async function provisionOne({ service }: World, descriptor: string): Promise<void> {
  const connections = openConnections(1);
  const url = `${service.url}/v1/provision`;
  const { status, text } = await connections.post(url, provisioningBody(descriptor));
  connections.close();
  if (status !== 200 || !text.includes('"COMPLETED"'))
    throw new Error(`provisioning was answered with ${status}: ${text}`);
}

function posting(
  process: Measured,
  url: string,
  body: string,
  times: number,
  isRight: (text: string) => boolean,
): Task {
  return costOf(process, times, async () => {
    // For one turn: between turns a server closes connections that idle.
    const connections = openConnections(AT_ONCE);
    await repeat(times, AT_ONCE, async () => {
      const { status, text } = await connections.post(url, body);
      if (status !== 200 || !isRight(text)) throw new Error(`${url} answered ${status}: ${text}`);
    }).finally(connections.close);
  });
}

function working(process: Measured, times: number): Task {
  return costOf(process, times, () => process.work(times));
}

function costOf(process: Measured, times: number, work: () => Promise<void>): Task {
  return async () => {
    const [cpuBefore, began] = [await process.cpuMs(), performance.now()];
    await work();
    const seconds = (performance.now() - began) / 1000;
    return { cpuMs: ((await process.cpuMs()) - cpuBefore) / times, perSecond: times / seconds };
  };
}

export const restValidate: Bench = {
  name: NAME,
  about: "CPU time of POST /v1/validate beside bare HTTP, a bare YAML parse and one SELECT",
  run,
};
