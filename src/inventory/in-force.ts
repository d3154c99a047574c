/** When grants and blocks are in force: from their beginning on, and no longer from the earlier of their two ends on. */

/** What can be asked of rows that begin and end. */
interface Spans {
  since?: { lte: Date };
  endedAt?: Date | null | { not: null } | { lte: Date };
  OR?: Spans[];
  AND?: Spans[];
  until?: Date | null | { lte: Date } | { gt: Date };
}

/** Whether a row that was read is in force. */
export function isInForce(
  row: { readonly endedAt: Date | null; readonly until: Date | null },
  now: Date,
): boolean {
  return row.endedAt === null && (row.until === null || row.until > now);
}

/** Those in force now. Whatever has begun is recorded, so only the ends are looked at. */
export function inForce(now: Date): Spans {
  return { endedAt: null, OR: [{ until: null }, { until: { gt: now } }] };
}

/**
 * Those that stand so.
 * @param state absent: those in force at the moment, or without a moment all
 * @param at as of which moment, by what is recorded today; absent: now
 */
export function standing(
  state: "LIVE" | "ENDED" | null | undefined,
  at: Date | null | undefined,
): Spans {
  if (at == null) {
    const now = new Date();
    if (state == null) return {};
    return state === "LIVE"
      ? inForce(now)
      : { OR: [{ endedAt: { not: null } }, over("until", now)] };
  }
  const since = { lte: at };
  if (state === "ENDED") return { since, OR: [over("endedAt", at), over("until", at)] };
  return {
    since,
    AND: (["endedAt", "until"] as const).map((end) => ({
      OR: [{ [end]: null }, { [end]: { gt: at } }],
    })),
  };
}

function over(end: "endedAt" | "until", at: Date): Spans {
  return { [end]: { lte: at } };
}
