/** Reading what Hasura's authorisation hook sends, in both of its modes. */
import type { IncomingMessage } from "node:http";
import { z } from "zod";

/** Bytes of a POST body: Hasura forwards the whole request, variables included. */
const BODY_LIMIT = 1_500_000;
/** Bytes after which a connection that goes on sending is cut. */
const DROPPED_LIMIT = 15_000_000;

export type HookRefusal = "BODY_TOO_LARGE" | "BODY_MALFORMED" | "METHOD_UNKNOWN";

export interface HookRequest {
  /** The client's headers by lower-case name, with every different value that was sent. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** What Hasura forwards of the GraphQL request; `null` when it forwards none. */
  readonly request: unknown;
}

export type HookRequestResult =
  | { readonly ok: true; readonly hook: HookRequest }
  | { readonly ok: false; readonly reason: HookRefusal };

const bodySchema = z.object({
  headers: z.record(z.string(), z.unknown()),
  request: z.unknown().optional(),
});

/**
 * Reads the hook's request: POST has the client's headers and request in its body, GET forwards the headers as its own.
 * @throws what the connection throws when it breaks
 */
export async function readHookRequest(message: IncomingMessage): Promise<HookRequestResult> {
  if (message.method === "GET") {
    const headers = collectHeaders(
      Object.entries(message.headersDistinct).map(([name, values]) => [name, values ?? []]),
    );
    return { ok: true, hook: { headers, request: null } };
  }
  if (message.method !== "POST") return { ok: false, reason: "METHOD_UNKNOWN" };
  const text = await readBody(message);
  if (text === null) return { ok: false, reason: "BODY_TOO_LARGE" };
  const body = bodySchema.safeParse(parseJson(text));
  if (!body.success) return { ok: false, reason: "BODY_MALFORMED" };
  const headers = collectHeaders(
    Object.entries(body.data.headers).map(([name, value]) => [
      name,
      typeof value === "string" ? [value] : [],
    ]),
  );
  return { ok: true, hook: { headers, request: body.data.request ?? null } };
}

/** The one value of a header: `undefined` when absent, `null` when there are several that differ. */
export function headerValue(hook: HookRequest, name: string): string | null | undefined {
  const values = hook.headers.get(name.toLowerCase());
  if (values === undefined || values.length === 0) return undefined;
  return values.length === 1 ? values[0] : null;
}

function collectHeaders(
  entries: readonly (readonly [string, readonly string[]])[],
): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (const [name, values] of entries) {
    const known = headers.get(name.toLowerCase()) ?? [];
    headers.set(name.toLowerCase(), [...new Set([...known, ...values])]);
  }
  return headers;
}

/**
 * The body as text, or `null` when it is longer than the limit. What is too much is read to its end and dropped, since
 * an answer in the middle of a body is seldom read; there is a limit to that too.
 */
async function readBody(message: IncomingMessage): Promise<string | null> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    message.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_LIMIT) chunks.push(chunk);
      else chunks.length = 0;
      if (size > DROPPED_LIMIT) message.destroy();
    });
    message.on("end", () =>
      resolve(size > BODY_LIMIT ? null : Buffer.concat(chunks).toString("utf8")),
    );
    message.on("error", reject);
    message.on("close", () => reject(new Error("the connection was closed")));
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
