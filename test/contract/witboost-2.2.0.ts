/** Facts of Witboost's public specification for tech adapters, version 2.2.0: routes, statuses, members, values. */

const STATUS_ERRORS = { 400: "RequestValidationError", 500: "SystemError" } as const;
const OPERATION = { 200: "ProvisioningStatus", 202: "token", ...STATUS_ERRORS } as const;

type Answers = Readonly<Record<string, string>>;

/** Route, operation id, and the shape of each answer; `token` for the text of a 202. */
export const RESPONSES: readonly (readonly [route: string, operationId: string, Answers])[] = [
  ["POST /v2/validate", "asyncValidate", { 202: "token", ...STATUS_ERRORS }],
  [
    "GET /v2/validate/{token}/status",
    "getValidationStatus",
    { 200: "ValidationStatus", ...STATUS_ERRORS },
  ],
  ["POST /v1/provision", "provision", OPERATION],
  [
    "GET /v1/provision/{token}/status",
    "getStatus",
    { 200: "ProvisioningStatus", ...STATUS_ERRORS },
  ],
  ["POST /v1/validate", "validate", { 200: "ValidationResult", 500: "SystemError" }],
  ["POST /v1/unprovision", "unprovision", OPERATION],
  ["POST /v1/updateacl", "updateacl", OPERATION],
  [
    "POST /v1/reverse-provisioning",
    "runReverseProvisioning",
    { ...OPERATION, 200: "ReverseProvisioningStatus" },
  ],
  [
    "GET /v1/reverse-provisioning/{token}/status",
    "getReverseProvisioningStatus",
    { 200: "ReverseProvisioningStatus", ...STATUS_ERRORS },
  ],
];

/** What the routes with a body take. */
export const REQUESTS: readonly (readonly [route: string, shape: string])[] = [
  ["POST /v2/validate", "ProvisioningRequest"],
  ["POST /v1/provision", "ProvisioningRequest"],
  ["POST /v1/validate", "ProvisioningRequest"],
  ["POST /v1/unprovision", "ProvisioningRequest"],
  ["POST /v1/updateacl", "UpdateAclRequest"],
  ["POST /v1/reverse-provisioning", "ReverseProvisioningRequest"],
];

interface Shape {
  readonly required: readonly string[];
  /** Types or names of shapes; `[]` for a list of them. */
  readonly members: Readonly<Record<string, string>>;
}

const ERROR_DETAILS = {
  userMessage: "string",
  input: "string",
  inputErrorField: "string",
  moreInfo: "ErrorMoreInfo",
} as const;

export const SHAPES: Readonly<Record<string, Shape>> = {
  ProvisioningRequest: {
    required: ["descriptorKind", "descriptor", "removeData"],
    members: {
      descriptorKind: "DescriptorKind",
      descriptor: "string",
      latestEnrichedDescriptor: "string",
      removeData: "boolean",
    },
  },
  UpdateAclRequest: {
    required: ["refs", "provisionInfo"],
    members: { refs: "string[]", provisionInfo: "ProvisionInfo" },
  },
  ProvisionInfo: {
    required: ["request", "result"],
    members: { request: "string", result: "string" },
  },
  ReverseProvisioningRequest: {
    required: ["useCaseTemplateId", "environment"],
    members: {
      useCaseTemplateId: "string",
      environment: "string",
      params: "object",
      catalogInfo: "object",
    },
  },
  ProvisioningStatus: {
    required: ["status", "result"],
    members: { status: "string", result: "string", info: "Info", logs: "Log[]" },
  },
  Info: {
    required: ["publicInfo", "privateInfo"],
    members: { publicInfo: "object", privateInfo: "object" },
  },
  Log: {
    required: ["timestamp", "level", "message"],
    members: { timestamp: "string", level: "string", message: "string", phase: "string" },
  },
  ValidationResult: {
    required: ["valid"],
    members: { valid: "boolean", error: "ValidationError" },
  },
  ValidationError: { required: ["errors"], members: { errors: "string[]" } },
  ValidationStatus: { required: ["status"], members: { status: "string", info: "ValidationInfo" } },
  ValidationInfo: { required: ["publicInfo"], members: { publicInfo: "ValidationResult" } },
  ReverseProvisioningStatus: {
    required: ["status", "updates"],
    members: { status: "string", updates: "object", logs: "Log[]" },
  },
  RequestValidationError: {
    required: ["errors"],
    members: { errors: "string[]", ...ERROR_DETAILS },
  },
  SystemError: { required: ["error"], members: { error: "string", ...ERROR_DETAILS } },
  ErrorMoreInfo: {
    required: ["problems", "solutions"],
    members: { problems: "string[]", solutions: "string[]" },
  },
};

const STATES = ["RUNNING", "COMPLETED", "FAILED"] as const;

/** A member (`""`: the shape itself), its shape, its values. */
export const ENUMS: readonly (readonly [
  member: string,
  shape: string,
  values: readonly string[],
])[] = [
  ["status", "ProvisioningStatus", STATES],
  ["status", "ValidationStatus", STATES],
  ["status", "ReverseProvisioningStatus", STATES],
  ["level", "Log", ["DEBUG", "INFO", "WARNING", "ERROR"]],
  [
    "",
    "DescriptorKind",
    ["DATAPRODUCT_DESCRIPTOR", "COMPONENT_DESCRIPTOR", "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS"],
  ],
];
