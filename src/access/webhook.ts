/**
 * Hasura's authorisation hook: who asks, for what, and under which role. A plain handler in front of everything else,
 * because every data request waits for it. Hasura knows two answers, 200 and 401; whatever is not plainly allowed is 401.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../observability/logger.ts";
import { type AnyRefusal, type AuthoriseParts, authorise } from "./authorise.ts";
import { createDocumentReader } from "./documents.ts";
import type { Identify } from "./groups.ts";
import { type HookRefusal, type HookRequest, readHookRequest } from "./hook-request.ts";
import type { Identity } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";
import { type PortUse, portUse, type Usage } from "./usage.ts";
import type { VerifyToken } from "./verify.ts";

const WEBHOOK_PATH = "/v1/authenticate";

/** Longest a websocket that Hasura opened on an answer stays open, in seconds. */
const SOCKET_MAX_AGE_S = 300;

export interface WebhookOptions {
  readonly snapshot: Pick<Snapshot, "current" | "ask">;
  readonly verify: VerifyToken;
  /** Headers that may carry the token, in order of preference; any case. */
  readonly headerNames: readonly string[];
  readonly identify: Identify;
  /** Seconds; absent: 300. */
  readonly socketMaxAge?: number;
  /** Counts what is answered; absent: nobody does. */
  readonly usage?: Pick<Usage, "count"> | undefined;
  /** Hears of granted ports (ids, sorted) that no role covers together. Must return at once. */
  readonly onCombinationMissed?: ((portIds: readonly string[]) => void) | undefined;
  readonly log: Logger;
  /** Ms since the epoch; for tests. */
  readonly now?: () => number;
}

/** Answers the request if its path is the hook's; returns whether it did. Never throws. */
export type Webhook = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

type WebhookRefusal = HookRefusal | AnyRefusal | "TOKEN_MISSING" | "FAULT";

/** What is answered, and what is known of who asked for what. */
type Answer = (
  | { readonly ok: true; readonly variables: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: WebhookRefusal }
) & { readonly identity?: Identity; readonly use?: PortUse };

export function createWebhook(settings: WebhookOptions): Webhook {
  const headerNames = settings.headerNames.map((name) => name.toLowerCase());
  const { log, snapshot, verify, identify } = settings;
  const parts: AuthoriseParts = {
    verify,
    identify,
    readDocument: createDocumentReader(),
    viewFor: (subjects) => snapshot.current() ?? snapshot.ask(subjects),
  };
  const options = { ...settings, headerNames, parts };
  return async (request, response) => {
    if (pathOf(request) !== WEBHOOK_PATH) return false;
    let answer: Answer;
    try {
      answer = await authenticate(request, options);
    } catch (error) {
      // A client that went away is no fault of ours, and nobody reads the answer.
      if (!request.complete && request.destroyed) return true;
      log.error({ err: error }, "webhook: refused because of a fault");
      answer = refuse("FAULT");
    }
    send(request, response, answer);
    if (!answer.ok) {
      const { reason, identity } = answer;
      if (identity === undefined) log.debug({ reason }, "webhook: refused");
      else log.info({ reason, user: identity.userId }, "webhook: refused");
    }
    options.usage?.count({
      outcome: answer.ok ? "allowed" : answer.reason,
      subject: answer.identity === undefined ? null : userOf(answer.identity),
      use: answer.use,
    });
    return true;
  };
}

async function authenticate(
  request: IncomingMessage,
  options: WebhookOptions & {
    readonly headerNames: readonly string[];
    readonly parts: AuthoriseParts;
  },
): Promise<Answer> {
  const read = await readHookRequest(request);
  if (!read.ok) return read;
  const { hook } = read;
  const token = readToken(hook, options.headerNames);
  if (token === null) return refuse("TOKEN_MISSING");
  const wishedRole = hook.header("x-hasura-role") ?? undefined;
  const question = { who: token, request: hook.request, wishedRole };
  const result = await authorise(question, options.parts);
  if (!result.ok) return result;
  const { identity, asked, view, decision, tokenExpiresAt } = result;
  const use = portUse(view.access, asked.fields, decision);
  if (!decision.allow) {
    if (decision.ports !== undefined) options.onCombinationMissed?.(decision.ports);
    return { ok: false, reason: decision.reason, identity, use };
  }
  const now = (options.now ?? Date.now)();
  const maxAge = socketAge(
    options.socketMaxAge ?? SOCKET_MAX_AGE_S,
    tokenExpiresAt - now,
    decision.until - view.now,
  );
  const variables = {
    "X-Hasura-Role": decision.role,
    "X-Hasura-User-Id": identity.userId,
    "Cache-Control": `max-age=${maxAge}`,
  };
  return { ok: true, variables, identity, use };
}

/** How the user is counted: as the subject that grants name, or else as Hasura is told. */
function userOf({ subjects, userId }: Identity): string {
  return subjects.find((subject) => subject.startsWith("user:")) ?? userId;
}

function refuse(reason: WebhookRefusal): Answer {
  return { ok: false, reason };
}

/** Seconds until an open websocket must ask again: the bound, or what is left of the token or the grant. */
function socketAge(bound: number, ...leftMs: readonly number[]): number {
  return Math.max(1, Math.min(bound, ...leftMs.map((ms) => Math.floor(ms / 1000))));
}

/**
 * The bearer token in the first of the headers that is there; `null` when there is none, or it is not clear which.
 * @param headerNames in lower case
 */
function readToken(hook: HookRequest, headerNames: readonly string[]): string | null {
  for (const name of headerNames) {
    const value = hook.header(name);
    if (value === undefined) continue;
    return /^\s*bearer +([\w.~+/=-]+)\s*$/i.exec(value ?? "")?.[1] ?? null;
  }
  return null;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").replace(/[?#].*$/s, "");
}

/** The reason is for whoever sets things up: Hasura drops it, and it tells no more than that something was refused. */
function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const body = JSON.stringify(answer.ok ? answer.variables : { reason: answer.reason });
  response.writeHead(answer.ok ? 200 : 401, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    // A body that nobody read (another method than POST) must not be taken for the next request.
    ...(request.complete ? {} : { Connection: "close" }),
  });
  response.end(body);
}
