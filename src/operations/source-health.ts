/**
 * Sources that Hasura cannot use. A warehouse that was away leaves Hasura's source inconsistent until somebody has it
 * read again: we look ourselves whether it is back, ever less often, and then have it read once.
 */
import { toAppError } from "../errors.ts";
import { brokenSource, type InconsistentObject } from "../hasura/inconsistencies.ts";
import { sourceReload } from "../hasura/steps.ts";
import type { Source } from "../inventory/generated/client.ts";
import { breakSource, brokenSources, mendSource, portOfSource } from "../inventory/sources.ts";
import { kindOf } from "../sources/sources.ts";
import { seeHasura } from "./changes.ts";
import type { OperationsContext } from "./context.ts";

const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

/** Notes which of these sources Hasura cannot use now, and which it can again. */
export async function noteSources(
  ctx: OperationsContext,
  sources: readonly Source[],
  inconsistent: readonly InconsistentObject[],
): Promise<void> {
  const byName = new Map(sources.map((source) => [source.name, source]));
  for (const source of byName.values()) {
    const reason = brokenSource(inconsistent, source.name);
    if (reason === undefined && source.brokenSince !== null) await mendSource(ctx.db, source.id);
    if (reason !== undefined && source.brokenSince === null)
      await breakSource(ctx.db, source, reason, new Date());
  }
}

/**
 * Looks at the broken sources that are due, through our own connection; those that are back are read again by Hasura.
 * Only for the one committer.
 */
export async function probeSources(ctx: OperationsContext): Promise<void> {
  if (!ctx.hasuraWrites) return;
  for (const source of await brokenSources(ctx.db, ctx.hasuraId)) {
    const reason = await whyAway(ctx, source);
    if (reason === null && (await isBack(ctx, source))) {
      await mendSource(ctx.db, source.id);
      ctx.log.info({ source: source.name }, "a source is back and was read again");
      continue;
    }
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** source.probes, LONGEST_PAUSE_MS);
    const at = new Date(Date.now() + pause);
    await breakSource(ctx.db, source, reason ?? source.brokenReason ?? "", at);
  }
}

/** Why the source cannot be read by us either; null when it can. */
async function whyAway(ctx: OperationsContext, source: Source): Promise<string | null> {
  const spec = await portOfSource(ctx.db, source.id);
  if (spec === null) return null;
  try {
    await ctx.inspector.inspect(spec.source);
    return null;
  } catch (error) {
    const known = toAppError(error);
    // It answers, whatever it says of this one view.
    return known.code === "SOURCE_REFUSED" ? null : known.message;
  }
}

async function isBack(ctx: OperationsContext, source: Source): Promise<boolean> {
  try {
    return await reload(ctx, source);
  } catch (err) {
    ctx.log.warn({ err, source: source.name }, "a source could not be read again");
    return false;
  }
}

/** @returns whether Hasura can use it now */
async function reload(ctx: OperationsContext, source: Source): Promise<boolean> {
  const seen = await seeHasura(ctx);
  if (seen.index.source(source.name) === undefined) return true;
  if (brokenSource(seen.inconsistent, source.name) === undefined) return true;
  const sourceKind = kindOf({ kind: source.kind as "snowflake" }).hasuraKind;
  const { commands } = sourceReload({ kind: "SOURCE", source: source.name, sourceKind });
  for (const command of commands) await ctx.hasura.write(command, seen.resourceVersion);
  return brokenSource(await ctx.hasura.inconsistencies(), source.name) === undefined;
}
