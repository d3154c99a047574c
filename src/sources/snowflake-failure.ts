/** What the Snowflake driver's errors mean for us. Its own messages quote names and SQL, so they are kept as causes only. */
import { AppError } from "../errors.ts";

/** Snowflake: "… does not exist or not authorized", which it says of what one may not see, too. */
const NOT_THERE = new Set(["002003", "002043"]);
const NO_PRIVILEGE = "003001";
const NO_WAREHOUSE = "000606";
const ROLE_NOT_GRANTED = "390189";
/** The session ended on the server: a new login mends it. The last two are the driver's own codes for a dead connection. */
const SESSION_ENDED = new Set([
  "390104",
  "390111",
  "390112",
  "390114",
  "390195",
  "407001",
  "407002",
]);

/** The driver's code as text: Snowflake's own (`"002003"`) or the driver's (`401001`); `""` when it has none. */
function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" || typeof error.code === "number" ? String(error.code) : "";
}

/** Whether Snowflake itself answered and refused, as against an answer that never came. */
export function wasAnswered(error: unknown): boolean {
  return error instanceof Error && error.name === "OperationFailedError";
}

export function isNotThere(error: unknown): boolean {
  return wasAnswered(error) && NOT_THERE.has(codeOf(error));
}

export function isSessionEnded(error: unknown): boolean {
  return SESSION_ENDED.has(codeOf(error));
}

/** A failed login as one of our errors. */
export function loginFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!wasAnswered(error)) return unreachable(error);
  const code = codeOf(error);
  if (code === ROLE_NOT_GRANTED)
    return new AppError(
      "SOURCE_UNAVAILABLE",
      "Snowflake does not let the platform's account use its configured role. The platform team has to check SNOWFLAKE_ROLE.",
      { cause: error },
    );
  return new AppError(
    "SOURCE_UNAVAILABLE",
    `Snowflake refused the credentials of the platform's account (code ${code}). The platform team has to check them.`,
    { cause: error },
  );
}

/** A failed query as one of our errors; what is not there is told apart beforehand (`isNotThere`). */
export function queryFailure(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (!wasAnswered(error)) return unreachable(error);
  const code = codeOf(error);
  if (code === NO_PRIVILEGE)
    return new AppError(
      "SOURCE_REFUSED",
      "Snowflake does not let the platform's account read this database's catalogue. Grant its role USAGE on the database and the schema, and SELECT on the view.",
      { cause: error },
    );
  if (code === NO_WAREHOUSE)
    return new AppError(
      "SOURCE_UNAVAILABLE",
      "The platform's Snowflake account has no warehouse to run queries on. The platform team has to check SNOWFLAKE_WAREHOUSE.",
      { cause: error },
    );
  return new AppError(
    "SOURCE_UNAVAILABLE",
    `Snowflake could not answer (code ${code}). Try again; if it persists, ask the platform team.`,
    { cause: error },
  );
}

export function timedOut(timeoutMs: number): AppError {
  return new AppError(
    "SOURCE_UNAVAILABLE",
    `Snowflake did not answer within ${timeoutMs / 1000} s. Try again; if it persists, ask the platform team.`,
  );
}

function unreachable(cause: unknown): AppError {
  return new AppError(
    "SOURCE_UNAVAILABLE",
    "Snowflake could not be reached. Try again; if it persists, ask the platform team.",
    { cause },
  );
}
