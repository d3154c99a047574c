/** What the sandbox's parts share to read requests and write answers. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { z } from "zod";
import { AppError } from "../errors.ts";

/** Answers a request if it is one of the part's; `false` leaves it to the next part. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;
const unzip = promisify(gunzip);

/** The request's address; only its path and query mean something. */
export function requestUrl(request: IncomingMessage): URL {
  return new URL(request.url ?? "/", "http://sandbox");
}

/**
 * The body as it came.
 * @throws AppError PAYLOAD_TOO_LARGE above 64 MiB
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES)
      throw new AppError("PAYLOAD_TOO_LARGE", "The sandbox takes bodies of at most 64 MiB.");
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

/**
 * The JSON body, unpacked when it is gzip.
 * @returns `undefined` when it is empty
 * @throws AppError BAD_REQUEST when it is no JSON
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request);
  if (body.length === 0) return undefined;
  try {
    const packed = request.headers["content-encoding"] === "gzip";
    const plain = packed ? await unzip(body, { maxOutputLength: MAX_UNPACKED_BYTES }) : body;
    const value: unknown = JSON.parse(plain.toString("utf8"));
    return value;
  } catch (cause) {
    throw new AppError("BAD_REQUEST", "The body is not JSON.", { cause });
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

/** 400 with each fault by its place. */
export function sendInvalid(response: ServerResponse, message: string, error: z.ZodError): void {
  sendJson(response, 400, {
    error: message,
    problems: error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message })),
  });
}

/** Answers 405 unless the request's method is one of these. */
export function allowsMethod(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): boolean {
  if (methods.includes(request.method ?? "")) return true;
  response.setHeader("allow", methods.join(", "));
  sendJson(response, 405, { error: `Use ${methods.join(" or ")} here.` });
  return false;
}
