import type { Sandbox } from "./sandbox.ts";

/** The settings that point the service at what the sandbox runs, by their names in the environment. */
export function sandboxEnvironment(sandbox: Sandbox): Record<string, string> {
  const settings: Record<string, string | undefined> = {
    DATABASE_URL: sandbox.databaseUrl,
    HASURA_URL: sandbox.hasuraUrl,
    HASURA_ADMIN_SECRET: sandbox.hasuraAdminSecret,
    JWKS_URL: sandbox.jwksUrl,
    JWT_ISSUER: sandbox.jwtIssuer,
    JWT_AUDIENCE: sandbox.jwtAudience,
    SNOWFLAKE_HOST: sandbox.snowflakeHost,
    SNOWFLAKE_USER: sandbox.snowflakeUser,
    SNOWFLAKE_PASSWORD: sandbox.snowflakePassword,
    SNOWFLAKE_ROLE: sandbox.snowflakeRole,
    SNOWFLAKE_WAREHOUSE: sandbox.snowflakeWarehouse,
  };
  return Object.fromEntries(
    Object.entries(settings).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
