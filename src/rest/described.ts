/** What OpenAPI documents have in common: shapes, and answers that have them. */
import { z } from "zod";

export type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = "application/json";

/** A body or an answer in one of the shapes. */
export type Describe = (schema: z.ZodType) => Json;

/** @param shapes by their names in the document */
export function describing(shapes: z.core.$ZodRegistry<{ id: string }>): Describe {
  return (schema) => ({
    content: { [JSON_TYPE]: { schema: { $ref: refTo(shapes.get(schema)?.id ?? "") } } },
  });
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`;
}

/**
 * Requests stand there as the contract has them, with members required that are taken without, too. Of answers nothing
 * is closed: later versions may add members.
 */
export function describedShapes(shapes: z.core.$ZodRegistry<{ id: string }>): Json {
  const printed = z.toJSONSchema(shapes, {
    target: "openapi-3.0",
    io: "output",
    uri: refTo,
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
  return Object.fromEntries(
    Object.entries(printed.schemas).map(([id, { $id: _, ...schema }]) => [id, schema]),
  );
}

export function printedDocument(document: Json): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
