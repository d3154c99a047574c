/** A batch as one command of Hasura's, and whose fault it is when Hasura refuses a part of it. */
import { z } from "zod";
import { AppError } from "../errors.ts";
import type { Command } from "./client.ts";
import { readInconsistencies } from "./inconsistencies.ts";
import { memberOf } from "./metadata.ts";
import { type MetadataIndex, tableKey } from "./metadata-index.ts";
import type { ObjectRef } from "./objects.ts";
import type { Item } from "./plan.ts";
import { conflictingNames, type Refusal, refusalSchema } from "./refusal.ts";
import { withSteps } from "./with-steps.ts";

/**
 * How a batch is written. `bulk`: each item holds or is refused by itself. `replace`: all of it or nothing, with one
 * rebuild. `purge`: a replace that leaves inconsistencies be, for removing what is inconsistent.
 */
export type Way = "bulk" | "replace" | "purge";

/** The one command that carries the items out. */
export function commandOf(way: Way, { metadata }: MetadataIndex, items: readonly Item[]): Command {
  if (way === "bulk")
    return {
      type: "bulk_keep_going",
      args: items.map(({ steps }) => ({
        type: "bulk",
        args: steps.flatMap(({ commands }) => commands),
      })),
    };
  return {
    type: "replace_metadata",
    args: {
      allow_inconsistent_metadata: way === "purge",
      metadata: withSteps(
        metadata,
        items.flatMap(({ steps }) => steps),
      ),
    },
  };
}

/** What became of each item: null when it holds. */
export type ItemResult = Refusal | null;

/**
 * The results of a `bulk_keep_going`, one an item.
 * @throws AppError HASURA_UNAVAILABLE for an answer in another shape: what became of the write is then unknown
 */
export function readBulkResults(answer: unknown, items: readonly Item[]): ItemResult[] {
  const read = z.array(z.unknown()).length(items.length).safeParse(answer);
  if (!read.success)
    throw new AppError("HASURA_UNAVAILABLE", "Hasura answered a bulk in a shape we do not know.", {
      cause: read.error,
    });
  return read.data.map((result) => {
    const refusal = refusalSchema.safeParse(result);
    return refusal.success ? refusal.data : null;
  });
}

/** Positions of the items that a refusal of the whole write is about; empty when it is about none of them. */
export function blamed(way: Way, refusal: Refusal, items: readonly Item[]): ReadonlySet<number> {
  if (way === "bulk") {
    const position = /^\$\.args\[(\d+)\]/.exec(refusal.path)?.[1];
    return new Set(position === undefined ? [] : [Number(position)]);
  }
  const names = conflictingNames(refusal);
  const broken = readInconsistencies(refusal.internal);
  const mine = broken.map((object) =>
    items.findIndex(({ steps }) => steps.some((step) => concerns(step.object, object))),
  );
  // Something else is in the way, for which none of these can be blamed.
  if (mine.includes(-1)) return new Set();
  const owners = items.flatMap(({ steps }, position) =>
    steps.some(({ after }) => names.some((name) => claims(after, name))) ? [position] : [],
  );
  return new Set([...mine, ...owners]);
}

function concerns(
  object: ObjectRef,
  broken: ReturnType<typeof readInconsistencies>[number],
): boolean {
  if (object.kind === "INHERITED_ROLE") return broken.name.endsWith(` ${object.role}`);
  if (object.source !== broken.source) return false;
  if (broken.tableKey === undefined) return object.kind === "SOURCE";
  return object.kind !== "SOURCE" && tableKey(object.table) === broken.tableKey;
}

/** Whether what a step makes of a table brings a root field or type of that name. */
function claims(after: unknown, name: string): boolean {
  const configuration = memberOf(after, "configuration");
  const custom = memberOf(configuration, "custom_name");
  const fields = Object.values(memberOf(configuration, "custom_root_fields") ?? {});
  return (
    fields.includes(name) ||
    (typeof custom === "string" && (name === custom || name.startsWith(`${custom}_`)))
  );
}
