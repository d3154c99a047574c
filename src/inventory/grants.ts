import { type DbOrTx, databaseTime, type Tx } from "./db.ts";
import type { Grant, GrantClass, Prisma } from "./generated/client.ts";
import { inForce } from "./in-force.ts";

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
  const at = await databaseTime(tx);
  const which = { portId: change.portId, class: "ACL" as const, subject: { in: ended } };
  await endGrants(tx, which, at, "not in the access list");
  await tx.grant.createMany({
    data: granted.map((subject) => ({ ...change, subject, class: "ACL" as const, since: at })),
  });
  return { granted, ended };
}

/** What an admin gives to a subject on a port. Access lists leave it alone. */
export interface AdminGrant {
  readonly subject: string;
  /** When it ends by itself; `null`: it does not. */
  readonly until: Date | null;
  readonly reason: string;
}

/**
 * Gives it, in place of what an admin gave the subject on this port before. A grant that ends at the same time is
 * already what is asked for, and stays.
 * @returns whether anything changed
 */
export async function giveAdminGrant(
  tx: Tx,
  change: GrantChange,
  { subject, until, reason }: AdminGrant,
): Promise<boolean> {
  const at = await databaseTime(tx);
  const which = { portId: change.portId, class: "MANUAL" as const, subject };
  const live = await tx.grant.findFirst({ where: { ...which, endedAt: null } });
  if (live !== null && live.until?.getTime() === until?.getTime()) return false;
  await endGrants(tx, which, at, `given anew by ${change.actor}`);
  await tx.grant.create({ data: { ...change, ...which, until, reason, since: at } });
  return true;
}

/**
 * Ends what an admin gave the subject on this port.
 * @returns whether there was such a grant in force
 */
export async function endAdminGrant(
  tx: Tx,
  { portId, subject }: Pick<Grant, "subject"> & { readonly portId: string },
  reason: string,
): Promise<boolean> {
  const at = await databaseTime(tx);
  return (
    (await endGrants(tx, { portId, subject, class: "MANUAL", ...inForce(at) }, at, reason)) > 0
  );
}

/** By which classes of grants a subject may read a port now. */
export async function classesInForce(
  db: DbOrTx,
  { portId, subject }: Pick<Grant, "subject"> & { readonly portId: string },
): Promise<GrantClass[]> {
  const rows = await db.grant.findMany({
    where: { portId, subject, ...inForce(new Date()) },
    select: { class: true },
    orderBy: { class: "asc" },
  });
  return rows.map((row) => row.class);
}

/** Ends every live grant of a port. */
export async function endAllGrants(tx: Tx, portId: string, reason: string): Promise<number> {
  return endGrants(tx, { portId }, await databaseTime(tx), reason);
}

async function endGrants(
  tx: Tx,
  which: Prisma.GrantWhereInput & { readonly portId: string },
  endedAt: Date,
  endReason: string,
): Promise<number> {
  const { count } = await tx.grant.updateMany({
    where: { ...which, endedAt: null },
    data: { endedAt, endReason },
  });
  return count;
}
