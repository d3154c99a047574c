import { toAppError } from "../errors.ts";
import type { OperationsContext } from "./context.ts";

export interface HasuraStatus {
  readonly id: string;
  readonly url: string;
  readonly reachable: boolean;
  readonly version: string | null;
  readonly resourceVersion: bigint | null;
  readonly consistent: boolean | null;
  /** Why it is not reachable. */
  readonly message: string | null;
  /** Whether anything is written to it. */
  readonly writes: boolean;
}

/** Asks Hasura how it is, now. Never throws for what Hasura does. */
export async function hasuraStatus(ctx: OperationsContext): Promise<HasuraStatus> {
  const known = { id: ctx.hasuraId, url: ctx.hasura.url, writes: ctx.hasuraWrites };
  try {
    const version = await ctx.hasura.version();
    const { resourceVersion } = await ctx.hasura.exportMetadata();
    const consistent = (await ctx.hasura.inconsistencies()).length === 0;
    return { ...known, reachable: true, version, resourceVersion, consistent, message: null };
  } catch (error) {
    const { message } = toAppError(error);
    const unknown = { version: null, resourceVersion: null, consistent: null };
    return { ...known, reachable: false, ...unknown, message };
  }
}
