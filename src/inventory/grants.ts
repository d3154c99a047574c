import type { DbOrTx, Tx } from "./db.ts";
import type { GrantClass } from "./generated/client.ts";

export interface GrantChange {
  readonly portId: string;
  readonly hasuraId: string;
  readonly environment: string;
  readonly actor: string;
  readonly operationToken: string;
}

/** The subjects that hold a port's role now, by one class of grant. */
export async function liveSubjects(
  db: DbOrTx,
  portId: string,
  grantClass: GrantClass,
): Promise<string[]> {
  const rows = await db.grant.findMany({
    where: { portId, class: grantClass, endedAt: null },
    select: { subject: true },
    orderBy: { subject: "asc" },
  });
  return rows.map(({ subject }) => subject);
}

/**
 * Makes the live grants of class ACL exactly these subjects: the snapshot that Witboost sends.
 * @returns what was given and what was ended
 */
export async function replaceAclGrants(
  tx: Tx,
  change: GrantChange,
  subjects: readonly string[],
): Promise<{ granted: string[]; ended: string[] }> {
  const live = await liveSubjects(tx, change.portId, "ACL");
  const ended = live.filter((subject) => !subjects.includes(subject));
  const granted = subjects.filter((subject) => !live.includes(subject));
  await endGrants(tx, change, { class: "ACL", subject: { in: ended } }, "not in the access list");
  await tx.grant.createMany({
    data: granted.map((subject) => ({ ...change, subject, class: "ACL" as const })),
  });
  return { granted, ended };
}

/** Ends every live grant of a port. */
export async function endAllGrants(tx: Tx, portId: string, reason: string): Promise<number> {
  return endGrants(tx, { portId }, {}, reason);
}

async function endGrants(
  tx: Tx,
  { portId }: { portId: string },
  which: { class?: GrantClass; subject?: { in: string[] } },
  endReason: string,
): Promise<number> {
  const { count } = await tx.grant.updateMany({
    where: { portId, endedAt: null, ...which },
    data: { endedAt: new Date(), endReason },
  });
  return count;
}
