import type { Operation } from "../inventory/generated/client.ts";
import { readOperation } from "../inventory/operations.ts";
import type { OperationsContext } from "./context.ts";
import { awaitOperation } from "./wait.ts";

const LOOK_AGAIN_MS = 2_000;

/**
 * Waits for an operation's end, telling its log as it grows.
 * @param tell told of each line
 */
export async function followOperation(
  ctx: OperationsContext,
  token: string,
  tell: (line: string) => void,
): Promise<Operation> {
  for (let after = 0n; ; ) {
    await awaitOperation(ctx, token, LOOK_AGAIN_MS);
    const operation = await readOperation(ctx.db, token);
    const lines = await ctx.db.operationLog.findMany({
      where: { operationToken: token, id: { gt: after } },
      orderBy: { id: "asc" },
    });
    for (const { level, message } of lines) tell(`${level.padEnd(7)} ${message}`);
    after = lines.at(-1)?.id ?? after;
    if (operation.status !== "RUNNING") return operation;
  }
}
