/** Who used what, as webhooks count it: by day, and when a grant was last of use. */
import type { DbOrTx } from "./db.ts";

/** How often something happened on a day. */
export interface Use {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly portId: string | null;
  /** Canonical ref; empty when it is not known or not recorded. */
  readonly subject: string;
  /** `allowed`, or the refusal's reason. */
  readonly outcome: string;
  readonly count: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
}

/** Adds to what is recorded, in one statement: all of it or nothing. */
export async function addUses(db: DbOrTx, hasuraId: string, uses: readonly Use[]): Promise<void> {
  // Sorted, so that two replicas that count the same wait for one another instead of dead-locking.
  const rows = uses
    .map(({ day, portId, subject, outcome, count, firstAt, lastAt }) => ({
      key: `${day} ${portId} ${subject} ${outcome}`,
      use: { day, portId, subject, outcome, count, firstAt, lastAt },
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ use }) => use);
  await db.$executeRawUnsafe(
    `INSERT INTO access_use AS known (hasura_id, day, port_id, subject, outcome, count, first_at, last_at)
     SELECT $1, u.day, u."portId", u.subject, u.outcome, u.count, u."firstAt", u."lastAt"
     FROM json_to_recordset($2::json) AS u
       (day date, "portId" uuid, subject text, outcome text, count bigint, "firstAt" timestamptz, "lastAt" timestamptz)
     ON CONFLICT (hasura_id, day, (coalesce(port_id, '00000000-0000-0000-0000-000000000000'::uuid)), subject, outcome)
     DO UPDATE SET count = known.count + excluded.count,
       first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)`,
    hasuraId,
    JSON.stringify(rows),
  );
}

/** A subject's grants on a port or an external role were of use. */
export interface GrantUse {
  readonly holderId: string;
  readonly subject: string;
  readonly at: Date;
}

/** How much later a use must be to be worth a write. */
const NOTED_EVERY = "interval '1 minute'";

/**
 * Notes on live grants when they were last of use. Never waits for whoever changes grants, and makes nobody wait long:
 * rows that are locked are left for the next time.
 */
export async function noteGrantUses(db: DbOrTx, uses: readonly GrantUse[]): Promise<void> {
  for (const column of ["port_id", "external_role_id"])
    await db.$executeRawUnsafe(
      `UPDATE "grant" SET last_used_at = used.at
       FROM (
         SELECT g.id, u.at FROM json_to_recordset($1::json) AS u ("holderId" uuid, subject text, at timestamptz)
         JOIN "grant" g ON g.${column} = u."holderId" AND g.subject = u.subject AND g.ended_at IS NULL
         WHERE g.last_used_at IS NULL OR g.last_used_at < u.at - ${NOTED_EVERY}
         FOR UPDATE OF g SKIP LOCKED
       ) AS used
       WHERE "grant".id = used.id`,
      JSON.stringify(uses),
    );
}

/** The same for combined roles, by id. */
export async function noteCombinedRoleUses(
  db: DbOrTx,
  uses: readonly { readonly id: string; readonly at: Date }[],
): Promise<void> {
  await db.$executeRawUnsafe(
    `UPDATE combined_role SET last_used_at = used.at
     FROM (
       SELECT c.id, u.at FROM json_to_recordset($1::json) AS u (id uuid, at timestamptz)
       JOIN combined_role c ON c.id = u.id
       WHERE c.last_used_at IS NULL OR c.last_used_at < u.at - ${NOTED_EVERY}
       FOR UPDATE OF c SKIP LOCKED
     ) AS used
     WHERE combined_role.id = used.id`,
    JSON.stringify(uses),
  );
}
