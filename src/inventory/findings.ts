/** Findings: differences in Hasura that nobody asked for, from when they are first seen until they are gone. */
import { AppError } from "../errors.ts";
import { type DbOrTx, storableJson, type Tx } from "./db.ts";
import type { Finding, FindingKind } from "./generated/client.ts";

export interface SeenFinding {
  readonly kind: FindingKind;
  readonly portId: string | null;
  readonly environment: string | null;
  readonly object: string;
  readonly key: string;
  readonly name: string;
  readonly message: string;
  readonly suggestion: string | null;
  readonly expected: unknown;
  readonly actual: unknown;
  /** Of all that is told. */
  readonly fingerprint: string;
}

/** Rows a statement. */
const PAGE = 1_000;

/**
 * Makes the live findings of a Hasura those that were seen now. An acknowledgement stays while the difference is the
 * same.
 * @param scope only those of this port, and what is wrong with this source of its, were looked for
 * @returns how many are new, and how many are gone
 */
export async function replaceFindings(
  tx: Tx,
  hasuraId: string,
  seen: readonly SeenFinding[],
  scope?: { readonly portId: string; readonly sourceName: string | null },
): Promise<{ found: number; gone: number }> {
  let found = 0;
  for (let at = 0; at < seen.length; at += PAGE)
    found += await addFindings(tx, hasuraId, seen.slice(at, at + PAGE));
  const keys = seen.map(({ kind, object, key }) => ({ kind, object, key }));
  const gone = await tx.$executeRaw`
    UPDATE finding SET ended_at = now()
    WHERE hasura_id = ${hasuraId} AND ended_at IS NULL
      AND (${scope === undefined}::boolean OR port_id = ${scope?.portId ?? null}::uuid
        OR (object = 'SOURCE' AND kind <> 'ORPHAN' AND name = 'source ' || ${scope?.sourceName ?? null}::text))
      AND (kind::text, object, key) NOT IN (
        SELECT * FROM unnest(${keys.map(({ kind }) => kind)}::text[],
          ${keys.map(({ object }) => object)}::text[], ${keys.map(({ key }) => key)}::text[]))`;
  return { found, gone };
}

async function addFindings(
  tx: Tx,
  hasuraId: string,
  seen: readonly SeenFinding[],
): Promise<number> {
  const rows = await tx.$queryRaw<{ isnew: boolean }[]>`
    INSERT INTO finding AS known (id, hasura_id, environment, port_id, kind, object, key, name,
      message, suggestion, expected, actual, fingerprint)
    SELECT gen_random_uuid(), ${hasuraId}, s.environment, s."portId", s.kind::"FindingKind",
      s.object, s.key, s.name, s.message, s.suggestion, s.expected, s.actual, s.fingerprint
    FROM jsonb_to_recordset(${storableJson(seen)}::jsonb) AS s (environment text, "portId" uuid,
      kind text, object text, key text, name text, message text, suggestion text, expected jsonb,
      actual jsonb, fingerprint text)
    ON CONFLICT (hasura_id, kind, object, key) WHERE ended_at IS NULL DO UPDATE SET
      last_seen_at = now(), message = excluded.message, suggestion = excluded.suggestion,
      expected = excluded.expected, actual = excluded.actual, port_id = excluded.port_id,
      fingerprint = excluded.fingerprint,
      acknowledged_at = CASE WHEN known.fingerprint = excluded.fingerprint
        THEN known.acknowledged_at END,
      acknowledged_by = CASE WHEN known.fingerprint = excluded.fingerprint
        THEN known.acknowledged_by END,
      acknowledge_reason = CASE WHEN known.fingerprint = excluded.fingerprint
        THEN known.acknowledge_reason END
    RETURNING xmax = 0 AS isnew`;
  return rows.filter(({ isnew }) => isnew).length;
}

/**
 * Notes that somebody knows of a finding and lets it be.
 * @throws AppError NOT_FOUND when it is not there, or gone
 */
export async function acknowledgeFinding(
  tx: DbOrTx,
  id: string,
  by: { actor: string; reason: string },
): Promise<Finding> {
  const finding = await tx.finding.findUnique({ where: { id } });
  if (finding === null || finding.endedAt !== null) throw unknownFinding();
  const acknowledged = { acknowledgedBy: by.actor, acknowledgeReason: by.reason };
  const data = { acknowledgedAt: new Date(), ...acknowledged };
  return tx.finding.update({ where: { id }, data });
}

export function unknownFinding(): AppError {
  return new AppError("NOT_FOUND", "There is no such finding any more.", {
    problems: [{ path: "id", message: "names no finding that is still there" }],
  });
}

/** How many differences a Hasura has now that nobody has acknowledged. */
export async function openFindings(db: DbOrTx, hasuraId: string): Promise<number> {
  return db.finding.count({ where: { hasuraId, endedAt: null, acknowledgedAt: null } });
}
