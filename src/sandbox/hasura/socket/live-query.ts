/** A subscription: its rows read again and again, and told when they differ from what was told last. */
import { type JsonObject, writeJson } from "../json.ts";

export interface LiveQuery {
  stop(): void;
}

/**
 * @param run reads the data as they are now
 * @param everyMs how long it waits between two looks
 */
export function startLiveQuery(
  run: () => Promise<JsonObject>,
  everyMs: number,
  tell: { data(data: JsonObject): void; failure(error: unknown): void },
): LiveQuery {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let told: string | undefined;
  const look = async (): Promise<void> => {
    try {
      const data = await run();
      const text = writeJson(data);
      if (!stopped && text !== told) tell.data(data);
      told = text;
    } catch (error) {
      if (!stopped) tell.failure(error);
      told = undefined;
    }
    if (!stopped) timer = setTimeout(() => void look(), everyMs).unref();
  };
  void look();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
