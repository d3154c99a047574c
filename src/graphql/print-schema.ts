import { lexicographicSortSchema, printSchema } from "graphql";
import { schema } from "./schema.ts";

/** The public schema as text, in an order that does not depend on the code's: what schema/schema.graphql holds. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`;
}
