/**
 * The only place that reads the environment. `readConfig` is a function of a map, so tests pass one; every wrong
 * setting is reported at once, by name.
 */
import { readFileSync } from "node:fs";
import type { z } from "zod";
import {
  type Address,
  addresses,
  consumerIssuers,
  crossChecks,
  groupMatch,
  isLoopback,
  type MirrorTarget,
  mirrorTarget,
  userMap,
  warnings,
} from "./config-checks.ts";
import type { Subject } from "./domain/subject.ts";
import { AppError, type Problem } from "./errors.ts";
import {
  type Face,
  type GroupMatch,
  SANDBOX_PARTS,
  type SandboxPart,
  SETTING_NAMES,
  type Settings,
  settingsSchema,
} from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The setting that names the real thing, for each part the sandbox can stand in for. */
const REAL_SETTING: Readonly<Record<SandboxPart, string>> = {
  postgres: "DATABASE_URL",
  hasura: "HASURA_URL",
  tokens: "JWKS_URL",
  snowflake: "SNOWFLAKE_HOST",
};

/** Other settings that only a production has: with one of them the sandbox never starts by default. */
const PRODUCTION_SETTINGS = [
  "HASURA_ADMIN_SECRET",
  "SNOWFLAKE_USER",
  "SNOWFLAKE_PASSWORD",
  "SNOWFLAKE_PRIVATE_KEY",
  "SNOWFLAKE_ROLE",
  "SNOWFLAKE_WAREHOUSE",
  "JWT_AUDIENCE",
  "JWT_ISSUER",
  "AZURE_TENANT_ID",
  "AZURE_CLIENT_ID",
  "AZURE_CLIENT_SECRET",
  "ROLE_MAPPER_URL",
  "ADMIN_OIDC_ISSUER",
  "WITBOOST_TOKEN",
  "ROLE_MAPPER_TOKEN",
  "PUBLIC_URL",
];

/**
 * Tells vendors' packages to be quiet, unless the environment says otherwise: the Snowflake driver asks the addresses of
 * three clouds where it runs, and its AWS part warns of Node versions on standard error.
 */
export function quietVendors(environment: Record<string, string | undefined>): void {
  environment.SNOWFLAKE_DISABLE_PLATFORM_DETECTION ??= "true";
  environment.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
}

const SECRET_SETTINGS = [
  "HASURA_ADMIN_SECRET",
  "SNOWFLAKE_PASSWORD",
  "SNOWFLAKE_PRIVATE_KEY",
  "AZURE_CLIENT_SECRET",
  "WITBOOST_TOKEN",
  "ROLE_MAPPER_TOKEN",
] as const;

export interface Config {
  readonly databaseUrl: string;
  /** Where each face listens; equal addresses share a listener. */
  readonly addresses: Readonly<Record<Exclude<Face, "worker">, Address>>;
  readonly faces: ReadonlySet<Face>;
  /** Prefix under which the contract's routes are also served; `""` or `/…` without a slash at its end. */
  readonly basePath: string;
  readonly publicUrl: string | null;
  readonly operationWaitMs: number;
  /** How long any operation may go on being tried; null: as its kind has it. */
  readonly operationDeadlineMs: number | null;
  readonly operationRetentionDays: number;
  readonly witboostToken: string | null;
  /** What changes of roles by the older role mapper's routes must carry; null: they are closed. */
  readonly roleMapperToken: string | null;
  /** An older role mapper that is told what holds of ports; null: none is. */
  readonly mirror: MirrorTarget | null;
  readonly hasura: {
    readonly id: string;
    readonly url: string;
    readonly adminSecret: string;
    readonly timeoutMs: number;
    readonly writeTimeoutMs: number;
    readonly writes: boolean;
    readonly replace: boolean;
    readonly commitMaxMs: number;
  };
  readonly reconcile: {
    /** Five fields as cron has them, in UTC; null: never by itself. */
    readonly schedule: string | null;
    readonly mode: "report" | "repair";
  };
  readonly sources: {
    readonly snowflake: {
      readonly host: string;
      readonly user: string;
      readonly password: string | undefined;
      readonly privateKey: string | undefined;
      readonly role: string | undefined;
      readonly warehouse: string | undefined;
    };
    readonly credentials: "env" | "file" | "inline";
    /** Names of Hasura's variables (or, with `file`, paths of its files) that hold the credentials. */
    readonly references: {
      readonly snowflakeUser: string;
      readonly snowflakePassword: string;
      readonly snowflakePrivateKey: string;
    };
  };
  readonly aggregates: "off" | "declared";
  /** Roles over several ports. */
  readonly multiPort: {
    readonly mode: "off" | "declared" | "auto";
    readonly limits: { readonly roles: number; readonly ports: number };
    readonly unusedDays: number;
  };
  readonly access: {
    readonly jwksUrl: string;
    readonly audiences: readonly string[];
    readonly issuers: readonly string[];
    readonly algorithms: readonly string[];
    /** The admins' audience: no token is good for both. */
    readonly foreignAudiences: readonly string[];
    readonly headerNames: readonly string[];
    /** Claims that may hold a user's name, in order of preference. */
    readonly nameClaims: readonly string[];
    /** Subjects that are set by hand, by the canonical form of the token's name. */
    readonly users: ReadonlyMap<string, Subject>;
    readonly groupMatch: GroupMatch;
    readonly maxStalenessMs: number;
    /** Seconds. */
    readonly socketMaxAge: number;
    readonly usage: "off" | "port" | "subject";
  };
  /** Microsoft Entra, asked about groups; null: nobody is asked. */
  readonly directory: {
    readonly tenantId: string;
    readonly clientId: string;
    readonly clientSecret: string;
    readonly scopes: readonly string[];
    readonly authorityUrl: string;
    readonly graphUrl: string;
  } | null;
  /** Who signs admins in; null: nobody, and their face stays on this machine. */
  readonly admin: {
    readonly issuer: string;
    readonly audience: string;
    /** The claim that holds roles, or a dotted path to it. */
    readonly rolesClaim: string;
    /** The consumers' audiences: no token is good for both. */
    readonly foreignAudiences: readonly string[];
  } | null;
  readonly logLevel: string;
  /** Values that must never be written anywhere. */
  readonly secrets: readonly string[];
  /** What is set and weakens the service, or has no effect. */
  readonly warnings: readonly Problem[];
}

/** What must be known before a sandbox can start. */
export interface SandboxSettings {
  readonly parts: readonly SandboxPart[];
  readonly dataDir: string;
  readonly port: number;
  readonly logLevel: string;
}

/**
 * Reads and checks the whole configuration.
 * @param environment variable → value; an empty value counts as unset
 * @throws AppError CONFIGURATION with one problem for each wrong or missing setting
 */
export function readConfig(environment: Environment): Config {
  const problems: Problem[] = [];
  const settings = settingsSchema.safeParse(readFiles(environment, problems));
  if (!settings.success) {
    problems.push(...settings.error.issues.map(settingProblem));
    throw configurationError(problems);
  }
  problems.push(...crossChecks(settings.data));
  if (problems.length > 0) throw configurationError(problems);
  return toConfig(settings.data);
}

/**
 * Decides which parts of the sandbox start. None of the real settings and a loopback HOST: all of them. Some: an error
 * that names what is missing, unless SANDBOX lists the parts that are wanted.
 * @throws AppError CONFIGURATION
 */
export function readSandboxSettings(environment: Environment): SandboxSettings {
  const problems: Problem[] = [];
  const given = readFiles(environment, problems);
  const parsed = settingsSchema
    .pick({ DATA_DIR: true, SANDBOX: true, SANDBOX_PORT: true, LOG_LEVEL: true, HOST: true })
    .safeParse(given);
  if (!parsed.success) problems.push(...parsed.error.issues.map(settingProblem));
  if (!parsed.success || problems.length > 0) throw configurationError(problems);
  const { DATA_DIR, SANDBOX, SANDBOX_PORT, LOG_LEVEL, HOST } = parsed.data;
  const parts = wantedParts(given, SANDBOX, HOST);
  return { parts, dataDir: DATA_DIR, port: SANDBOX_PORT, logLevel: LOG_LEVEL };
}

function wantedParts(
  given: Environment,
  listed: readonly SandboxPart[] | undefined,
  host: string,
): readonly SandboxPart[] {
  const missing = SANDBOX_PARTS.filter((part) => given[REAL_SETTING[part]] === undefined);
  const wanted = listed ?? (missing.length === SANDBOX_PARTS.length ? missing : []);
  const problems: Problem[] = [];
  for (const part of wanted)
    if (given[REAL_SETTING[part]] !== undefined)
      problems.push({
        path: "SANDBOX",
        message: `lists ${part}, and ${REAL_SETTING[part]} names a real one`,
        suggestion: `remove ${part} from SANDBOX, or unset ${REAL_SETTING[part]}`,
      });
  if (wanted.length > 0 && !isLoopback(host))
    problems.push({
      path: "HOST",
      message: `${host} is no loopback address, where the sandbox must stay`,
      suggestion: `set ${missing.map((part) => REAL_SETTING[part]).join(", ")}, or HOST=127.0.0.1`,
    });
  if (listed === undefined && wanted.length > 0)
    for (const name of [...PRODUCTION_SETTINGS, "NODE_ENV"])
      if (name === "NODE_ENV" ? given[name] === "production" : given[name] !== undefined)
        problems.push({
          path: name,
          message: "belongs to a production, and the sandbox would start beside it",
          suggestion: `unset it, or set ${missing.map((part) => REAL_SETTING[part]).join(", ")}, or list the parts wanted in SANDBOX`,
        });
  for (const part of missing)
    if (!wanted.includes(part))
      problems.push({
        path: REAL_SETTING[part],
        message: "is missing",
        suggestion: `set it, or add ${part} to SANDBOX`,
      });
  if (problems.length > 0) throw configurationError(problems);
  return wanted;
}

/** The settings with empty values dropped and `NAME_FILE` read into `NAME`. */
function readFiles(environment: Environment, problems: Problem[]): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of [...SETTING_NAMES, "NODE_ENV"]) {
    const value = environment[name];
    const file = environment[`${name}_FILE`];
    if (value !== undefined && value !== "") given[name] = value;
    if (file === undefined || file === "") continue;
    if (given[name] !== undefined) {
      problems.push({
        path: name,
        message: `is set, and ${name}_FILE too`,
        suggestion: "keep one",
      });
      continue;
    }
    try {
      given[name] = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    } catch {
      problems.push({ path: `${name}_FILE`, message: `cannot be read: ${file}` });
    }
  }
  return given;
}

function toConfig(settings: Settings): Config {
  return {
    databaseUrl: settings.DATABASE_URL,
    addresses: addresses(settings),
    faces: new Set(settings.FACES),
    basePath: settings.BASE_PATH,
    publicUrl: settings.PUBLIC_URL ?? null,
    operationWaitMs: settings.OPERATION_WAIT_MS,
    operationDeadlineMs:
      settings.OPERATION_DEADLINE === undefined ? null : settings.OPERATION_DEADLINE * 1000,
    operationRetentionDays: settings.OPERATION_RETENTION_DAYS,
    witboostToken: settings.WITBOOST_TOKEN ?? null,
    roleMapperToken: settings.ROLE_MAPPER_TOKEN ?? null,
    mirror: mirrorTarget(settings),
    hasura: {
      id: "default",
      url: settings.HASURA_URL,
      adminSecret: settings.HASURA_ADMIN_SECRET,
      timeoutMs: settings.HASURA_TIMEOUT * 1000,
      writeTimeoutMs: settings.HASURA_WRITE_TIMEOUT * 1000,
      writes: settings.HASURA_WRITES === "on",
      replace: settings.HASURA_REPLACE === "auto",
      commitMaxMs: (settings.COMMIT_MAX_SECONDS ?? settings.HASURA_WRITE_TIMEOUT / 2) * 1000,
    },
    reconcile: {
      schedule: settings.RECONCILE_CRON === "off" ? null : settings.RECONCILE_CRON,
      mode: settings.RECONCILE_MODE,
    },
    sources: {
      snowflake: {
        host: settings.SNOWFLAKE_HOST,
        user: settings.SNOWFLAKE_USER,
        password: settings.SNOWFLAKE_PASSWORD,
        privateKey: settings.SNOWFLAKE_PRIVATE_KEY,
        role: settings.SNOWFLAKE_ROLE,
        warehouse: settings.SNOWFLAKE_WAREHOUSE,
      },
      credentials: settings.SOURCE_CREDENTIALS,
      references: {
        snowflakeUser: settings.HASURA_SNOWFLAKE_USER,
        snowflakePassword: settings.HASURA_SNOWFLAKE_PASSWORD,
        snowflakePrivateKey: settings.HASURA_SNOWFLAKE_PRIVATE_KEY,
      },
    },
    aggregates: settings.AGGREGATES,
    multiPort: {
      mode: settings.MULTI_PORT,
      limits: { roles: settings.MULTI_PORT_MAX_ROLES, ports: settings.MULTI_PORT_MAX_PORTS },
      unusedDays: settings.MULTI_PORT_UNUSED_DAYS,
    },
    access: accessConfig(settings),
    directory: directoryConfig(settings),
    admin: adminConfig(settings),
    logLevel: settings.LOG_LEVEL,
    secrets: SECRET_SETTINGS.flatMap((name) => settings[name] ?? []),
    warnings: warnings(settings),
  };
}

function accessConfig(settings: Settings): Config["access"] {
  const { JWT_AUDIENCE, ADMIN_AUDIENCE } = settings;
  return {
    jwksUrl: settings.JWKS_URL,
    audiences: JWT_AUDIENCE,
    issuers: consumerIssuers(settings),
    algorithms: settings.JWT_ALGORITHMS,
    foreignAudiences: ADMIN_AUDIENCE === undefined ? [] : without([ADMIN_AUDIENCE], JWT_AUDIENCE),
    headerNames: settings.AUTHORIZATION_HEADER_FIELD_NAMES,
    nameClaims: settings.IDENTITY_CLAIMS,
    users: userMap(settings).users,
    groupMatch: groupMatch(settings),
    maxStalenessMs: settings.ACCESS_MAX_STALENESS_MS,
    socketMaxAge: settings.ACCESS_SOCKET_MAX_AGE,
    usage: settings.USAGE,
  };
}

function directoryConfig(settings: Settings): Config["directory"] {
  const { AZURE_TENANT_ID: tenantId, AZURE_CLIENT_ID: clientId } = settings;
  const { AZURE_CLIENT_SECRET: clientSecret, GRAPH_URL: graphUrl } = settings;
  if (groupMatch(settings) === "claim" || !tenantId || !clientId || !clientSecret) return null;
  const scopes = settings.AZURE_SCOPES ?? [`${graphUrl}/.default`];
  const authorityUrl = settings.AZURE_AUTHORITY_HOST;
  return { tenantId, clientId, clientSecret, scopes, authorityUrl, graphUrl };
}

function adminConfig(settings: Settings): Config["admin"] {
  const { ADMIN_OIDC_ISSUER: issuer, ADMIN_AUDIENCE: audience, JWT_AUDIENCE } = settings;
  if (issuer === undefined || audience === undefined) return null;
  const rolesClaim = settings.ADMIN_ROLES_CLAIM;
  return { issuer, audience, rolesClaim, foreignAudiences: without(JWT_AUDIENCE, [audience]) };
}

function without(values: readonly string[], others: readonly string[]): string[] {
  return values.filter((value) => !others.includes(value));
}

function settingProblem(issue: z.core.$ZodIssue): Problem {
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  return { path: String(issue.path[0]), message: missing ? "is missing" : issue.message };
}

function configurationError(problems: readonly Problem[]): AppError {
  const lines = problems.map(
    ({ path, message, suggestion }) =>
      `  ${path}: ${message}${suggestion === undefined ? "" : ` (${suggestion})`}`,
  );
  return new AppError("CONFIGURATION", `The configuration is wrong:\n${lines.join("\n")}`, {
    problems,
  });
}
