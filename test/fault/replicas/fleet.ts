/** Several processes of the service over one PostgreSQL and one Hasura, killed and started while they work. */
import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import { type Service, startService } from "../service.ts";
import { openTap, type Tap } from "./tap.ts";

export interface Fleet {
  readonly taps: readonly Tap[];
  /** One that lives, another each time. */
  some(): Service;
  /** Those that live. */
  all(): readonly Service[];
  /** `kill -9`, and another one is started in its place; one after the other. @returns when that one serves */
  replaceOne(): Promise<void>;
  stop(): Promise<void>;
}

export async function startFleet(
  sandbox: Required<Sandbox>,
  size: number,
  settings: Readonly<Record<string, string>>,
): Promise<Fleet> {
  const taps: Tap[] = [];
  const open = async (index: number): Promise<Service> => {
    // The process that takes its place is another sender.
    const tap = await openTap(sandbox.url, `${index}.${taps.length}`);
    taps.push(tap);
    return startService({ ...sandbox, hasuraUrl: tap.url }, settings);
  };
  const living: (Service | null)[] = await Promise.all(
    Array.from({ length: size }, (_, index) => open(index)),
  );
  const all = (): Service[] => living.filter((service) => service !== null);
  let asked = 0;
  let killed = 0;
  let replacing = Promise.resolve();
  const replace = async (): Promise<void> => {
    const index = killed++ % size;
    const victim = living[index];
    living[index] = null;
    await victim?.program.end("SIGKILL");
    living[index] = await open(index);
  };
  return {
    taps,
    all,
    some() {
      const services = all();
      const service = services[asked++ % services.length];
      if (service === undefined) throw new Error("no process lives");
      return service;
    },
    replaceOne() {
      replacing = replacing.then(replace);
      return replacing;
    },
    async stop() {
      await Promise.all(all().map(({ program }) => program.end("SIGTERM")));
      await Promise.all(taps.map((tap) => tap.stop()));
    },
  };
}
