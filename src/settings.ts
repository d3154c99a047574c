/** Every setting by its name in the environment: what it may be, and what it is when nobody sets it. */
import { z } from "zod";

const FACES = ["admin", "rest", "webhook", "worker"] as const;
export type Face = (typeof FACES)[number];

export const SANDBOX_PARTS = ["postgres", "hasura", "tokens", "snowflake"] as const;
export type SandboxPart = (typeof SANDBOX_PARTS)[number];

const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512"],
] as const;

export const GROUP_MATCHES = ["bound", "displayName", "claim"] as const;
export type GroupMatch = (typeof GROUP_MATCHES)[number];

const LOOPBACK_URL = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(\/|$)/;

/** A list as the older services spelt it (`["a","b"]`) or plain (`a,b`). */
const list = z.string().transform((text, context): string[] => {
  const trimmed = text.trim();
  if (!trimmed.startsWith("["))
    return trimmed
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  try {
    return z.array(z.string()).parse(JSON.parse(trimmed));
  } catch {
    context.addIssue({
      code: "custom",
      message: 'expected a list such as a,b or ["a","b"]',
      input: undefined,
    });
    return z.NEVER;
  }
});

const someList = list.refine((items) => items.length > 0, "expected at least one");

const whole = (minimum: number, maximum: number) =>
  z.coerce
    .number({ error: "expected a whole number" })
    .int("expected a whole number")
    .min(minimum, `expected at least ${minimum}`)
    .max(maximum, `expected at most ${maximum}`);

const port = whole(0, 65_535);

const webUrl = z
  .url({ protocol: /^https?$/, error: "expected an http:// or https:// URL" })
  .transform((text) => text.replace(/\/+$/, ""));

/** In the clear only on this machine: secrets are sent there, or what is read from there is trusted. */
const isSafeUrl = (text: string): boolean => !text.startsWith("http://") || LOOPBACK_URL.test(text);
const SAFE_URL = "expected an https:// URL (http:// only on loopback)";
const safeUrl = webUrl.refine(isSafeUrl, SAFE_URL);
/** Compared letter by letter with what tokens say, so a slash at its end stays. */
const issuerUrl = z.url({ protocol: /^https?$/, error: SAFE_URL }).refine(isSafeUrl, SAFE_URL);

/** JSON that holds an object, as text, read into what the schema says. */
function jsonObject<Value>(schema: z.ZodType<Value>, expected: string) {
  return z.string().transform((text, context): Value => {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      context.addIssue({ code: "custom", message: expected, input: undefined });
      return z.NEVER;
    }
  });
}

const token = z.string().min(16, "expected at least 16 characters");

const flag = z.enum(["true", "false"], { error: "expected true or false" });

/** Largest number of each field of a schedule: minute, hour, day of the month, month, day of the week. */
const SCHEDULE_FIELDS = [59, 23, 31, 12, 7];

function isSchedule(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === SCHEDULE_FIELDS.length &&
    fields.every((field, position) =>
      field.split(",").every((part) => {
        const [, from, to] = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/[1-9]\d*)?$/.exec(part) ?? [
          "none",
          "99",
        ];
        const most = SCHEDULE_FIELDS[position] ?? 0;
        return Number(from ?? 0) <= most && Number(to ?? 0) <= most;
      }),
    )
  );
}

/** Five fields as cron has them, in UTC; `off` is never. */
const schedule = z
  .string()
  .refine(
    (text) => text === "off" || isSchedule(text),
    "expected a schedule such as */15 * * * *, or off",
  );

const snowflakeHost = z
  .string()
  .regex(
    /^(https:\/\/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:\d{1,5})?\/?$|^http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?\/?$/,
    "expected a host such as acme.snowflakecomputing.com (http:// only on loopback)",
  )
  .transform((text) => text.replace(/^https:\/\//, "").replace(/\/$/, ""));

const faces = list.pipe(
  z
    .array(z.enum(FACES, { error: `expected some of ${FACES.join(", ")}` }))
    .min(1, `expected at least one of ${FACES.join(", ")}`),
);

const sandboxParts = list.pipe(
  z.array(z.enum(SANDBOX_PARTS, { error: `expected some of ${SANDBOX_PARTS.join(", ")}` })),
);

export const settingsSchema = z.object({
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, "expected a postgresql:// URL"),
  HOST: z.string().default("127.0.0.1"),
  PORT: port.default(8091),
  WEBHOOK_PORT: port.optional(),
  ADMIN_PORT: port.optional(),
  FACES: faces.default([...FACES]),
  BASE_PATH: z
    .string()
    .regex(/^(\/[\w.~-]+)*\/?$/, "expected a path such as /datamesh.specificprovisioner")
    .transform((text) => text.replace(/\/$/, ""))
    .default(""),
  PUBLIC_URL: webUrl.optional(),
  OPERATION_WAIT_MS: whole(0, 15_000).default(2_000),
  OPERATION_DEADLINE: z.coerce.number({ error: "expected seconds" }).positive().optional(),
  OPERATION_RETENTION_DAYS: whole(1, 36_500).default(90),
  HASURA_URL: webUrl,
  HASURA_ADMIN_SECRET: z.string(),
  HASURA_TIMEOUT: z.coerce.number({ error: "expected seconds" }).positive().max(600).default(30),
  HASURA_WRITE_TIMEOUT: z.coerce.number({ error: "expected seconds" }).positive().default(300),
  HASURA_WRITES: z.enum(["on", "off"], { error: "expected on or off" }).default("on"),
  HASURA_REPLACE: z.enum(["auto", "never"], { error: "expected auto or never" }).default("auto"),
  COMMIT_MAX_SECONDS: z.coerce.number({ error: "expected seconds" }).positive().optional(),
  RECONCILE_CRON: schedule.default("*/15 * * * *"),
  RECONCILE_MODE: z
    .enum(["report", "repair"], { error: "expected report or repair" })
    .default("report"),
  ROLE_MAPPER_URL: webUrl.optional(),
  ROLE_MAPPER_MIRROR: flag.default("false"),
  ROLE_MAPPER_TIMEOUT: z.coerce.number({ error: "expected seconds" }).positive().default(30),
  SNOWFLAKE_HOST: snowflakeHost,
  SNOWFLAKE_USER: z.string(),
  SNOWFLAKE_PASSWORD: z.string().optional(),
  SNOWFLAKE_PRIVATE_KEY: z.string().optional(),
  SNOWFLAKE_ROLE: z.string().optional(),
  SNOWFLAKE_WAREHOUSE: z.string().optional(),
  SOURCE_CREDENTIALS: z
    .enum(["env", "file", "inline"], { error: "expected env, file or inline" })
    .default("env"),
  HASURA_SNOWFLAKE_USER: z.string().default("SNOWFLAKE_USER"),
  HASURA_SNOWFLAKE_PASSWORD: z.string().default("SNOWFLAKE_PASSWORD"),
  HASURA_SNOWFLAKE_PRIVATE_KEY: z.string().default("SNOWFLAKE_PRIVATE_KEY"),
  AGGREGATES: z.enum(["off", "declared"], { error: "expected off or declared" }).default("off"),
  JWKS_URL: webUrl,
  JWT_AUDIENCE: someList,
  JWT_ISSUER: someList.optional(),
  JWT_ALGORITHMS: someList
    .pipe(z.array(z.enum(ALGORITHMS, { error: `expected some of ${ALGORITHMS.join(", ")}` })))
    .default(["RS256"]),
  JWT_OPTIONS: jsonObject(
    z.record(z.string(), z.unknown()),
    'expected a JSON object such as {"verify_exp": true}',
  ).optional(),
  AUTHORIZATION_HEADER_FIELD_NAMES: someList.default(["authorization"]),
  IDENTITY_CLAIMS: someList.default(["unique_name", "preferred_username", "upn", "email"]),
  IDENTITY_MAP: jsonObject(
    z.record(z.string(), z.string()),
    'expected a JSON object of names and refs such as {"ann@corp_x.example": "user:ann"}',
  ).default({}),
  GROUP_MATCH: z
    .enum(GROUP_MATCHES, { error: `expected one of ${GROUP_MATCHES.join(", ")}` })
    .optional(),
  AZURE_TENANT_ID: z
    .string()
    .refine(
      (tenant) => !/^(common|organizations|consumers)$/i.test(tenant),
      "expected the id of one tenant: this name stands for all of them",
    )
    .optional(),
  AZURE_CLIENT_ID: z.string().optional(),
  AZURE_CLIENT_SECRET: z.string().optional(),
  AZURE_SCOPES: someList.optional(),
  AZURE_AUTHORITY_HOST: safeUrl.default("https://login.microsoftonline.com"),
  GRAPH_URL: safeUrl.default("https://graph.microsoft.com"),
  ADMIN_OIDC_ISSUER: issuerUrl.optional(),
  ADMIN_AUDIENCE: z.string().optional(),
  ADMIN_ROLES_CLAIM: z.string().default("roles"),
  ACCESS_MAX_STALENESS_MS: whole(100, 600_000).default(5_000),
  ACCESS_SOCKET_MAX_AGE: whole(1, 86_400).default(300),
  MULTI_PORT: z
    .enum(["off", "declared", "auto"], { error: "expected off, declared or auto" })
    .default("off"),
  MULTI_PORT_MAX_ROLES: whole(1, 10_000).default(50),
  MULTI_PORT_MAX_PORTS: whole(2, 100).default(16),
  MULTI_PORT_UNUSED_DAYS: whole(1, 36_500).default(30),
  USAGE: z
    .enum(["off", "port", "subject"], { error: "expected off, port or subject" })
    .default("subject"),
  WITBOOST_TOKEN: token.optional(),
  ROLE_MAPPER_TOKEN: token.optional(),
  REST_OPEN: flag.optional(),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"], {
      error: "expected debug, info, warn, error or silent",
    })
    .default("info"),
  DATA_DIR: z.string().default(".portcullis"),
  SANDBOX: sandboxParts.optional(),
  SANDBOX_PORT: port.default(8080),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Every setting's name; each also has a `_FILE` form that names a file to read it from. */
export const SETTING_NAMES = Object.keys(settingsSchema.shape);
