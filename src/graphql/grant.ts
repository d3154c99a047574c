import { componentKey, environmentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import type { GrantClass, Prisma } from "../inventory/generated/client.ts";
import { inForce, isInForce, standing } from "../inventory/in-force.ts";
import { builder } from "./builder.ts";
import { GrantHolder } from "./grant-holder.ts";
import { atArg, subjectMatches } from "./inputs.ts";

export const GrantClassType = builder.enumType("GrantClass", {
  description: "Where a grant comes from.",
  values: {
    ACL: { description: "From the access list that Witboost sends, as a whole." },
    OWNER: { description: "Because the subject owns the port." },
    MANUAL: { description: "Given by an admin; access lists leave it alone." },
  } as const,
});

export const GrantState = builder.enumType("GrantState", {
  description: "Whether a grant is in force.",
  values: {
    LIVE: { description: "In force." },
    ENDED: { description: "Ended, or past its time." },
  } as const,
});

interface GrantChoice {
  readonly state?: typeof GrantState.$inferType | null | undefined;
  readonly subject?: string | null | undefined;
  readonly classes?: readonly GrantClass[] | null | undefined;
  readonly environment?: string | null | undefined;
  readonly componentId?: string | null | undefined;
  readonly unusedSince?: Date | null | undefined;
}

/**
 * The grants that a filter chooses.
 * @param at as of which moment; absent: now
 */
export function grantWhere(
  filter: GrantChoice | null | undefined,
  at?: Date | null,
): Prisma.GrantWhereInput {
  const { state, subject, classes, environment, componentId, unusedSince } = filter ?? {};
  const unused: Prisma.GrantWhereInput[] =
    unusedSince == null
      ? []
      : [
          inForce(new Date()),
          { since: { lt: unusedSince } },
          { OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: unusedSince } }] },
        ];
  return {
    AND: [standing(state, at), ...unused],
    ...(subject == null ? {} : { subject: subjectMatches(subject) }),
    environment: environment == null ? undefined : environmentKey(environment),
    ...(classes == null ? {} : { class: { in: [...classes] } }),
    ...(componentId == null ? {} : { port: { componentKey: componentKey(componentId) } }),
  };
}

/** Newest first. */
export const grantOrder = [
  { since: "desc" },
  { id: "desc" },
] as const satisfies Prisma.GrantOrderByWithRelationInput[];

export const GrantNode = builder.prismaNode("Grant", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  description: "A role given to a subject. It ends; it is never deleted.",
  fields: (t) => ({
    subject: t.exposeString("subject", {
      description: "Whom it was given to: `user:…` or `group:…`.",
    }),
    class: t.expose("class", { type: GrantClassType, description: "Where it comes from." }),
    environment: t.exposeString("environment", {
      description: "The port's environment; `default` where there is no port.",
    }),
    outputPort: t.relation("port", {
      nullable: true,
      description: "The port whose role is given; null when it is a role of its own.",
    }),
    since: t.expose("since", { type: "DateTime", description: "Since when." }),
    until: t.expose("until", {
      type: "DateTime",
      nullable: true,
      description: "When it ends by itself; null: it does not.",
    }),
    endedAt: t.expose("endedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was ended; null: it was not.",
    }),
    endReason: t.exposeString("endReason", { nullable: true, description: "Why it was ended." }),
    reason: t.exposeString("reason", { nullable: true, description: "Why it was given." }),
    actor: t.exposeString("actor", { description: "Who gave it." }),
    operation: t.relation("operation", {
      nullable: true,
      description: "The operation that gave it, when one did.",
    }),
    lastUsedAt: t.expose("lastUsedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it last let somebody in.",
    }),
  }),
});

builder.prismaObjectField(GrantNode, "holder", (t) =>
  t.field({
    type: GrantHolder,
    select: { port: true, externalRole: true },
    description: "What has the role that is given.",
    resolve: ({ port, externalRole }) => {
      const holder = port ?? externalRole;
      if (holder === null) throw new AppError("INTERNAL", "The grant gives no role.");
      return holder;
    },
  }),
);

builder.prismaObjectField(GrantNode, "state", (t) =>
  t.field({
    type: GrantState,
    select: { endedAt: true, until: true },
    description: "Whether it is in force now.",
    resolve: (row) => (isInForce(row, new Date()) ? "LIVE" : "ENDED"),
  }),
);

export const GrantConnection = builder.connectionObject(
  { type: GrantNode, name: "GrantConnection", description: "A page of grants." },
  { name: "GrantEdge", description: "A grant on a page." },
);

const GrantFilter = builder.inputType("GrantFilter", {
  description: "Which grants; each member narrows them further.",
  fields: (t) => ({
    state: t.field({ type: GrantState, description: "Only those in force, or only the others." }),
    subject: t.string({ description: "Only of this subject, `user:…` or `group:…`, in any case." }),
    classes: t.field({ type: [GrantClassType], description: "Only of these classes." }),
    environment: t.string({ description: "Only of this environment." }),
    componentId: t.id({ description: "Only of the port with this URN, in any case." }),
    unusedSince: t.field({
      type: "DateTime",
      description:
        "Only those in force that were given before this moment and let nobody in since, to the minute. Means nothing unless `USAGE=subject`.",
    }),
  }),
});

builder.queryField("grants", (t) =>
  t.prismaConnection(
    {
      type: GrantNode,
      cursor: "id",
      description: "Grants, the newest first.",
      authScopes: { permission: "viewer" },
      args: {
        filter: t.arg({ type: GrantFilter, description: "Which; all when absent." }),
        ...atArg,
      },
      resolve: (query, _root, { filter, at }, { operations }) =>
        operations.db.grant.findMany({
          ...query,
          where: grantWhere(filter, at),
          orderBy: [...grantOrder],
        }),
      totalCount: (_root, { filter, at }, { operations }) =>
        operations.db.grant.count({ where: grantWhere(filter, at) }),
    },
    GrantConnection,
  ),
);
