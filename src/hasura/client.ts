/** Hasura's metadata API (v2): one function a call, every answer checked, every failure one of ours. */
import { z } from "zod";
import { AppError } from "../errors.ts";
import { type Metadata, parseLossless, stringifyLossless } from "./metadata.ts";

export interface HasuraSettings {
  readonly url: string;
  readonly adminSecret: string;
  /** For reads, in milliseconds. */
  readonly timeoutMs: number;
  /** For writes, in milliseconds: a rebuild can take minutes, and a write given up may still commit. */
  readonly writeTimeoutMs: number;
  /** Takes secrets out of what Hasura says, before it becomes part of a message. */
  readonly redact: (text: string) => string;
}

/** A metadata command: `{type, args}`; see Hasura's API reference, "Metadata API". */
export interface Command {
  readonly type: string;
  readonly args: unknown;
}

/** How Hasura refuses a command: the body of its answer. */
interface HasuraRefusal {
  readonly status: number;
  readonly code: string;
  readonly path: string;
  readonly error: string;
  readonly internal?: unknown;
}

export interface HasuraClient {
  readonly url: string;
  /** The metadata with its version; a read, tried once within `timeoutMs`. */
  exportMetadata(): Promise<{ resourceVersion: bigint; metadata: Metadata }>;
  /** Sends a command that changes metadata, fenced by the version it was planned on. Never sent twice. */
  write(command: Command, resourceVersion: bigint): Promise<unknown>;
  /** `{version}` of GET /v1/version. */
  version(): Promise<string>;
  /** Whether the metadata is consistent. */
  isConsistent(): Promise<boolean>;
}

const refusalSchema = z.looseObject({ code: z.string(), error: z.string(), path: z.string() });

const exportSchema = z.looseObject({
  resource_version: z.unknown().transform((number) => BigInt(String(number))),
  metadata: z.record(z.string(), z.unknown()),
});

const versionSchema = z.looseObject({ version: z.string() });
const consistencySchema = z.looseObject({ is_consistent: z.boolean() });

/**
 * @throws from every call: AppError HASURA_UNAVAILABLE (no answer, or none of Hasura's own; a write may have been
 *   committed), HASURA_CONFLICT (the version moved), HASURA_REFUSED (with the `HasuraRefusal` as its cause)
 */
export function createHasuraClient(settings: HasuraSettings): HasuraClient {
  const headers = {
    "content-type": "application/json",
    "x-hasura-admin-secret": settings.adminSecret,
  };
  const { redact } = settings;
  const send = (body: unknown, timeoutMs: number): Promise<unknown> =>
    call(redact, `${settings.url}/v1/metadata`, {
      method: "POST",
      headers,
      body: stringifyLossless(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  const read = (command: Command & { version?: number }): Promise<unknown> =>
    send(command, settings.timeoutMs);

  return {
    url: settings.url,
    async exportMetadata() {
      const answer = await read({ type: "export_metadata", version: 2, args: {} });
      const { resource_version, metadata } = check(exportSchema, answer);
      return { resourceVersion: resource_version, metadata };
    },
    write(command, resourceVersion) {
      return send({ ...command, resource_version: resourceVersion }, settings.writeTimeoutMs);
    },
    async version() {
      const signal = AbortSignal.timeout(settings.timeoutMs);
      return check(versionSchema, await call(redact, `${settings.url}/v1/version`, { signal }))
        .version;
    },
    async isConsistent() {
      const answer = await read({ type: "get_inconsistent_metadata", args: {} });
      return check(consistencySchema, answer).is_consistent;
    },
  };
}

type Redact = HasuraSettings["redact"];

async function call(redact: Redact, url: string, init: RequestInit): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, init);
    status = response.status;
    text = await response.text();
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
    throw unavailable(timedOut ? "did not answer in time" : "could not be reached", cause);
  }
  const body = tryParse(text);
  if (status === 200 && body !== undefined) return body;
  const refusal = refusalSchema.safeParse(body);
  // A proxy's page, an empty 502, a half-read body: not Hasura's word, so nothing is known.
  if (!refusal.success) throw unavailable(`answered ${status} with something that is not its own`);
  throw refused(redact, status, refusal.data);
}

function refused(redact: Redact, status: number, body: z.infer<typeof refusalSchema>): AppError {
  const refusal: HasuraRefusal = {
    status,
    code: body.code,
    path: body.path,
    error: body.error,
    internal: body.internal,
  };
  if (status === 409)
    return new AppError(
      "HASURA_CONFLICT",
      "Hasura's metadata was changed by somebody else meanwhile.",
      { cause: refusal },
    );
  if (body.code === "connection-not-established")
    return unavailable("cannot reach the agent of this kind of source", refusal);
  if (status === 401)
    return unavailable("refused the admin secret: check HASURA_ADMIN_SECRET", refusal);
  return new AppError("HASURA_REFUSED", `Hasura refused the change: ${redact(body.error)}`, {
    cause: refusal,
  });
}

function unavailable(what: string, cause?: unknown): AppError {
  return new AppError("HASURA_UNAVAILABLE", `Hasura ${what}.`, { cause });
}

function tryParse(text: string): unknown {
  try {
    return parseLossless(text);
  } catch {
    return undefined;
  }
}

function check<T>(schema: z.ZodType<T>, answer: unknown): T {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  throw new AppError("HASURA_UNAVAILABLE", "Hasura answered in a shape we do not know.", {
    cause: read.error,
  });
}
