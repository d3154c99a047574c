import { type Lane, openLane } from "./lane.ts";

/** Lanes that cases share, each used by one at a time. */
export interface Lanes {
  use<T>(work: (lane: Lane) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export async function openLanes(
  count: number,
  options: Parameters<typeof openLane>[0],
): Promise<Lanes> {
  const lanes = await Promise.all(Array.from({ length: count }, () => openLane(options)));
  const free = [...lanes];
  const waiting: ((lane: Lane) => void)[] = [];
  return {
    async use(work) {
      const lane = free.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)));
      try {
        return await work(lane);
      } finally {
        const next = waiting.shift();
        if (next === undefined) free.push(lane);
        else next(lane);
      }
    },
    async stop() {
      await Promise.all(lanes.map((lane) => lane.stop()));
    },
  };
}
