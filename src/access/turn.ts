/** The rhythm of a background loop: it pauses, is woken early, and tells those who wait how its round went. */

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

export interface Turn {
  /** Ends the pause, or the next one if none is on. */
  wake(): void;
  /** Waits for as long, or until woken. */
  next(ms: number): Promise<void>;
  /** Wakes, and waits for the outcome of a round that begins after this. */
  ask(): Promise<void>;
  /** Those who wait for the round that begins now. */
  take(): Waiting[];
  /** Forgets a wake-up, unless somebody waits: what a dying connection says must not shorten the pause. */
  calm(): void;
}

export function createTurn(): Turn {
  let woken = false;
  let end: (() => void) | undefined;
  let waiting: Waiting[] = [];
  const wake = (): void => {
    woken = true;
    end?.();
  };
  return {
    wake,
    next: async (ms) => {
      if (!woken)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          timer.unref();
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      woken = false;
      end = undefined;
    },
    ask: async () =>
      await new Promise<void>((resolve, reject) => {
        waiting.push({ resolve, reject });
        wake();
      }),
    take: () => {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    calm: () => {
      woken = waiting.length > 0;
    },
  };
}
