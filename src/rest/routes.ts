/**
 * The contract's nine routes: each executes a document of the public schema and maps what comes back; it decides nothing
 * itself. The table is also what schema/openapi.json is printed from.
 */
import type { z } from "zod";
import { AppError, toAppError } from "../errors.ts";
import { shaped } from "./body.ts";
import {
  type ProvisioningStatus,
  provisioningRequest,
  provisioningStatus,
  type ReverseProvisioningStatus,
  reverseProvisioningRequest,
  reverseProvisioningStatus,
  updateAclRequest,
  type ValidationResult,
  type ValidationStatus,
  validationRequest,
  validationResult,
  validationStatus,
} from "./contract.ts";
import type { Run } from "./execute.ts";
import {
  type OperationKind,
  OperationKindDocument,
  OperationStatusDocument,
  ProvisionDocument,
  SubmitValidationDocument,
  UnprovisionDocument,
  UpdateAclDocument,
  ValidateDocument,
  ValidationStatusDocument,
} from "./generated/operations.ts";
import {
  acceptedAnswer,
  invalidAnswer,
  statusAnswer,
  tokenAnswer,
  validationStatusAnswer,
  verdictAnswer,
} from "./outcome.ts";
import type { Answer } from "./problem.ts";

export interface Call {
  readonly run: Run;
  /** How long to wait for an operation's end, in milliseconds. */
  readonly wait: number;
  readonly body: unknown;
  readonly token: string;
}

export interface Route {
  readonly method: "get" | "post";
  /** As the contract writes it, with `{token}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  /** The body of a 200; absent where there is none. */
  readonly ok?: z.ZodType;
  /** Whether a 202 with a token is answered, too. */
  readonly accepts: boolean;
  readonly handle: (call: Call) => Promise<Answer>;
  /** How the sender's faults are answered, where the contract has no 400. */
  readonly refuse?: (error: AppError) => Answer;
}

type Described = Pick<Route, "operationId" | "summary">;

/** A route that takes a body of that shape; the same shape checks it and describes it. */
function post<Shape, Ok extends object>(
  path: string,
  route: Described & {
    readonly body: z.ZodType<Shape>;
    readonly ok?: z.ZodType<Ok>;
    readonly accepts?: false;
    readonly handle: (call: Call & { readonly body: Shape }) => Promise<Answer<Ok>>;
    readonly refuse?: (error: AppError) => Answer<Ok>;
  },
): Route {
  const handle = (call: Call) => route.handle({ ...call, body: shaped(route.body, call.body) });
  return { accepts: true, ...route, method: "post", path, handle };
}

function get<Ok extends object>(
  path: string,
  route: Described & {
    readonly ok: z.ZodType<Ok>;
    readonly handle: (call: Call) => Promise<Answer<Ok>>;
  },
): Route {
  return { ...route, method: "get", path, accepts: false };
}

const PROVISION_STATUS = "/v1/provision/{token}/status";
const VALIDATION_STATUS = "/v2/validate/{token}/status";
const REVERSE_STATUS = "/v1/reverse-provisioning/{token}/status";

/** Where an operation's status is asked; of other kinds none is, here. */
const STATUS_PATHS: Readonly<Partial<Record<OperationKind, string>>> = {
  VALIDATE: VALIDATION_STATUS,
  PROVISION: PROVISION_STATUS,
  UNPROVISION: PROVISION_STATUS,
  UPDATE_ACL: PROVISION_STATUS,
  REVERSE_PROVISION: REVERSE_STATUS,
};

export const ROUTES: readonly Route[] = [
  post("/v1/validate", {
    operationId: "validate",
    summary: "Check a descriptor quickly: what it says, its names, and who else owns them.",
    body: provisioningRequest,
    ok: validationResult,
    accepts: false,
    handle: validate,
    refuse: invalidAnswer,
  }),
  post("/v2/validate", {
    operationId: "asyncValidate",
    summary: "Check a descriptor thoroughly: also whether the source holds what it names.",
    body: validationRequest,
    handle: submitValidation,
  }),
  get(VALIDATION_STATUS, {
    operationId: "getValidationStatus",
    summary: "How a thorough check stands.",
    ok: validationStatus,
    handle: validationStatusOf,
  }),
  post("/v1/provision", {
    operationId: "provision",
    summary: "Make an output port as its descriptor says, or change it to be so.",
    body: provisioningRequest,
    ok: provisioningStatus,
    handle: provision,
  }),
  post("/v1/unprovision", {
    operationId: "unprovision",
    summary: "Remove an output port: access ends at once, then what Hasura holds of it.",
    body: provisioningRequest,
    ok: provisioningStatus,
    handle: unprovision,
  }),
  post("/v1/updateacl", {
    operationId: "updateacl",
    summary: "Give access to exactly these users and groups.",
    body: updateAclRequest,
    ok: provisioningStatus,
    handle: updateAcl,
  }),
  get(PROVISION_STATUS, {
    operationId: "getStatus",
    summary: "How a provision, an unprovision or an access list stands.",
    ok: provisioningStatus,
    handle: status,
  }),
  post("/v1/reverse-provisioning", {
    operationId: "runReverseProvisioning",
    summary: "Read an output port's state back. Not available yet: answered with 400.",
    body: reverseProvisioningRequest,
    ok: reverseProvisioningStatus,
    handle: reverseProvision,
  }),
  get(REVERSE_STATUS, {
    operationId: "getReverseProvisioningStatus",
    summary: "How a reading back stands. Not available yet: no token is known.",
    ok: reverseProvisioningStatus,
    handle: reverseStatus,
  }),
];

type With<Schema extends z.ZodType> = Call & { readonly body: z.infer<Schema> };

async function validate({
  run,
  body: { descriptor, descriptorKind },
}: With<typeof provisioningRequest>): Promise<Answer<ValidationResult>> {
  const input = { descriptor, descriptorKind };
  const { validateDescriptor } = await run(ValidateDocument, { input });
  return verdictAnswer(validateDescriptor);
}

async function submitValidation({
  run,
  body: { descriptor, descriptorKind },
}: With<typeof validationRequest>): Promise<Answer<never>> {
  const input = { descriptor, descriptorKind };
  const { validateOutputPort } = await run(SubmitValidationDocument, { input });
  return tokenAnswer(validateOutputPort.token);
}

async function validationStatusOf({ run, token }: Call): Promise<Answer<ValidationStatus>> {
  const { operation } = await run(ValidationStatusDocument, { token });
  return validationStatusAnswer(polledHere(operation, VALIDATION_STATUS));
}

async function provision({
  run,
  wait,
  body: { descriptor, descriptorKind, removeData },
}: With<typeof provisioningRequest>): Promise<Answer<ProvisioningStatus>> {
  const input = { descriptor, descriptorKind, removeData };
  const { provisionOutputPort } = await run(ProvisionDocument, { input, wait });
  return acceptedAnswer(provisionOutputPort);
}

async function unprovision({
  run,
  wait,
  body: { descriptor, removeData },
}: With<typeof provisioningRequest>): Promise<Answer<ProvisioningStatus>> {
  const input = { descriptor, removeData };
  const { unprovisionOutputPort } = await run(UnprovisionDocument, { input, wait });
  return acceptedAnswer(unprovisionOutputPort);
}

async function updateAcl({
  run,
  wait,
  body: { refs, provisionInfo },
}: With<typeof updateAclRequest>): Promise<Answer<ProvisioningStatus>> {
  const input = { descriptor: provisionInfo.request, refs };
  try {
    const { updateOutputPortAcl } = await run(UpdateAclDocument, { input, wait });
    return acceptedAnswer(updateOutputPortAcl);
  } catch (error) {
    throw renamed(error, "descriptor", "provisionInfo.request");
  }
}

/** The failure with a field of the public schema named as the contract names it. */
function renamed(error: unknown, field: string, contractField: string): AppError {
  const { code, message, problems, cause } = toAppError(error);
  const named = problems.map((problem) =>
    problem.path === field ? { ...problem, path: contractField } : problem,
  );
  return new AppError(code, message, { problems: named, cause });
}

async function status({ run, token }: Call): Promise<Answer<ProvisioningStatus>> {
  const { operation } = await run(OperationStatusDocument, { token });
  return statusAnswer(polledHere(operation, PROVISION_STATUS));
}

async function reverseProvision(): Promise<never> {
  throw new AppError("NOT_AVAILABLE", "Reverse provisioning is not available yet.");
}

async function reverseStatus({ run, token }: Call): Promise<Answer<ReverseProvisioningStatus>> {
  const { operation } = await run(OperationKindDocument, { token });
  polledHere(operation, REVERSE_STATUS);
  return reverseProvision();
}

/**
 * The operation, when its status is asked on this path.
 * @throws AppError UNKNOWN_TOKEN
 */
function polledHere<Operation extends { readonly kind: OperationKind }>(
  operation: Operation | null,
  path: string,
): Operation {
  const right = operation === null ? undefined : STATUS_PATHS[operation.kind];
  if (operation !== null && right === path) return operation;
  const problem =
    right === undefined
      ? { path: "token", message: "is not known", suggestion: "use the token that was answered" }
      : {
          path: "token",
          message: "belongs to another route",
          suggestion: `ask GET ${right}`,
        };
  throw new AppError("UNKNOWN_TOKEN", "There is no operation with this token here.", {
    problems: [problem],
  });
}
