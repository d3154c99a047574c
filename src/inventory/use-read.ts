/** Reading what webhooks counted: sums over a time, days by port and subject, and refusals. */
import { z } from "zod";
import type { DbOrTx } from "./db.ts";
import { type AccessUse, Prisma } from "./generated/client.ts";

/** Which use; each member narrows it further. */
export interface UseFilter {
  readonly hasuraId: string;
  readonly portId?: string | undefined;
  /** Of one of these. */
  readonly subjects?: readonly string[] | undefined;
  readonly environment?: string | undefined;
  /** The port's URN in lower case, in whichever environment. */
  readonly componentKey?: string | undefined;
  /** First and last day, `YYYY-MM-DD` (UTC). */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface UseSums {
  readonly allowed: number;
  readonly refused: number;
  /** Why, the most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
}

/** The use of one port by one subject on one day. */
export interface UseDay extends UseSums {
  readonly day: string;
  /** `null`: of no port, or it is not known of which. */
  readonly portId: string | null;
  /** Empty: not known, or not recorded. */
  readonly subject: string;
}

export type UseDayKey = Pick<UseDay, "day" | "portId" | "subject">;

const outcomes = z.record(z.string(), z.number());
const sumRows = z.array(
  z.object({
    outcomes: outcomes.nullable(),
    first: z.number().nullable(),
    last: z.number().nullable(),
  }),
);

const MOMENTS = Prisma.sql`
  extract(epoch FROM min(first_at))::float8 * 1000 AS first,
  extract(epoch FROM max(last_at))::float8 * 1000 AS last`;

/** All of it together. */
export async function sumUse(db: DbOrTx, filter: UseFilter): Promise<UseSums> {
  const rows = await db.$queryRaw`
    SELECT jsonb_object_agg(outcome, count) AS outcomes, min(first) AS first, max(last) AS last
    FROM (
      SELECT outcome, sum(count)::float8 AS count, ${MOMENTS}
      FROM access_use u WHERE ${condition(filter)} GROUP BY outcome
    ) AS by_outcome`;
  const [row] = sumRows.parse(rows);
  return sums(row ?? { outcomes: null, first: null, last: null });
}

const dayRows = z.array(
  z.object({
    day: z.string(),
    portId: z.string().nullable(),
    subject: z.string(),
    outcomes,
    first: z.number(),
    last: z.number(),
  }),
);

const NO_PORT = "00000000-0000-0000-0000-000000000000";

/**
 * A page of days, the newest first, within a day by port and subject.
 * @param page.after only what follows this one; `before`: only what precedes that one
 * @param page.inverted from the end
 */
export async function listUseDays(
  db: DbOrTx,
  filter: UseFilter,
  page: {
    readonly after?: UseDayKey | undefined;
    readonly before?: UseDayKey | undefined;
    readonly limit: number;
    readonly inverted: boolean;
  },
): Promise<UseDay[]> {
  const [first, last] = page.inverted ? ["ASC", "DESC"] : ["DESC", "ASC"];
  const order = Prisma.raw(
    `u.day ${first}, coalesce(u.port_id, '${NO_PORT}') ${last}, u.subject ${last}`,
  );
  const conditions = [
    condition(filter),
    ...(page.after === undefined ? [] : [beyond(page.after, "after")]),
    ...(page.before === undefined ? [] : [beyond(page.before, "before")]),
  ];
  const rows = await db.$queryRaw`
    SELECT u.day::text, u.port_id::text AS "portId", u.subject, ${MOMENTS},
      jsonb_object_agg(u.outcome, u.count) AS outcomes
    FROM access_use u WHERE ${Prisma.join(conditions, " AND ")}
    GROUP BY u.day, u.port_id, u.subject ORDER BY ${order} LIMIT ${page.limit}`;
  return dayRows.parse(rows).map(({ day, portId, subject, ...counted }) => ({
    ...sums(counted),
    ...{ day, portId, subject },
  }));
}

/** How many such days there are. */
export async function countUseDays(db: DbOrTx, filter: UseFilter): Promise<number> {
  const rows = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM (
      SELECT DISTINCT day, port_id, subject FROM access_use u WHERE ${condition(filter)}) AS days`;
  return rows[0]?.count ?? 0;
}

/** What follows a day in the list, or precedes it. */
function beyond({ day, portId, subject }: UseDayKey, side: "after" | "before"): Prisma.Sql {
  const [days, others] = side === "after" ? ["<", ">"] : [">", "<"];
  return Prisma.sql`(u.day ${Prisma.raw(days)} ${day}::date OR (u.day = ${day}::date
    AND (coalesce(u.port_id, ${NO_PORT}::uuid), u.subject) ${Prisma.raw(others)} (${portId ?? NO_PORT}::uuid, ${subject}::text)))`;
}

function condition(filter: UseFilter): Prisma.Sql {
  const { hasuraId, portId, subjects, environment, componentKey, from, to } = filter;
  const all = [Prisma.sql`u.hasura_id = ${hasuraId}`];
  if (portId !== undefined) all.push(Prisma.sql`u.port_id = ${portId}::uuid`);
  if (subjects !== undefined) all.push(Prisma.sql`u.subject = ANY(${[...subjects]}::text[])`);
  if (from !== undefined) all.push(Prisma.sql`u.day >= ${from}::date`);
  if (to !== undefined) all.push(Prisma.sql`u.day <= ${to}::date`);
  const port = [Prisma.sql`p.hasura_id = ${hasuraId}`];
  if (environment !== undefined) port.push(Prisma.sql`p.environment = ${environment}`);
  if (componentKey !== undefined) port.push(Prisma.sql`p.component_key = ${componentKey}`);
  if (port.length > 1)
    all.push(
      Prisma.sql`u.port_id IN (SELECT p.id FROM output_port p WHERE ${Prisma.join(port, " AND ")})`,
    );
  return Prisma.join(all, " AND ");
}

function sums(row: z.infer<typeof sumRows>[number]): UseSums {
  const { allowed = 0, ...refusals } = row.outcomes ?? {};
  const reasons = Object.entries(refusals)
    .map(([reason, count]) => ({ reason, count }))
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  return {
    allowed,
    refused: reasons.reduce((sum, { count }) => sum + count, 0),
    reasons,
    firstAt: moment(row.first),
    lastAt: moment(row.last),
  };
}

function moment(ms: number | null): Date | null {
  return ms === null ? null : new Date(Math.round(ms));
}

/** Where a refusal stands in the list of all. */
export type RefusalKey = Pick<AccessUse, "id" | "day">;

/** The refusals that are meant. */
export function refusalWhere(
  filter: UseFilter & { readonly reasons?: readonly string[] | undefined },
): Prisma.AccessUseWhereInput {
  const { hasuraId, portId, subjects, environment, componentKey, from, to, reasons } = filter;
  const port = {
    ...(environment === undefined ? {} : { environment }),
    ...(componentKey === undefined ? {} : { componentKey }),
  };
  return {
    hasuraId,
    outcome: { not: "allowed", ...(reasons === undefined ? {} : { in: [...reasons] }) },
    day: {
      ...(from === undefined ? {} : { gte: new Date(from) }),
      ...(to === undefined ? {} : { lte: new Date(to) }),
    },
    ...(portId === undefined ? {} : { portId }),
    ...(subjects === undefined ? {} : { subject: { in: [...subjects] } }),
    ...(Object.keys(port).length === 0 ? {} : { port }),
  };
}

/** A page of them, the newest day first. */
export async function listRefusals(
  db: DbOrTx,
  where: Prisma.AccessUseWhereInput,
  page: {
    readonly after?: RefusalKey | undefined;
    readonly before?: RefusalKey | undefined;
    readonly limit: number;
    readonly inverted: boolean;
  },
): Promise<AccessUse[]> {
  const order = page.inverted ? "asc" : "desc";
  const past = (key: RefusalKey | undefined, side: "lt" | "gt"): Prisma.AccessUseWhereInput[] =>
    key === undefined
      ? []
      : [{ OR: [{ day: { [side]: key.day } }, { day: key.day, id: { [side]: key.id } }] }];
  return db.accessUse.findMany({
    where: { AND: [where, ...past(page.after, "lt"), ...past(page.before, "gt")] },
    orderBy: [{ day: order }, { id: order }],
    take: page.limit,
  });
}
