import { defineConfig } from "prisma/config";

// `prisma generate` would download a schema-engine binary it never runs; naming any existing file keeps it offline.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  // Only the Prisma command line reads this; the service takes its URL from src/config.ts.
  datasource: { url: process.env.DATABASE_URL ?? "postgresql://localhost:5432/portcullis" },
});
