/** JSON over HTTP: within a time, up to a size, from the address that was asked. */

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** `undefined` when it is no JSON. */
  readonly body: unknown;
}

/** How to ask, and how much may come back. */
export interface JsonBounds {
  /** @default GET */
  readonly method?: "GET" | "PUT";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the whole of it, in milliseconds. */
  readonly timeoutMs: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
}

/**
 * Asks once. A redirect is a failure: an address was configured, not whatever it leads to.
 * @throws what fetch throws, also when the time is over; Error when the answer is too large
 */
export async function fetchJson(url: URL, bounds: JsonBounds): Promise<JsonAnswer> {
  const response = await fetch(url, {
    method: bounds.method ?? "GET",
    redirect: "error",
    signal: AbortSignal.timeout(bounds.timeoutMs),
    headers: {
      accept: "application/json",
      ...(bounds.body === undefined ? {} : { "content-type": "application/json" }),
      ...bounds.headers,
    },
    ...(bounds.body === undefined ? {} : { body: JSON.stringify(bounds.body) }),
  });
  const text = await readText(response, bounds.maxBytes);
  return { status: response.status, headers: response.headers, body: parse(text) };
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body, so nothing more is received.
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
