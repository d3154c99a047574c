/** From what the public schema answers to the contract's bodies. */
import { problemText } from "../domain/problem-text.ts";
import type { AppError } from "../errors.ts";
import type { ProvisioningStatus, ValidationResult, ValidationStatus } from "./contract.ts";
import type {
  OperationOutcomeFragment,
  ValidateQuery,
  ValidationStatusQuery,
} from "./generated/operations.ts";
import { type Answer, type JsonAnswer, problemTexts } from "./problem.ts";

/** How many lines of an operation's log a status carries: the client asks for it again and again. */
const MAX_LOGS = 200;

type ToldProblem = ValidateQuery["validateDescriptor"]["problems"][number];
type ToldInfo = NonNullable<OperationOutcomeFragment["info"]>;

function validationResult(errors: string[]): ValidationResult {
  return errors.length === 0 ? { valid: true } : { valid: false, error: { errors } };
}

function textsOf(problems: readonly ToldProblem[]): string[] {
  return problems.map(({ path, message, suggestion }) =>
    problemText({ path, message, suggestion: suggestion ?? undefined }),
  );
}

/** What the quick check says of a descriptor. */
export function verdictAnswer({
  valid,
  problems,
}: ValidateQuery["validateDescriptor"]): JsonAnswer<ValidationResult> {
  return { status: 200, json: validationResult(valid ? [] : textsOf(problems)) };
}

/** v1/validate has no 400: whatever the sender can mend makes the descriptor invalid. */
export function invalidAnswer(error: AppError): JsonAnswer<ValidationResult> {
  return { status: 200, json: validationResult(problemTexts(error)) };
}

/**
 * How a thorough check stands. An invalid descriptor is a completed one; where the check itself failed, nothing is
 * known of the descriptor, and the errors say why.
 */
export function validationStatusAnswer({
  status,
  result,
  problems,
}: NonNullable<ValidationStatusQuery["operation"]>): JsonAnswer<ValidationStatus> {
  if (status === "RUNNING") return { status: 200, json: { status } };
  const errors = status === "COMPLETED" ? textsOf(problems) : [result];
  return { status: 200, json: { status, info: { publicInfo: validationResult(errors) } } };
}

/** The client wants the token bare, as text, though the contract declares JSON. */
export function tokenAnswer(token: string): Answer<never> {
  return { status: 202, text: token };
}

/** An operation that ended is told as it ended; one that runs by its token. */
export function acceptedAnswer(operation: OperationOutcomeFragment): Answer<ProvisioningStatus> {
  return operation.status === "RUNNING" ? tokenAnswer(operation.token) : statusAnswer(operation);
}

export function statusAnswer(operation: OperationOutcomeFragment): JsonAnswer<ProvisioningStatus> {
  return { status: 200, json: provisioningStatus(operation) };
}

function provisioningStatus(operation: OperationOutcomeFragment): ProvisioningStatus {
  const { status, result, url, info, logs } = operation;
  const details = status === "FAILED" && url !== null ? `\nDetails: ${url}` : "";
  return {
    status,
    result: `${result}${details}`,
    ...(status === "COMPLETED" && info !== null ? { info: infoOf(info) } : {}),
    logs: logs.slice(-MAX_LOGS).map(({ at, level, message, phase }) => ({
      timestamp: at.toISOString(),
      level,
      message,
      ...(phase === null ? {} : { phase }),
    })),
  };
}

function infoOf({ publicInfo, privateInfo }: ToldInfo): NonNullable<ProvisioningStatus["info"]> {
  return {
    publicInfo: Object.fromEntries(
      publicInfo.map(({ key, type, label, value, href }) => [
        key,
        { type: type.toLowerCase(), label, value, ...(href === null ? {} : { href }) },
      ]),
    ),
    privateInfo: { ...(privateInfo as object) },
  };
}
