/**
 * Reading what Hasura's authorisation hook sends, in both of its modes. Every data request passes here, so it looks at
 * no more than it needs: the few headers that matter, and the GraphQL request as it is.
 */
import type { IncomingMessage } from "node:http";

/** Bytes of a POST body: Hasura forwards the whole request, variables included. */
const BODY_LIMIT = 1_500_000;
/** Bytes after which a connection that goes on sending is cut. */
const DROPPED_LIMIT = 15_000_000;

export type HookRefusal = "BODY_TOO_LARGE" | "BODY_MALFORMED" | "METHOD_UNKNOWN";

export interface HookRequest {
  /**
   * The one value of a client's header: `undefined` when absent, `null` when there are several that differ.
   * @param name in lower case; the client's may be in any
   */
  header(name: string): string | null | undefined;
  /** What Hasura forwards of the GraphQL request; `null` when it forwards none. */
  readonly request: unknown;
}

export type HookRequestResult =
  | { readonly ok: true; readonly hook: HookRequest }
  | { readonly ok: false; readonly reason: HookRefusal };

/**
 * Reads the hook's request: POST has the client's headers and request in its body, GET forwards the headers as its own.
 * @throws what the connection throws when it breaks
 */
export async function readHookRequest(message: IncomingMessage): Promise<HookRequestResult> {
  if (message.method === "GET") {
    const own = message.headersDistinct;
    return { ok: true, hook: { header: (name) => oneOf(own[name] ?? []), request: null } };
  }
  if (message.method !== "POST") return { ok: false, reason: "METHOD_UNKNOWN" };
  const text = await readBody(message);
  if (text === null) return { ok: false, reason: "BODY_TOO_LARGE" };
  const body = parseJson(text);
  if (!isObject(body) || !isObject(body.headers)) return { ok: false, reason: "BODY_MALFORMED" };
  const { headers, request = null } = body;
  return { ok: true, hook: { header: (name) => headerIn(headers, name), request } };
}

/** Hasura keeps the case in which a client wrote a header's name, so there may be several of one name. */
function headerIn(
  headers: Readonly<Record<string, unknown>>,
  name: string,
): string | null | undefined {
  const values: string[] = [];
  for (const key in headers) {
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    const value = headers[key];
    if (typeof value === "string") values.push(value);
  }
  return oneOf(values);
}

function oneOf([first, ...others]: readonly string[]): string | null | undefined {
  return others.every((other) => other === first) ? first : null;
}

/**
 * The body as text, or `null` when it is longer than the limit. What is too much is read to its end and dropped, since
 * an answer in the middle of a body is seldom read; there is a limit to that too.
 */
function readBody(message: IncomingMessage): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    message.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_LIMIT) chunks.push(chunk);
      else chunks.length = 0;
      if (size > DROPPED_LIMIT) message.destroy();
    });
    message.on("end", () => {
      if (size > BODY_LIMIT) resolve(null);
      else resolve((chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString() ?? "");
    });
    message.on("error", reject);
    // Every message closes; the error with its stack is made only where it says something.
    message.on("close", () => {
      if (!message.complete) reject(new Error("the connection was closed"));
    });
  });
}

/** `undefined` when it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** By hand: a schema's check of every header would cost as much as all the rest of a decision. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
