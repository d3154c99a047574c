/** Settings for tests. */
import type { Environment } from "../../src/config.ts";

/** The least that is needed where nothing is a stand-in. */
export const PRODUCTION = {
  DATABASE_URL: "postgresql://db/portcullis",
  HASURA_URL: "https://hasura.example.com/",
  HASURA_ADMIN_SECRET: "a-secret-of-hasura",
  JWKS_URL: "https://login.example.com/keys",
  JWT_AUDIENCE: "api://consumers",
  JWT_ISSUER: "https://login.example.com",
  SNOWFLAKE_HOST: "acme.snowflakecomputing.com",
  SNOWFLAKE_USER: "HASURA_SVC",
  SNOWFLAKE_PASSWORD: "pw-of-the-service",
} satisfies Environment;
