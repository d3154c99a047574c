import { defineConfig } from "vitest/config";

const postgres = {
  globalSetup: ["test/support/global-postgres.ts"],
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // As src/config.ts (quietVendors) has it for the program itself.
  env: {
    SNOWFLAKE_DISABLE_PLATFORM_DETECTION: "true",
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  },
};

/** `fast` needs nothing but this process; the others share one real PostgreSQL, each test file in a database of its own. */
export default defineConfig({
  // Packages outside this project load graphql as CommonJS; two copies of it do not know one another's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: "graphql/index.js" }] },
  test: {
    // Vitest leaves a core free by default; most of these wait for PostgreSQL or for a process.
    maxWorkers: "100%",
    // Only what never comes waits so long; a busy machine makes the rest late.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/{unit,property,contract}/**/*.test.ts"],
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: { name: "integration", include: ["test/integration/**/*.test.ts"], ...postgres },
      },
      {
        extends: true,
        test: { name: "fault", include: ["test/fault/**/*.test.ts"], ...postgres },
      },
      {
        extends: true,
        test: { name: "conformance", include: ["test/conformance/*.test.ts"], ...postgres },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          ...postgres,
          testTimeout: 90_000,
        },
      },
    ],
  },
});
