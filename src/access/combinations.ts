/** Queries that a combined role would serve: told to whoever makes such roles, and not once a request. */
import { LRUCache } from "lru-cache";
import type { Logger } from "../observability/logger.ts";

/** Least time between two reports of the same ports. */
const REPORTED_EVERY_MS = 10_000;
const REMEMBERED = 1_000;

/**
 * Makes what the webhook calls when ports lie within what is granted, but no role covers them all. It returns at once;
 * the report is made afterwards, and its failure is only logged.
 * @param report gets the ports' ids, sorted
 */
export function createCombinationReporter(
  report: (portIds: readonly string[]) => Promise<void>,
  log: Logger,
): (portIds: readonly string[]) => void {
  const reported = new LRUCache<string, true>({ max: REMEMBERED, ttl: REPORTED_EVERY_MS });
  return (portIds) => {
    const key = portIds.join(" ");
    if (reported.has(key)) return;
    reported.set(key, true);
    setImmediate(() => {
      report(portIds).catch((error: unknown) => {
        reported.delete(key);
        log.warn({ err: error }, "access: a combined role could not be asked for");
      });
    });
  };
}
