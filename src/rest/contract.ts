/**
 * The bodies of Witboost's contract for tech adapters, version 2.2.0. What is checked, what is answered, its types and
 * schema/openapi.json all come from these. Members that are not known are accepted, as later versions send them.
 */
import { z } from "zod";

/** The contract's shapes by their names there. */
export const shapes = z.registry<{ id: string }>();

/** How many entries a list may hold: the time it takes grows with them. */
const MAX_ENTRIES = 10_000;

/** What is wrong with a member that is not as expected. */
function expected(what: string) {
  return { error: ({ input }: { input?: unknown }) => (input === undefined ? "is missing" : what) };
}

export const text = z.string(expected("expected text"));
export const object = expected("expected an object");

/** @param entries what the list holds, for the message */
export function texts(entries: string) {
  return z
    .array(z.unknown(), expected("expected a list of texts"))
    .max(MAX_ENTRIES, `holds more than ${MAX_ENTRIES} ${entries}`)
    .pipe(z.array(text));
}

const anyObject = z.record(z.string(), z.unknown());

const descriptorKind = z
  .enum(
    ["DATAPRODUCT_DESCRIPTOR", "COMPONENT_DESCRIPTOR", "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS"],
    expected("expected COMPONENT_DESCRIPTOR"),
  )
  .describe(
    "What `descriptor` holds. An output port is provisioned from a COMPONENT_DESCRIPTOR; the others are refused.",
  )
  .register(shapes, { id: "DescriptorKind" });

export const provisioningRequest = z
  .looseObject(
    {
      descriptorKind,
      descriptor: text.describe(
        "YAML or JSON text with `dataProduct` and `componentIdToProvision`; at most 1 MiB.",
      ),
      // The contract requires it and gives it a default; in practice it is often absent.
      removeData: z
        .boolean(expected("expected true or false"))
        .nullable()
        .default(false)
        .describe("Recorded and answered; the data itself is never touched. May be left out."),
      latestEnrichedDescriptor: z
        .unknown()
        .optional()
        .meta({ type: "string", description: "Accepted, and not read." }),
    },
    object,
  )
  .register(shapes, { id: "ProvisioningRequest" });

export const validationRequest = provisioningRequest
  .extend({ descriptorKind: descriptorKind.default("COMPONENT_DESCRIPTOR") })
  .describe("Older clients send `descriptor` alone.")
  .register(shapes, { id: "ValidationRequest" });

const provisionInfo = z
  .looseObject(
    {
      request: text.describe("The descriptor that the output port was provisioned with."),
      result: text.describe("Accepted, and not read."),
    },
    object,
  )
  .register(shapes, { id: "ProvisionInfo" });

export const updateAclRequest = z
  .looseObject(
    {
      refs: texts("refs").describe(
        "Everybody who is to have access, each as `user:…` or `group:…`; all others lose it.",
      ),
      provisionInfo,
    },
    object,
  )
  .register(shapes, { id: "UpdateAclRequest" });

export const reverseProvisioningRequest = z
  .looseObject(
    {
      useCaseTemplateId: text,
      environment: text,
      params: z.looseObject({}, object).nullish(),
      catalogInfo: z.looseObject({}, object).nullish(),
    },
    object,
  )
  .register(shapes, { id: "ReverseProvisioningRequest" });

const state = z.enum(["RUNNING", "COMPLETED", "FAILED"]);

const log = z
  .object({
    timestamp: z.string().meta({ format: "date-time" }),
    level: z.enum(["DEBUG", "INFO", "WARNING", "ERROR"]),
    message: z.string(),
    phase: z.string().optional().describe("In which part of the work."),
  })
  .register(shapes, { id: "Log" });

const info = z
  .object({
    publicInfo: anyObject.describe(
      "What the Marketplace shows: entries `{type, label, value, href}` by key.",
    ),
    privateInfo: anyObject.describe("What is handed to dependants. No secrets."),
  })
  .register(shapes, { id: "Info" });

export const provisioningStatus = z
  .object({
    status: state,
    result: z.string().meta({ deprecated: true, description: "What came of it, for people." }),
    info: info.optional(),
    logs: z.array(log).optional(),
  })
  .register(shapes, { id: "ProvisioningStatus" });
export type ProvisioningStatus = z.infer<typeof provisioningStatus>;

const validationError = z
  .object({ errors: z.array(z.string()) })
  .register(shapes, { id: "ValidationError" });

export const validationResult = z
  .object({ valid: z.boolean(), error: validationError.optional() })
  .describe("Whether the descriptor is valid, and each of its faults.")
  .register(shapes, { id: "ValidationResult" });
export type ValidationResult = z.infer<typeof validationResult>;

const validationInfo = z
  .object({ publicInfo: validationResult })
  .register(shapes, { id: "ValidationInfo" });

export const validationStatus = z
  .object({
    status: state.describe(
      "COMPLETED: it was checked, see `info.publicInfo`. FAILED: the check itself did not succeed.",
    ),
    info: validationInfo.optional(),
  })
  .register(shapes, { id: "ValidationStatus" });
export type ValidationStatus = z.infer<typeof validationStatus>;

export const reverseProvisioningStatus = z
  .object({ status: state, updates: anyObject, logs: z.array(log).optional() })
  .register(shapes, { id: "ReverseProvisioningStatus" });
export type ReverseProvisioningStatus = z.infer<typeof reverseProvisioningStatus>;

const moreInfo = z
  .object({ problems: z.array(z.string()), solutions: z.array(z.string()) })
  .register(shapes, { id: "ErrorMoreInfo" });

const errorDetails = {
  userMessage: z.string().optional(),
  input: z.string().optional().describe("Never answered: what was sent is not sent back."),
  inputErrorField: z.string().optional().describe("Dot path of the first member at fault."),
  moreInfo: moreInfo.optional(),
};

export const requestValidationError = z
  .object({ errors: z.array(z.string()).meta({ deprecated: true }), ...errorDetails })
  .describe("What the sender can mend.")
  .register(shapes, { id: "RequestValidationError" });
export type RequestValidationError = z.infer<typeof requestValidationError>;

export const systemError = z
  .object({ error: z.string().meta({ deprecated: true }), ...errorDetails })
  .describe("A fault of ours.")
  .register(shapes, { id: "SystemError" });
export type SystemError = z.infer<typeof systemError>;
