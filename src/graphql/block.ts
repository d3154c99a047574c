import { componentKey, environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { isInForce, standing } from "../inventory/in-force.ts";
import { builder } from "./builder.ts";
import { atArg, subjectMatches } from "./inputs.ts";
import { OutputPortNode } from "./output-port.ts";
import { SubjectNode } from "./subject.ts";

const BlockState = builder.enumType("BlockState", {
  description: "Whether a block is in force.",
  values: {
    LIVE: { description: "In force." },
    ENDED: { description: "Ended, or past its time." },
  } as const,
});

export const AccessBlockNode = builder.prismaNode("AccessBlock", {
  id: { field: "id", description: "Global id, for `node` and to end it." },
  nullable: true,
  description:
    "No access, whatever is granted: for a subject, on a port, or for that subject on that port. It ends; it is never deleted.",
  fields: (t) => ({
    subject: t.exposeString("subject", {
      nullable: true,
      description: "Whom it keeps out, `user:…` or `group:…`; null: everybody.",
    }),
    outputPort: t.relation("port", {
      nullable: true,
      description: "What it keeps them off; null: everything, in every environment.",
    }),
    reason: t.exposeString("reason", { description: "Why it was set." }),
    actor: t.exposeString("actor", { description: "Who set it." }),
    operation: t.relation("operation", {
      nullable: true,
      description: "The operation that set it, while it is kept.",
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
    endReason: t.exposeString("endReason", {
      nullable: true,
      description: "By whom and why it was ended.",
    }),
  }),
});

builder.prismaObjectField(AccessBlockNode, "state", (t) =>
  t.field({
    type: BlockState,
    select: { endedAt: true, until: true },
    description: "Whether it is in force now.",
    resolve: (row) => (isInForce(row, new Date()) ? "LIVE" : "ENDED"),
  }),
);

const AccessBlockConnection = builder.connectionObject(
  { type: AccessBlockNode, name: "AccessBlockConnection", description: "A page of blocks." },
  { name: "AccessBlockEdge", description: "A block on a page." },
);

const BlockFilter = builder.inputType("BlockFilter", {
  description: "Which blocks; each member narrows them further.",
  fields: (t) => ({
    state: t.field({ type: BlockState, description: "Only those in force, or only the others." }),
    subject: t.string({ description: "Only those that name this subject, in any case." }),
    environment: t.string({ description: "Only those on ports of this environment." }),
    componentId: t.id({ description: "Only those on the port with this URN, in any case." }),
  }),
});

function blockWhere(
  filter: typeof BlockFilter.$inferInput | null | undefined,
  at: Date | null | undefined,
): Prisma.AccessBlockWhereInput {
  const { state, subject, environment, componentId } = filter ?? {};
  const port = {
    ...(environment == null ? {} : { environment: environmentKey(environment) }),
    ...(componentId == null ? {} : { componentKey: componentKey(componentId) }),
  };
  return {
    ...standing(state, at),
    ...(subject == null ? {} : { subject: subjectMatches(subject) }),
    ...(Object.keys(port).length === 0 ? {} : { port }),
  };
}

/** The newest first. */
const blockOrder = [
  { since: "desc" },
  { id: "desc" },
] as const satisfies Prisma.AccessBlockOrderByWithRelationInput[];

builder.queryField("blocks", (t) =>
  t.prismaConnection(
    {
      type: AccessBlockNode,
      cursor: "id",
      description: "Blocks, the newest first.",
      authScopes: { permission: "viewer" },
      args: {
        filter: t.arg({ type: BlockFilter, description: "Which; all when absent." }),
        ...atArg,
      },
      resolve: (query, _root, { filter, at }, { operations }) =>
        operations.db.accessBlock.findMany({
          ...query,
          where: blockWhere(filter, at),
          orderBy: [...blockOrder],
        }),
      totalCount: (_root, { filter, at }, { operations }) =>
        operations.db.accessBlock.count({ where: blockWhere(filter, at) }),
    },
    AccessBlockConnection,
  ),
);

const stateArg = builder.args((t) => ({
  state: t.field({ type: BlockState, description: "Only those in force, or only the others." }),
}));

builder.prismaObjectField(OutputPortNode, "blocks", (t) =>
  t.relatedConnection(
    "blocks",
    {
      cursor: "id",
      totalCount: true,
      description:
        "Who is kept off it, the newest first: everybody, or a subject. Blocks of a subject everywhere are not among them.",
      args: { ...stateArg, ...atArg },
      query: ({ state, at }) => ({ where: standing(state, at), orderBy: [...blockOrder] }),
    },
    AccessBlockConnection,
  ),
);

builder.objectField(SubjectNode, "blocks", (t) =>
  t.prismaConnection(
    {
      type: AccessBlockNode,
      cursor: "id",
      description:
        "What keeps it out, everywhere or off a port, the newest first. Blocks of everybody on a port are not among them.",
      args: { ...stateArg, ...atArg },
      resolve: (query, { ref: subject }, { state, at }, { operations }) =>
        operations.db.accessBlock.findMany({
          ...query,
          where: { subject, ...standing(state, at) },
          orderBy: [...blockOrder],
        }),
      totalCount: ({ ref: subject }, { state, at }, { operations }) =>
        operations.db.accessBlock.count({ where: { subject, ...standing(state, at) } }),
    },
    AccessBlockConnection,
  ),
);
