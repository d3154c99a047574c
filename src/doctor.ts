/**
 * `portcullis doctor`: looks at the configuration and at everything it names, and says what is wrong and what to do.
 * Nothing is changed anywhere. A new check is a function in CHECKS.
 */
import { Client } from "pg";
import { z } from "zod";
import { discover } from "./access/admin.ts";
import { type Config, type Environment, readConfig } from "./config.ts";
import { openDirectory } from "./directory/directory.ts";
import { AppError } from "./errors.ts";
import { fetchJson } from "./fetch-json.ts";
import { createHasuraClient } from "./hasura/client.ts";
import { unboundGroups } from "./inventory/groups.ts";
import { pendingMigrations } from "./inventory/migrate.ts";
import { portsBehind } from "./inventory/mirror.ts";
import { redactText } from "./observability/logger.ts";

export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string | undefined;
}

type Verdict = Omit<Finding, "check">;

/** @throws anything: it is a failure of the check, whose text is told with secrets masked */
type Check = (config: Config) => Promise<readonly Verdict[]>;

const CHECKS: Readonly<Record<string, Check>> = {
  settings: async ({ warnings }) =>
    warnings.map(({ path, message, suggestion }) => warn(`${path} ${message}`, suggestion)),
  database: checkDatabase,
  hasura: checkHasura,
  keys: checkKeys,
  issuer: checkIssuers,
  admin: checkAdmin,
  directory: checkDirectory,
  mirror: checkMirror,
  clocks: checkClocks,
};

const TIMEOUT_MS = 5_000;
const OLDEST_HASURA = [2, 24] as const;
/** Tokens are taken 5 s early; leases of the webhook do not depend on the wall clock. */
const SKEW_WARN_S = 3;
const SKEW_FAIL_S = 60;

/** Runs every check; when the configuration cannot be read, that is the only one. Never throws. */
export async function diagnose(environment: Environment): Promise<Finding[]> {
  let config: Config;
  try {
    config = readConfig(environment);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.problems.map(({ path, message, suggestion }) => ({
      check: "settings",
      ...fail(`${path} ${message}`, suggestion),
    }));
  }
  const found = await Promise.all(
    Object.entries(CHECKS).map(async ([check, run]) => {
      const verdicts = await run(config).catch((error: unknown) => [fail(textOf(error))]);
      const told = verdicts.length === 0 ? [ok("nothing to say")] : verdicts;
      return told.map(({ message, ...rest }) => ({
        check,
        ...rest,
        message: redactText(message, config.secrets),
      }));
    }),
  );
  return found.flat();
}

/** A line for people: how it is, what was looked at, what was found, what to do. */
export function findingText({ check, status, message, remedy }: Finding): string {
  const text = `${status.padEnd(4)}  ${check.padEnd(9)}  ${message}`;
  return remedy === undefined ? text : `${text}\n${" ".repeat(17)}→ ${remedy}`;
}

async function checkDatabase(config: Config): Promise<Verdict[]> {
  return await withDatabase(config, async (db) => {
    const version = await db.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    const verdicts = [ok(`PostgreSQL ${version.rows[0]?.version} answers`)];
    const pending = await pendingMigrations(db);
    if (pending.length > 0) {
      const list = pending.join(", ");
      const remedy = "`portcullis db migrate`, or the next start, applies them";
      return [...verdicts, warn(`the inventory lacks ${list}`, remedy)];
    }
    if (config.access.groupMatch !== "bound") return verdicts;
    const unbound = await unboundGroups(db);
    if (unbound.length === 0) return verdicts;
    const named = `${unbound.slice(0, 5).join(", ")}${unbound.length > 5 ? ", …" : ""}`;
    const remedy =
      "send the lists that name them again, or block them again: groups are bound then";
    return [
      ...verdicts,
      warn(
        `${unbound.length} group(s) are granted or blocked, and bound to nothing: ${named}`,
        remedy,
      ),
    ];
  });
}

async function checkHasura({ hasura, secrets }: Config): Promise<Verdict[]> {
  const redact = (text: string): string => redactText(text, secrets);
  const client = createHasuraClient({ ...hasura, timeoutMs: TIMEOUT_MS, redact });
  const version = await client.version();
  const [, major = "0", minor = "0"] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const [oldestMajor, oldestMinor] = OLDEST_HASURA;
  if (Number(major) !== oldestMajor || Number(minor) < oldestMinor)
    return [
      fail(
        `is ${version}, and ${OLDEST_HASURA.join(".")} is the oldest that is supported`,
        "use a version 2 that is newer",
      ),
    ];
  const { resourceVersion } = await client.exportMetadata();
  const { length: faults } = await client.inconsistencies();
  const told = `${version} answers, its metadata is at version ${resourceVersion}`;
  if (faults === 0) return [ok(told)];
  return [
    ok(told),
    warn(
      `its metadata is inconsistent: ${faults} object(s)`,
      "look at get_inconsistent_metadata, or in its console",
    ),
  ];
}

const keySetSchema = z.looseObject({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional() })),
});

async function readKeyIds(url: string): Promise<{ ids: Set<string>; kinds: Set<string> }> {
  const bounds = { timeoutMs: TIMEOUT_MS, maxBytes: 1_000_000 };
  const { status, body } = await fetchJson(new URL(url), bounds);
  const read = keySetSchema.safeParse(body);
  if (status !== 200 || !read.success)
    throw new Error(`${url} answered ${status}, and not with a set of keys`);
  const { keys } = read.data;
  return {
    ids: new Set(keys.flatMap(({ kid }) => kid ?? [])),
    kinds: new Set(keys.map(({ kty }) => kty)),
  };
}

async function checkKeys({ access }: Config): Promise<Verdict[]> {
  const { ids, kinds } = await readKeyIds(access.jwksUrl);
  const usable = access.algorithms.filter((name) =>
    kinds.has(name.startsWith("ES") ? "EC" : "RSA"),
  );
  if (usable.length === 0)
    return [
      fail(
        `JWKS_URL has no key for ${access.algorithms.join(", ")}`,
        "compare JWT_ALGORITHMS with what the provider signs with",
      ),
    ];
  return [ok(`JWKS_URL has ${ids.size} key(s), good for ${usable.join(", ")}`)];
}

/** Whether an issuer publishes the keys that its tokens are checked by. Not every one can be asked. */
async function checkIssuers({ access }: Config): Promise<Verdict[]> {
  const ours = await readKeyIds(access.jwksUrl).catch(() => null);
  return await Promise.all(
    access.issuers.map(async (issuer) => {
      if (!URL.canParse(issuer)) return ok(`${issuer} is no address: it cannot be asked`);
      try {
        const { jwksUrl } = await discover(issuer);
        if (jwksUrl === access.jwksUrl || ours === null) return ok(`${issuer} answers`);
        const { ids } = await readKeyIds(jwksUrl);
        if ([...ids].some((id) => ours.ids.has(id))) return ok(`${issuer} answers`);
        return warn(
          `${issuer} publishes none of the keys of JWKS_URL`,
          `set JWKS_URL=${jwksUrl}, or mend JWT_ISSUER`,
        );
      } catch (error) {
        return warn(`${issuer} cannot be asked: ${textOf(error)}`, "compare it with a token's iss");
      }
    }),
  );
}

async function checkAdmin({ admin, faces }: Config): Promise<Verdict[]> {
  if (!faces.has("admin")) return [ok("this process does not run the face")];
  if (admin === null)
    return [ok("no sign-in: whoever reaches it on this machine may do everything")];
  const { jwksUrl } = await discover(admin.issuer);
  const { ids } = await readKeyIds(jwksUrl);
  return [ok(`${admin.issuer} answers, with ${ids.size} key(s)`)];
}

async function checkDirectory({ directory, access }: Config): Promise<Verdict[]> {
  if (directory === null) return [ok(`not asked: GROUP_MATCH=${access.groupMatch}`)];
  const asked = await openDirectory(directory);
  // Whatever there is of this name: that it answers at all takes the sign-in and the permission.
  await asked.groupsNamed("portcullis doctor");
  return [ok(`${directory.graphUrl} answers`)];
}

/** Whether an older role mapper that is kept up to date answers, and of which ports it does not hold what holds here. */
async function checkMirror(config: Config): Promise<Verdict[]> {
  if (config.mirror === null) return [ok("no older role mapper is kept up to date")];
  const url = new URL(`${config.mirror.url}/v1/roles/portcullis-doctor`);
  const { status } = await fetchJson(url, { timeoutMs: TIMEOUT_MS, maxBytes: 100_000 });
  const remedy = "set ROLE_MAPPER_URL to the older role mapper's base URL";
  if (status === 401 || status === 403)
    return [fail("asks for a token, as this service does; the older role mapper does not", remedy)];
  if (status !== 404) return [fail(`answers ${status} when it is asked for a role`, remedy)];
  return await withDatabase(config, async (db) => {
    const behind = await portsBehind(db);
    if (behind.length === 0) return [ok("the older role mapper answers")];
    const named = `${behind.slice(0, 5).join(", ")}${behind.length > 5 ? ", …" : ""}`;
    return [
      ok("the older role mapper answers"),
      warn(`it does not hold what holds of ${named}`, "look at their condition MIRRORED"),
    ];
  });
}

/** This machine's clock beside those of the others, as far as they tell. */
async function checkClocks(config: Config): Promise<Verdict[]> {
  const skews = await Promise.all([
    skewByDate("the identity provider", config.access.jwksUrl),
    skewByDate("Hasura", `${config.hasura.url}/healthz`),
    skewOfDatabase(config),
  ]);
  const known = skews.filter((skew) => skew !== null);
  if (known.length === 0) return [warn("nobody told the time")];
  const off = known.filter(({ seconds }) => Math.abs(seconds) > SKEW_WARN_S);
  if (off.length === 0) return [ok(`agree with ${known.map(({ of }) => of).join(", ")}`)];
  return off.map(({ of, seconds }) => {
    const text = `this machine is ${Math.abs(seconds).toFixed(0)} s ${seconds > 0 ? "ahead of" : "behind"} ${of}`;
    const remedy = "synchronise the clocks: tokens begin and end by them";
    return Math.abs(seconds) > SKEW_FAIL_S ? fail(text, remedy) : warn(text, remedy);
  });
}

interface Skew {
  readonly of: string;
  /** How far this machine is ahead. */
  readonly seconds: number;
}

async function skewByDate(of: string, url: string): Promise<Skew | null> {
  const began = Date.now();
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { headers } = await fetch(url, { method: "HEAD", redirect: "error", signal });
    const told = Date.parse(headers.get("date") ?? "");
    if (Number.isNaN(told)) return null;
    // It is cut to seconds, so on average it is half a second later.
    return { of, seconds: ((began + Date.now()) / 2 - told - 500) / 1000 };
  } catch {
    return null;
  }
}

async function skewOfDatabase(config: Config): Promise<Skew | null> {
  try {
    return await withDatabase(config, async (db) => {
      const began = Date.now();
      const { rows } = await db.query<{ ms: number }>(
        "SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms",
      );
      const middle = (began + Date.now()) / 2;
      return { of: "PostgreSQL", seconds: (middle - (rows[0]?.ms ?? middle)) / 1000 };
    });
  } catch {
    return null;
  }
}

async function withDatabase<Result>(
  { databaseUrl }: Config,
  use: (db: Client) => Promise<Result>,
): Promise<Result> {
  const db = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  db.on("error", () => undefined);
  await db.connect();
  try {
    return await use(db);
  } finally {
    await db.end();
  }
}

function ok(message: string): Verdict {
  return { status: "ok", message };
}

function warn(message: string, remedy?: string): Verdict {
  return { status: "warn", message, remedy };
}

function fail(message: string, remedy?: string): Verdict {
  return { status: "fail", message, remedy };
}

/** What went wrong, in a line; of a failed connection its cause, which says more. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause.message : "";
  const own = error instanceof AggregateError ? error.errors.map(textOf).join(", ") : error.message;
  return cause === "" || error instanceof AppError ? own : `${own} (${cause})`;
}
