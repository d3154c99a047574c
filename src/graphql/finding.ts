import { componentKey, environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { builder } from "./builder.ts";

const FindingKind = builder.enumType("FindingKind", {
  description: "What kind of difference it is.",
  values: {
    MISSING: { description: "An object of ours is not there." },
    CHANGED: { description: "An object of ours is not as it was applied." },
    FOREIGN_EDIT: { description: "Somebody hung something on an object of ours." },
    INCONSISTENT: { description: "An object of ours does not work in Hasura." },
    ORPHAN: { description: "Something of ours is there that nobody needs." },
    EXPOSURE: {
      description: "A way to a port's data that is not ours. It is never repaired: people decide.",
    },
  } as const,
});

const FindingState = builder.enumType("FindingState", {
  description: "How a finding stands.",
  values: {
    OPEN: { description: "There, and nobody has acknowledged it." },
    ACKNOWLEDGED: { description: "There, and somebody lets it be." },
    ENDED: { description: "Not there any more." },
  } as const,
});

export const FindingNode = builder.prismaNode("Finding", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  description: "A difference in Hasura that nobody asked for.",
  fields: (t) => ({
    kind: t.expose("kind", { type: FindingKind, description: "What kind of difference." }),
    environment: t.exposeString("environment", {
      nullable: true,
      description: "The environment it is in, where that is known.",
    }),
    outputPort: t.relation("port", {
      nullable: true,
      description: "The port it concerns; null when it concerns several or none.",
    }),
    name: t.exposeString("name", { description: "Which object in Hasura it is about." }),
    message: t.exposeString("message", { description: "What is wrong, to be read after `name`." }),
    suggestion: t.exposeString("suggestion", { nullable: true, description: "What to do." }),
    expected: t.expose("expected", {
      type: "JSON",
      nullable: true,
      description: "The object as it was applied, where that can be shown.",
    }),
    actual: t.expose("actual", {
      type: "JSON",
      nullable: true,
      description: "The object as it is, where that can be shown.",
    }),
    firstSeenAt: t.expose("firstSeenAt", {
      type: "DateTime",
      description: "Since when it is known.",
    }),
    lastSeenAt: t.expose("lastSeenAt", { type: "DateTime", description: "When it was last seen." }),
    endedAt: t.expose("endedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was found to be gone.",
    }),
    acknowledgedAt: t.expose("acknowledgedAt", {
      type: "DateTime",
      nullable: true,
      description: "Since when somebody lets it be; it ends when the difference becomes another.",
    }),
    acknowledgedBy: t.exposeString("acknowledgedBy", { nullable: true, description: "Who does." }),
    acknowledgeReason: t.exposeString("acknowledgeReason", { nullable: true, description: "Why." }),
  }),
});

builder.prismaObjectField(FindingNode, "state", (t) =>
  t.field({
    type: FindingState,
    select: { endedAt: true, acknowledgedAt: true },
    description: "How it stands.",
    resolve: ({ endedAt, acknowledgedAt }) => {
      if (endedAt !== null) return "ENDED";
      return acknowledgedAt === null ? "OPEN" : "ACKNOWLEDGED";
    },
  }),
);

export const FindingConnection = builder.connectionObject(
  { type: FindingNode, name: "FindingConnection", description: "A page of findings." },
  { name: "FindingEdge", description: "A finding on a page." },
);

const FindingFilter = builder.inputType("FindingFilter", {
  description: "Which findings; each member narrows them further.",
  fields: (t) => ({
    states: t.field({ type: [FindingState], description: "Only those that stand so." }),
    kinds: t.field({ type: [FindingKind], description: "Only of these kinds." }),
    environment: t.string({ description: "Only of this environment." }),
    componentId: t.id({ description: "Only of the port with this URN." }),
  }),
});

const BY_STATE: Readonly<Record<typeof FindingState.$inferType, Prisma.FindingWhereInput>> = {
  OPEN: { endedAt: null, acknowledgedAt: null },
  ACKNOWLEDGED: { endedAt: null, acknowledgedAt: { not: null } },
  ENDED: { endedAt: { not: null } },
};

/** Those that are still there, unless the filter names states. */
function findingWhere(
  filter: typeof FindingFilter.$inferInput | null | undefined,
): Prisma.FindingWhereInput {
  const { states, kinds, environment, componentId } = filter ?? {};
  return {
    OR: (states ?? (["OPEN", "ACKNOWLEDGED"] as const)).map((state) => BY_STATE[state]),
    ...(kinds == null ? {} : { kind: { in: kinds } }),
    environment: environment == null ? undefined : environmentKey(environment),
    ...(componentId == null ? {} : { port: { componentKey: componentKey(componentId) } }),
  };
}

/** The newest first. */
export const findingOrder = [
  { firstSeenAt: "desc" },
  { id: "desc" },
] as const satisfies Prisma.FindingOrderByWithRelationInput[];

builder.queryField("findings", (t) =>
  t.prismaConnection(
    {
      type: FindingNode,
      cursor: "id",
      description: "Differences in Hasura that nobody asked for, the newest first.",
      authScopes: { permission: "viewer" },
      args: {
        filter: t.arg({
          type: FindingFilter,
          description: "Which; absent, or without `states`: all that are still there.",
        }),
      },
      resolve: (query, _root, { filter }, { operations }) =>
        operations.db.finding.findMany({
          ...query,
          where: findingWhere(filter),
          orderBy: [...findingOrder],
        }),
      totalCount: (_root, { filter }, { operations }) =>
        operations.db.finding.count({ where: findingWhere(filter) }),
    },
    FindingConnection,
  ),
);
