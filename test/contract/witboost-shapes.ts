/**
 * The bodies of Witboost's tech adapter contract, version 2.2.0, as JSON Schemas written from the public specification.
 * Where the specification allows any further member, these allow none: what is not in it has no business in an answer.
 */
import { Ajv, type ErrorObject } from "ajv";

const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
const state = { enum: ["RUNNING", "COMPLETED", "FAILED"] } as const;
const anyObject = { type: "object" } as const;

function object(properties: Record<string, object>, required: readonly string[]): object {
  return { type: "object", properties, required, additionalProperties: false };
}

const moreInfo = object({ problems: texts, solutions: texts }, ["problems", "solutions"]);
const details = { userMessage: text, input: text, inputErrorField: text, moreInfo };

const log = object(
  {
    timestamp: {
      type: "string",
      pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$",
    },
    level: { enum: ["DEBUG", "INFO", "WARNING", "ERROR"] },
    message: text,
    phase: text,
  },
  ["timestamp", "level", "message"],
);
const logs = { type: "array", items: log } as const;

const validationResult = object(
  { valid: { type: "boolean" }, error: object({ errors: texts }, ["errors"]) },
  ["valid"],
);

const info = object({ publicInfo: anyObject, privateInfo: anyObject }, [
  "publicInfo",
  "privateInfo",
]);

export const WITBOOST_SHAPES = {
  ProvisioningStatus: object({ status: state, result: text, info, logs }, ["status", "result"]),
  ValidationResult: validationResult,
  ValidationStatus: object(
    { status: state, info: object({ publicInfo: validationResult }, ["publicInfo"]) },
    ["status"],
  ),
  ReverseProvisioningStatus: object({ status: state, updates: anyObject, logs }, [
    "status",
    "updates",
  ]),
  RequestValidationError: object({ errors: texts, ...details }, ["errors"]),
  SystemError: object({ error: text, ...details }, ["error"]),
} as const;

export type WitboostShape = keyof typeof WITBOOST_SHAPES;

/** What the Marketplace shows of public info: each entry has this shape, or is not shown. */
const MARKETPLACE_ENTRY = object(
  { type: { enum: ["string", "link", "date"] }, label: text, value: text, href: text },
  ["type", "label", "value"],
);

const ajv = new Ajv({ allErrors: true });

/** Where a body differs from the contract's shape; none when it has it. */
export function differences(shape: WitboostShape, body: unknown): string[] {
  return check(WITBOOST_SHAPES[shape], body);
}

export function marketplaceDifferences(entry: unknown): string[] {
  return check(MARKETPLACE_ENTRY, entry);
}

function check(schema: object, body: unknown): string[] {
  const validate = ajv.compile(schema);
  if (validate(body)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message }: ErrorObject) => `${instancePath || "/"} ${message}`,
  );
}
