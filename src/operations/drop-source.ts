import { seeHasura } from "./changes.ts";
import type { OperationsContext } from "./context.ts";

/**
 * Drops a source of ours that no port needs, if it holds nothing. Only for the one committer.
 * @returns whether it is gone; that it cannot be dropped now is nobody's failure
 */
export async function dropEmptySource(
  ctx: OperationsContext,
  source: { readonly name: string; readonly sourceKind: string },
): Promise<boolean> {
  const { name, sourceKind } = source;
  try {
    const { index, resourceVersion } = await seeHasura(ctx);
    if (index.source(name) === undefined) return true;
    if (index.tableKeys(name).length > 0) return false;
    const drop = { type: `${sourceKind}_drop_source`, args: { name, cascade: false } };
    await ctx.hasura.write({ type: "bulk", args: [drop] }, resourceVersion);
    return true;
  } catch (err) {
    ctx.log.warn({ err, source: name }, "a source that no port needs could not be dropped");
    return false;
  }
}
