/**
 * Failures on demand, to see what a caller makes of them: an answer replaced, a connection cut, a delay,
 * each before the request is handled or after it was handled and committed.
 */
import { IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  allowsMethod,
  type Handler,
  readBody,
  readJson,
  requestUrl,
  sendInvalid,
  sendJson,
} from "./http.ts";

const MAX_DELAY_MS = 600_000;

const faultSchema = z.strictObject({
  /** Part of the path, or of the `type` of a metadata command or of one nested in it. */
  match: z.string().min(1, "expected a part of the path or of a command's type"),
  times: z.number().int().min(1).max(1_000_000).default(1),
  /** How many matching requests pass before the first that is hit. */
  skip: z.number().int().min(0).max(1_000_000).default(0),
  /** How likely a matching request is hit; 1 is always. */
  chance: z.number().gt(0).max(1).default(1),
  action: z.enum(["status", "reset", "delay"], { error: "expected status, reset or delay" }),
  when: z.enum(["before", "after"], { error: "expected before or after" }).default("before"),
  status: z.number().int().min(200).max(599).default(500),
  /** A text goes out as it is, anything else as JSON. */
  body: z.unknown().default({ error: "made by /sandbox/faults" }),
  ms: z.number().min(0).max(MAX_DELAY_MS).default(1000),
});

type Fault = z.infer<typeof faultSchema>;

/** A request that a fault was done to. */
interface Hit {
  /** Type of the metadata command, else the path. */
  readonly what: string;
  readonly action: Fault["action"];
  readonly when: Fault["when"];
  /** When it was hit, in milliseconds since the epoch. */
  readonly at: number;
}

/** How many are remembered. */
const HITS_MAX = 1_000;

export interface Faults {
  /** Serves `/sandbox/faults`: POST adds one, GET lists those left and what was hit, DELETE clears both. */
  readonly handle: Handler;
  /** `handle` with the faults that are due. */
  wrap(handle: Handler): Handler;
}

export function createFaults(): Faults {
  let active: Fault[] = [];
  let hits: Hit[] = [];

  const take = (path: string, types: readonly string[]): Fault | undefined => {
    const names = [path, ...types];
    const matching = active.filter(({ match }) => names.some((name) => name.includes(match)));
    for (const fault of matching)
      if (fault.skip > 0) fault.skip -= 1;
      else if (fault.chance === 1 || Math.random() < fault.chance)
        return hit(fault, types[0] ?? path);
    return undefined;
  };

  const hit = (fault: Fault, what: string): Fault => {
    const { action, when } = fault;
    hits = [...hits.slice(1 - HITS_MAX), { what, action, when, at: Date.now() }];
    fault.times -= 1;
    if (fault.times === 0) active = active.filter((other) => other !== fault);
    return fault;
  };

  const handle: Handler = async (request, response) => {
    if (requestUrl(request).pathname !== "/sandbox/faults") return false;
    if (!allowsMethod(request, response, ["GET", "POST", "DELETE"])) return true;
    if (request.method === "DELETE") [active, hits] = [[], []];
    if (request.method === "POST") {
      const given = faultSchema.safeParse(await readJson(request));
      if (!given.success) {
        sendInvalid(response, "This is no fault that the sandbox can make.", given.error);
        return true;
      }
      active.push(given.data);
    }
    sendJson(response, 200, { faults: active, hits });
    return true;
  };

  const wrap =
    (next: Handler): Handler =>
    async (request, response) => {
      if (active.length === 0) return await next(request, response);
      const body = await readBody(request);
      const fault = take(requestUrl(request).pathname, commandTypes(request, body));
      const again = replay(request, body);
      return fault ? await apply(fault, next, again, response) : await next(again, response);
    };

  return { handle, wrap };
}

async function apply(
  fault: Fault,
  next: Handler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (fault.when === "after") {
    holdAnswer(response, fault);
    return await next(request, response);
  }
  if (fault.action === "delay") {
    await delay(fault.ms);
    return await next(request, response);
  }
  if (fault.action === "reset") response.socket?.resetAndDestroy();
  else replace(response, fault);
  return true;
}

function replace(response: ServerResponse, fault: Fault): void {
  const { status, body } = fault;
  if (typeof body !== "string") sendJson(response, status, body);
  else response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(body);
}

/** Lets the request be handled, and does to its answer what the fault says. */
function holdAnswer(response: ServerResponse, fault: Fault): void {
  const own = { writeHead: response.writeHead, setHeader: response.setHeader, end: response.end };
  const restore = (): void => {
    Object.assign(response, own);
  };
  const release = (...finished: unknown[]): ServerResponse => {
    restore();
    if (fault.action === "reset") response.socket?.resetAndDestroy();
    else if (fault.action === "status") replace(response, fault);
    else setTimeout(() => Reflect.apply(own.end, response, finished), fault.ms);
    return response;
  };
  Object.assign(response, { end: release });
  if (fault.action === "delay") return;
  const ignored = (): ServerResponse => response;
  Object.assign(response, { writeHead: ignored, setHeader: ignored, write: () => true });
}

/** The request once more, with the body that has been read from it. */
function replay(request: IncomingMessage, body: Buffer): IncomingMessage {
  const again = new IncomingMessage(request.socket);
  again.method = request.method;
  again.url = request.url;
  again.headers = request.headers;
  again.rawHeaders = request.rawHeaders;
  again.httpVersion = request.httpVersion;
  again.push(body);
  again.push(null);
  again.complete = true;
  return again;
}

/** The `type` of the metadata command in the body, and of all that are nested in its `args`. */
function commandTypes(request: IncomingMessage, body: Buffer): string[] {
  if (request.method !== "POST" || !/json/.test(request.headers["content-type"] ?? "json"))
    return [];
  const types: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (value !== null && typeof value === "object") {
      if ("type" in value && typeof value.type === "string") types.push(value.type);
      if ("args" in value) visit(value.args);
    }
  };
  try {
    visit(JSON.parse(body.toString("utf8")));
  } catch {
    // Not JSON: then the path alone counts.
  }
  return types;
}
