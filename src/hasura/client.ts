/** Hasura's metadata API (v2): one function a call, every answer checked, every failure one of ours. */
import { z } from "zod";
import { AppError } from "../errors.ts";
import { type InconsistentObject, readInconsistencies } from "./inconsistencies.ts";
import { type Metadata, parseLossless, stringifyLossless } from "./metadata.ts";
import { explainRefusal, type Refusal, refusalSchema } from "./refusal.ts";

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

/** Hasura's own refusal of a call as a whole, explained; nothing of it was stored. */
export class RefusedByHasura extends AppError {
  readonly refusal: Refusal;
  constructor({ code, message, problems }: AppError, refusal: Refusal) {
    super(code, message, { problems, cause: refusal });
    this.refusal = refusal;
  }
}

export interface HasuraClient {
  readonly url: string;
  /** The metadata with its version; a read, tried once within `timeoutMs`. */
  exportMetadata(): Promise<{ resourceVersion: bigint; metadata: Metadata }>;
  /** Sends a command that changes metadata, fenced by the version it was planned on. Never sent twice. */
  write(command: Command, resourceVersion: bigint): Promise<unknown>;
  /** What a refusal within an answer means; see `explainRefusal`. */
  explain(refusal: Refusal, own?: string): AppError;
  /** `{version}` of GET /v1/version. */
  version(): Promise<string>;
  /** What is inconsistent. Costs nothing at Hasura when nothing is. */
  inconsistencies(): Promise<InconsistentObject[]>;
}

const exportSchema = z.looseObject({
  resource_version: z.unknown().transform((number) => BigInt(String(number))),
  metadata: z.record(z.string(), z.unknown()),
});

const versionSchema = z.looseObject({ version: z.string() });
const consistencySchema = z.looseObject({ inconsistent_objects: z.array(z.unknown()) });

/**
 * @throws from every call: AppError HASURA_UNAVAILABLE (no answer, or none of Hasura's own; a write may have been
 *   committed), HASURA_CONFLICT (the version moved), `RefusedByHasura`
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
    explain: (refusal, own) => explainRefusal(refusal, redact, own),
    async inconsistencies() {
      // The metadata API answers one call at a time; this path answers always, and without a secret.
      const signal = AbortSignal.timeout(settings.timeoutMs);
      if ((await textOf(`${settings.url}/healthz`, { signal })).text.trim() === "OK") return [];
      const answer = await read({ type: "get_inconsistent_metadata", args: {} });
      return readInconsistencies(check(consistencySchema, answer).inconsistent_objects);
    },
  };
}

type Redact = HasuraSettings["redact"];

async function textOf(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, init);
    return { status: response.status, text: await response.text() };
  } catch (cause) {
    const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
    throw unavailable(timedOut ? "did not answer in time" : "could not be reached", cause);
  }
}

async function call(redact: Redact, url: string, init: RequestInit): Promise<unknown> {
  const { status, text } = await textOf(url, init);
  const body = tryParse(text);
  if (status === 200 && body !== undefined) return body;
  const refusal = refusalSchema.safeParse(body);
  // A proxy's page, an empty 502, a half-read body: not Hasura's word, so nothing is known.
  if (!refusal.success) throw unavailable(`answered ${status} with something that is not its own`);
  throw refused(redact, status, refusal.data);
}

/** What Hasura says when its own database does not answer it as it should (hasura/graphql-engine, Postgres/Connection). */
const OWN_DATABASE_TROUBLE = /^(database query error|connection error)$/;

function refused(redact: Redact, status: number, refusal: Refusal): AppError {
  if (status === 409)
    return new AppError(
      "HASURA_CONFLICT",
      "Hasura's metadata was changed by somebody else meanwhile.",
      { cause: refusal },
    );
  if (status === 401)
    return unavailable("refused the admin secret: check HASURA_ADMIN_SECRET", refusal);
  // Of a write it is then not known whether it was stored.
  if (status >= 500 && OWN_DATABASE_TROUBLE.test(refusal.error))
    return unavailable("has trouble with the database that holds its metadata", refusal);
  return new RefusedByHasura(explainRefusal(refusal, redact), refusal);
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
