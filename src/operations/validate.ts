import { problemText } from "../domain/problem-text.ts";
import { AppError, type Problem } from "../errors.ts";
import type { Operation, Prisma } from "../inventory/generated/client.ts";
import {
  endOperation,
  type LogLine,
  logOperation,
  logOperations,
} from "../inventory/operations.ts";
import type { OperationsContext } from "./context.ts";
import { type DescriptorInput, readPort } from "./read-port.ts";
import { operationRequestSchema } from "./request.ts";
import { inspectSource } from "./resolve-port.ts";

export interface Verdict {
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** The quick check: the descriptor, its names and who else owns them. Asks no source and no Hasura, records nothing. */
export async function validateDescriptor(
  ctx: OperationsContext,
  input: DescriptorInput,
): Promise<Verdict> {
  const { problems, warnings } = await readPort(ctx.db, ctx.hasuraId, input);
  return { valid: problems.length === 0, problems, warnings };
}

/**
 * Carrying out a validation: the quick check, and whether the source holds what is named. A descriptor that is invalid
 * is a completed validation.
 */
export async function validate(ctx: OperationsContext, operation: Operation): Promise<void> {
  const { descriptor = "", descriptorKind } = operationRequestSchema.parse(operation.request);
  const { spec, problems, warnings } = await readPort(ctx.db, ctx.hasuraId, {
    descriptor,
    descriptorKind,
  });
  const found = [...problems];
  if (spec !== null && problems.length === 0)
    found.push(...(await sourceProblems(ctx, operation, spec)));
  const texts = found.map(problemText);
  const valid = found.length === 0;
  const publicInfo = valid ? { valid } : { valid, error: { errors: texts } };
  await ctx.db.$transaction(async (tx) => {
    for (const warning of warnings)
      await logOperation(tx, operation.token, "WARNING", "validate", problemText(warning));
    await endOperation(tx, operation.token, {
      status: "COMPLETED",
      result: valid ? "The descriptor is valid." : texts.join("\n"),
      problems: found,
      info: { publicInfo, privateInfo: {} } as Prisma.InputJsonValue,
    });
  });
}

async function sourceProblems(
  ctx: OperationsContext,
  operation: Operation,
  spec: Parameters<typeof inspectSource>[1],
): Promise<readonly Problem[]> {
  const lines: LogLine[] = [];
  const { token } = operation;
  try {
    await inspectSource(ctx, spec, (level, message) => {
      lines.push({ token, level, phase: "source", message });
    });
    return [];
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "SOURCE_REFUSED") throw error;
    const path = `dataProduct.components.${spec.source.componentId}.specific`;
    return error.problems.length > 0 ? error.problems : [{ path, message: error.message }];
  } finally {
    await logOperations(ctx.db, lines);
  }
}
