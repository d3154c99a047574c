/** Who could read what at a moment: grants that were in force, without those that a block took back. */
import { parseRefs } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { blockedFor, blockedOn } from "../inventory/blocks.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { standing } from "../inventory/in-force.ts";
import { builder } from "./builder.ts";
import type { GraphqlContext } from "./context.ts";
import { GrantConnection, GrantNode, grantOrder } from "./grant.ts";
import { OutputPortNode } from "./output-port.ts";
import { SubjectNode } from "./subject.ts";

const AT = "As of that moment, by what is recorded today. Absent: now.";

const NONE: Prisma.GrantWhereInput = { id: { in: [] } };

async function accessToPort(
  { operations: { db, hasuraId } }: GraphqlContext,
  portId: string,
  at: Date,
): Promise<Prisma.GrantWhereInput> {
  const blocked = await blockedOn(db, { hasuraId, portId }, at);
  if (blocked === null) return NONE;
  return { portId, subject: { notIn: blocked }, ...standing("LIVE", at) };
}

async function accessOfSubject(
  { operations: { db, hasuraId } }: GraphqlContext,
  subjects: readonly string[],
  at: Date,
): Promise<Prisma.GrantWhereInput> {
  const blocked = await blockedFor(db, { hasuraId, subjects }, at);
  if (blocked === null) return NONE;
  // Grants of roles without a port are on no port that could be blocked.
  const open = { OR: [{ portId: null }, { portId: { notIn: blocked } }] };
  return { subject: { in: [...subjects] }, AND: [standing("LIVE", at), open] };
}

/** @throws AppError INVALID_REFS */
function withGroups(ref: string, groups: readonly string[] | null | undefined): string[] {
  const parsed = parseRefs(groups ?? [], { path: "groups" });
  if (parsed.ok) return [...new Set([ref, ...parsed.subjects])];
  throw new AppError("INVALID_REFS", "It cannot be told which groups are meant.", {
    problems: parsed.problems,
  });
}

builder.prismaObjectField(OutputPortNode, "access", (t) =>
  t.prismaConnection(
    {
      type: GrantNode,
      cursor: "id",
      description:
        "Who could read it: grants in force whose subject no block kept out, the newest first. Who was in a group then is not recorded.",
      args: { at: t.arg({ type: "DateTime", description: AT }) },
      resolve: async (query, { id }, { at }, ctx) =>
        ctx.operations.db.grant.findMany({
          ...query,
          where: await accessToPort(ctx, id, at ?? new Date()),
          orderBy: [...grantOrder],
        }),
      totalCount: async ({ id }, { at }, ctx) =>
        ctx.operations.db.grant.count({ where: await accessToPort(ctx, id, at ?? new Date()) }),
    },
    GrantConnection,
  ),
);

builder.objectField(SubjectNode, "access", (t) =>
  t.prismaConnection(
    {
      type: GrantNode,
      cursor: "id",
      description:
        "What it could read: its grants in force, and those of the groups that are named, which no block took back; the newest first. A block on one of them counts for all.",
      args: {
        at: t.arg({ type: "DateTime", description: AT }),
        groups: t.arg.idList({
          description: "Groups that it was in, `group:…` each: who was in which is not recorded.",
        }),
      },
      resolve: async (query, { ref }, { at, groups }, ctx) =>
        ctx.operations.db.grant.findMany({
          ...query,
          where: await accessOfSubject(ctx, withGroups(ref, groups), at ?? new Date()),
          orderBy: [...grantOrder],
        }),
      totalCount: async ({ ref }, { at, groups }, ctx) =>
        ctx.operations.db.grant.count({
          where: await accessOfSubject(ctx, withGroups(ref, groups), at ?? new Date()),
        }),
    },
    GrantConnection,
  ),
);
