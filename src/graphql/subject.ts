import { resolveCursorConnection } from "@pothos/plugin-relay";
import { parseSubject } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { builder, literally } from "./builder.ts";
import type { GraphqlContext } from "./context.ts";
import { GrantConnection, GrantNode, GrantState, grantOrder, grantWhere } from "./grant.ts";
import { atArg } from "./inputs.ts";

interface SubjectShape {
  /** Canonical: `user:…` or `group:…`. */
  readonly ref: string;
}

const SubjectKind = builder.enumType("SubjectKind", {
  description: "What a subject is.",
  values: {
    USER: { value: "user", description: "A person or a program." },
    GROUP: { value: "group", description: "Everybody in a group." },
  } as const,
});

export const SubjectNode = builder.objectRef<SubjectShape>("Subject");

builder.node(SubjectNode, {
  id: { resolve: ({ ref }) => ref, description: "Global id, for `node`." },
  description: "Somebody who was ever given access, blocked, or seen by a webhook.",
  loadOne: (ref, ctx) => findSubject(ctx, ref),
  fields: (t) => ({
    ref: t.exposeID("ref", { description: "`user:…` or `group:…`, in its one canonical form." }),
    kind: t.field({
      type: SubjectKind,
      description: "Whether a user or a group.",
      resolve: ({ ref }) => (ref.startsWith("group:") ? "group" : "user"),
    }),
    name: t.string({
      description: "The name without the kind.",
      resolve: ({ ref }) => ref.slice(ref.indexOf(":") + 1),
    }),
    grants: t.prismaConnection(
      {
        type: GrantNode,
        cursor: "id",
        description: "What it was given, the newest first.",
        args: {
          state: t.arg({ type: GrantState, description: "Only those in force, or the others." }),
          ...atArg,
        },
        resolve: (query, { ref }, { state, at }, { operations }) =>
          operations.db.grant.findMany({
            ...query,
            where: grantWhere({ subject: ref, state }, at),
            orderBy: [...grantOrder],
          }),
        totalCount: ({ ref }, { state, at }, { operations }) =>
          operations.db.grant.count({ where: grantWhere({ subject: ref, state }, at) }),
      },
      GrantConnection,
    ),
  }),
});

// Here, and not with the grant's other fields: a file of its own for each would import the other.
builder.prismaObjectField(GrantNode, "grantee", (t) =>
  t.field({
    type: SubjectNode,
    select: { subject: true },
    description: "Whom it was given to.",
    resolve: ({ subject }) => ({ ref: subject }),
  }),
);

builder.queryField("subject", (t) =>
  t.field({
    type: SubjectNode,
    nullable: true,
    description: "A subject by its ref; null when nothing is known of it.",
    authScopes: { permission: "viewer" },
    args: {
      ref: t.arg.id({ required: true, description: "`user:…` or `group:…`, in any case." }),
    },
    resolve: (_root, { ref }, ctx) => {
      const parsed = parseSubject(ref);
      if (parsed.ok) return findSubject(ctx, parsed.subject);
      throw new AppError("INVALID_REFS", "This is no subject.", { problems: [parsed.problem] });
    },
  }),
);

async function findSubject(
  { operations: { db } }: GraphqlContext,
  ref: string,
): Promise<SubjectShape | null> {
  const which = { where: { subject: ref }, select: { subject: true } };
  const known =
    (await db.grant.findFirst(which)) ??
    (await db.accessBlock.findFirst(which)) ??
    (await db.accessUse.findFirst(which));
  return known === null ? null : { ref };
}

const SubjectConnection = builder.connectionObject(
  { type: SubjectNode, name: "SubjectConnection", description: "A page of subjects." },
  { name: "SubjectEdge", description: "A subject on a page." },
);

const SubjectFilter = builder.inputType("SubjectFilter", {
  description: "Which subjects; each member narrows them further.",
  fields: (t) => ({
    kind: t.field({ type: SubjectKind, description: "Only users, or only groups." }),
    search: t.string({ description: "Only those whose ref holds this text." }),
    state: t.field({
      type: GrantState,
      description: "Only those with a grant in force, or with one that ended.",
    }),
  }),
});

function subjectWhere(
  filter: typeof SubjectFilter.$inferInput | null | undefined,
): Prisma.GrantWhereInput {
  const { kind, search, state } = filter ?? {};
  const byRef: Prisma.GrantWhereInput[] = [];
  if (kind != null) byRef.push({ subject: { startsWith: `${kind}:` } });
  if (search != null) byRef.push({ subject: { contains: literally(search.toLowerCase()) } });
  return { AND: [grantWhere({ state }), ...byRef] };
}

builder.queryField("subjects", (t) =>
  t.connection(
    {
      type: SubjectNode,
      description: "Everybody who was ever given access, by ref.",
      authScopes: { permission: "viewer" },
      args: { filter: t.arg({ type: SubjectFilter, description: "Which; all when absent." }) },
      resolve: async (_root, args, { operations: { db } }) => {
        const chosen = subjectWhere(args.filter);
        const page = await resolveCursorConnection<Promise<SubjectShape[]>>(
          { args, maxSize: 100, toCursor: ({ ref }) => ref },
          async ({ before, after, limit, inverted }) => {
            const groups = await db.grant.groupBy({
              by: ["subject"],
              where: { AND: [chosen, { subject: { gt: after, lt: before } }] },
              orderBy: { subject: inverted ? "desc" : "asc" },
              take: limit,
            });
            return groups.map(({ subject }) => ({ ref: subject }));
          },
        );
        const count = () => db.grant.groupBy({ by: ["subject"], where: chosen });
        return { ...page, totalCount: async () => (await count()).length };
      },
    },
    SubjectConnection,
  ),
);
