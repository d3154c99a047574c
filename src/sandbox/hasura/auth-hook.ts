/** The authentication hook: one call for each request, in GET or POST mode. */
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { HasuraError } from "./errors.ts";
import type { Headers } from "./headers.ts";
import { expiryOf } from "./hook-expiry.ts";
import { describeJson, isObject, type Json, parseJson, writeJson } from "./json.ts";

export interface AuthHook {
  readonly url: string;
  readonly mode: "GET" | "POST";
  /** Whether a POST hook is told the GraphQL request; yes unless said otherwise. */
  readonly sendsRequest?: boolean | undefined;
}

export interface HookAnswer {
  readonly variables: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

/** Headers that say something of the client's connection, not of the client: a GET hook does not see them. */
const NOT_FORWARDED: ReadonlySet<string> = new Set([
  "content-length",
  "content-md5",
  "user-agent",
  "host",
  "origin",
  "referer",
  "accept",
  "accept-encoding",
  "accept-language",
  "accept-datetime",
  "cache-control",
  "connection",
  "dnt",
  "content-type",
]);

const TIMEOUT_MS = 30_000;

/**
 * Asks the hook who the client is.
 * @param graphql what stands under `request` in POST mode
 * @throws HasuraError access-denied (401) when the hook says 401; unexpected (500) for every other answer
 *   but 200, for one that cannot be read, and when there is none
 */
export async function askHook(
  hook: AuthHook,
  headers: Headers,
  graphql: Json,
): Promise<HookAnswer> {
  const client = clientHeaders(headers);
  const answer = await (hook.mode === "GET"
    ? send(hook.url, "GET", forwarded(client), undefined)
    : send(
        hook.url,
        "POST",
        { "content-type": "application/json" },
        writeJson({
          headers: Object.fromEntries(client),
          ...(hook.sendsRequest === false ? {} : { request: graphql }),
        }),
      )
  ).catch(() => {
    throw new HasuraError("unexpected", "webhook authentication request failed", {
      status: 500,
      path: "$",
    });
  });
  if (answer.status === 401)
    throw new HasuraError("access-denied", "Authentication hook unauthorized this request", {
      status: 401,
      path: "$",
    });
  if (answer.status !== 200) throw invalid("Invalid response from authorization hook");
  const variables = readVariables(answer.body);
  return {
    variables,
    cookies: answer.headers["set-cookie"] ?? [],
    expiresAt: expiryOf(variables, Date.now()),
  };
}

/** Every header once, in the case in which it came; of a repeated one the last counts. */
function clientHeaders(headers: Headers): Map<string, string> {
  const byName = new Map(headers.map((header) => [header[0].toLowerCase(), header]));
  return new Map(byName.values());
}

function forwarded(headers: ReadonlyMap<string, string>): OutgoingHttpHeaders {
  return Object.fromEntries(
    [...headers].filter(([name]) => !NOT_FORWARDED.has(name.toLowerCase())),
  );
}

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A connection kept open may have been closed by the hook just when it is used again: once more, then. */
async function send(
  url: string,
  method: string,
  headers: OutgoingHttpHeaders,
  body: string | undefined,
): Promise<RawAnswer> {
  try {
    return await sendOnce(url, method, headers, body);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return await sendOnce(url, method, headers, body);
  }
}

class StaleConnection extends Error {}

async function sendOnce(
  url: string,
  method: string,
  headers: OutgoingHttpHeaders,
  body: string | undefined,
): Promise<RawAnswer> {
  const open = url.startsWith("https:") ? httpsRequest : httpRequest;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return await new Promise<RawAnswer>((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = open(
      url,
      { method, headers: { ...headers, ...length }, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    request.on("error", (cause: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && cause.code === "ECONNRESET";
      reject(stale ? new StaleConnection("connection reset", { cause }) : cause);
    });
    request.end(body);
  });
}

function invalid(message: string): HasuraError {
  return new HasuraError("unexpected", message, { status: 500, path: "$" });
}

function readVariables(body: string): Record<string, string> {
  const prefix = "Invalid response from authorization hook: ";
  const variables: Record<string, string> = {};
  const json = ((): Json => {
    try {
      return parseJson(body);
    } catch {
      throw invalid(`${prefix}Error in $: not valid JSON`);
    }
  })();
  if (!isObject(json))
    throw invalid(
      `${prefix}Error in $: parsing HashMap failed, expected Object, but encountered ${describeJson(json)}`,
    );
  for (const [name, value] of Object.entries(json)) {
    if (typeof value !== "string")
      throw invalid(
        `${prefix}Error in $['${name}']: parsing Text failed, expected String, but encountered ${describeJson(value)}`,
      );
    variables[name] = value;
  }
  return variables;
}
