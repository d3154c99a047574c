import type { CodegenConfig } from "@graphql-codegen/cli";

/** Types and pre-parsed documents of the operations that the REST shim executes. */
const config: CodegenConfig = {
  schema: "schema/schema.graphql",
  documents: "schema/operations/*.graphql",
  generates: {
    "src/rest/generated/operations.ts": {
      plugins: ["typescript-operations", "typed-document-node"],
      config: {
        useTypeImports: true,
        enumType: "string-literal",
        scalars: { DateTime: "Date", JSON: "unknown", ID: "string" },
      },
    },
  },
};

export default config;
