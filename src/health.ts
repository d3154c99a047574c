/** `/healthz`: the process lives. `/readyz`: the faces it runs can do their work, each by its own rule. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Snapshot } from "./access/snapshot.ts";
import type { Db } from "./inventory/db.ts";

/** Answers the request if it is about health; returns whether it did. */
export type Health = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

export interface HealthParts {
  /** The webhook is ready while it may decide, even with the database away. */
  readonly webhook: Pick<Snapshot, "ready"> | undefined;
  /** What rest and admin need. */
  readonly db: Db | undefined;
}

/** Why the webhook cannot decide; empty: it can. */
export function whyWebhookWaits(webhook: HealthParts["webhook"]): string[] {
  if (webhook === undefined || webhook.ready()) return [];
  return ["webhook: what it knows of access is older than ACCESS_MAX_STALENESS_MS"];
}

const DATABASE_TIMEOUT_MS = 2_000;

export function createHealth(parts: HealthParts): Health {
  return async (request, response) => {
    const path = request.url?.split("?")[0];
    if (path === "/healthz") answer(response, 200, { status: "alive" });
    else if (path === "/readyz") {
      const reasons = await whyNotReady(parts);
      answer(
        response,
        reasons.length === 0 ? 200 : 503,
        reasons.length === 0 ? { status: "ready" } : { status: "not ready", reasons },
      );
    } else return false;
    return true;
  };
}

async function whyNotReady({ webhook, db }: HealthParts): Promise<string[]> {
  const reasons = whyWebhookWaits(webhook);
  if (db !== undefined && !(await answers(db)))
    reasons.push("inventory: the database does not answer");
  return reasons;
}

async function answers(db: Db): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), DATABASE_TIMEOUT_MS);
  });
  const asked = db.$queryRaw`SELECT 1`.then(
    () => true,
    () => false,
  );
  return Promise.race([asked, late]).finally(() => clearTimeout(timer));
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
