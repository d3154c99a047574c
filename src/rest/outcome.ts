/** From what the public schema answers to the contract's bodies. */
import { problemText } from "../domain/problem-text.ts";
import type { AppError } from "../errors.ts";
import type { OperationOutcomeFragment, ValidateQuery } from "./generated/operations.ts";
import { type Answer, problemTexts } from "./problem.ts";

export interface ValidationResult {
  readonly valid: boolean;
  readonly error?: { readonly errors: readonly string[] };
}

export interface ProvisioningStatus {
  readonly status: "RUNNING" | "COMPLETED" | "FAILED";
  readonly result: string;
  readonly info?: { readonly publicInfo: object; readonly privateInfo: unknown };
  readonly logs: readonly Log[];
}

interface Log {
  readonly timestamp: string;
  readonly level: "DEBUG" | "INFO" | "WARNING" | "ERROR";
  readonly message: string;
  readonly phase?: string;
}

/** How many lines of an operation's log a status carries: the client asks for it again and again. */
const MAX_LOGS = 200;

function validationResult(errors: readonly string[]): ValidationResult {
  return errors.length === 0 ? { valid: true } : { valid: false, error: { errors } };
}

/** What the quick check says of a descriptor. */
export function verdictAnswer({ valid, problems }: ValidateQuery["validateDescriptor"]): Answer {
  const texts = problems.map(({ path, message, suggestion }) =>
    problemText({ path, message, suggestion: suggestion ?? undefined }),
  );
  return { status: 200, json: validationResult(valid ? [] : texts) };
}

/** v1/validate has no 400: whatever the sender can mend makes the descriptor invalid. */
export function invalidAnswer(error: AppError): Answer {
  return { status: 200, json: validationResult(problemTexts(error)) };
}

/**
 * An operation that ended is told as it ended; one that runs by its token. The client wants the token bare, as text,
 * though the contract declares JSON.
 */
export function acceptedAnswer(operation: OperationOutcomeFragment): Answer {
  if (operation.status === "RUNNING") return { status: 202, text: operation.token };
  return statusAnswer(operation);
}

export function statusAnswer(operation: OperationOutcomeFragment): Answer {
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

function infoOf({ publicInfo, privateInfo }: NonNullable<OperationOutcomeFragment["info"]>) {
  return {
    publicInfo: Object.fromEntries(
      publicInfo.map(({ key, type, label, value, href }) => [
        key,
        { type: type.toLowerCase(), label, value, ...(href === null ? {} : { href }) },
      ]),
    ),
    privateInfo,
  };
}
