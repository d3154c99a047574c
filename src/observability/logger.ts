import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";

export type { Logger } from "pino";

const MASK = "***";

/** Where secrets may stand in what is logged, by member name at the first three levels. */
const SECRET_MEMBERS = [
  "authorization",
  "Authorization",
  "password",
  "secret",
  "adminSecret",
  "token",
  "privateKey",
  "jdbc_url",
  "connectionString",
  "databaseUrl",
  "x-hasura-admin-secret",
];

const SECRET_PATHS = SECRET_MEMBERS.flatMap((name) => [
  `["${name}"]`,
  `*["${name}"]`,
  `*.*["${name}"]`,
]);

/** Values that must never be written, whatever member they stand in: bearer tokens, URL passwords, JDBC parameters. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\bbearer\s+[\w.~+/=-]+/gi, `Bearer ${MASK}`],
  [/\beyJ[\w-]{10,}\.[\w-]+(\.[\w-]*)?/g, MASK],
  [/(:\/\/[^\s:/@]+:)[^\s@/]+(?=@)/g, `$1${MASK}`],
  [/\b(password|private_key_base64|private_key_pwd|secret)=[^&\s"']+/gi, `$1=${MASK}`],
];

/**
 * The text with everything that looks like a secret masked.
 * @param secrets configured secret values, masked wherever they appear
 */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, MASK);
  for (const [pattern, mask] of SECRET_TEXT) clean = clean.replace(pattern, mask);
  return clean;
}

/**
 * A logger that writes JSON lines and redacts secrets, also from error texts.
 * @param options.secrets configured secret values, masked wherever they appear
 */
export function createLogger(
  options: { level: string; secrets?: readonly string[] },
  destination?: DestinationStream,
): Logger {
  const secrets = options.secrets ?? [];
  const clean = (text: string): string => redactText(text, secrets);
  const settings = {
    level: options.level,
    base: undefined,
    redact: { paths: SECRET_PATHS, censor: MASK },
    serializers: {
      err: (error: Error) => {
        const plain = stdSerializers.err(error);
        return { ...plain, message: clean(plain.message), stack: clean(plain.stack ?? "") };
      },
    },
    hooks: {
      // The last gate: whatever a caller put into the line, no configured secret leaves the process.
      streamWrite: clean,
    },
  };
  return destination ? pino(settings, destination) : pino(settings);
}
