import { componentKey, environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { operationRequestSchema } from "../operations/request.ts";
import { builder, isUuid } from "./builder.ts";
import { OperationInfo, storedInfo } from "./info.ts";
import { PlanType, storedPlan } from "./plan.ts";
import { ProblemType, storedProblems } from "./problem.ts";

const OperationKind = builder.enumType("OperationKind", {
  description: "What an operation changes.",
  values: {
    VALIDATE: { description: "Nothing: it checks a descriptor, and the source it names." },
    PROVISION: { description: "Makes a port as its descriptor says." },
    UNPROVISION: { description: "Ends a port's access, then removes it from Hasura." },
    UPDATE_ACL: { description: "Gives access to exactly these subjects." },
    REVERSE_PROVISION: { description: "Nothing: it reads a port's state back." },
    RECONCILE: { description: "Holds Hasura against what was applied; if asked to, mends it." },
    PAUSE: { description: "Pauses or protects a port, or ends that." },
    ACKNOWLEDGE: { description: "Lets a finding be." },
    EXTERNAL_ROLE: {
      description: "A role that belongs to no output port: its root fields, who has it, its end.",
    },
    GRANT: { description: "Gives a subject a port's role, beside what access lists give." },
    REVOKE: { description: "Ends what an admin gave a subject on a port." },
    BLOCK: { description: "Keeps a subject out, or everybody off a port, whatever is granted." },
    UNBLOCK: { description: "Ends blocks." },
    COMBINE: { description: "Makes a role over several output ports." },
    SEPARATE: { description: "Ends a role over several output ports." },
  } as const,
});

const OperationStatus = builder.enumType("OperationStatus", {
  description: "How far an operation is. It ends once, and never goes back.",
  values: {
    RUNNING: { description: "Accepted, not ended." },
    COMPLETED: { description: "Ended: it is as asked." },
    FAILED: { description: "Ended: it is not as asked; `code` and `problems` say why." },
  } as const,
});

const LogLevel = builder.enumType("LogLevel", {
  description: "How grave a log line is.",
  values: {
    DEBUG: { description: "For whoever looks for a fault." },
    INFO: { description: "What happened." },
    WARNING: { description: "Something to look at." },
    ERROR: { description: "What went wrong." },
  } as const,
});

builder.prismaObject("OperationLog", {
  description: "A line of an operation's log.",
  fields: (t) => ({
    at: t.expose("at", { type: "DateTime", description: "When." }),
    level: t.expose("level", { type: LogLevel, description: "How grave." }),
    phase: t.exposeString("phase", { nullable: true, description: "In which part of the work." }),
    message: t.exposeString("message", { description: "What." }),
  }),
});

export const OperationNode = builder.prismaNode("Operation", {
  id: { field: "token", description: "Global id, for `node`." },
  nullable: true,
  description: "One asked-for change. A retry is a new operation.",
  fields: (t) => ({
    token: t.exposeID("token", { description: "What names it, also in Witboost." }),
    kind: t.expose("kind", { type: OperationKind, description: "What it changes." }),
    status: t.expose("status", { type: OperationStatus, description: "How far it is." }),
    code: t.exposeString("code", {
      nullable: true,
      description: "Why it failed, as a code for programs, e.g. `SOURCE_REFUSED`, `CANCELLED`.",
    }),
    result: t.exposeString("result", { description: "What came of it, for people." }),
    environment: t.exposeString("environment", { description: "The environment it is about." }),
    outputPort: t.relation("port", {
      nullable: true,
      description: "The port it is about; null when there is none.",
    }),
    revision: t.exposeInt("revision", {
      nullable: true,
      description: "Number of the revision it brings about, when it does.",
    }),
    logs: t.relation("logs", {
      query: { orderBy: { id: "asc" }, take: 1000 },
      description: "What happened, in order; the first 1000 lines.",
    }),
    actor: t.exposeString("actor", { description: "Who asked." }),
    attempts: t.exposeInt("attempts", { description: "How often it was put off and tried again." }),
    startedAt: t.expose("startedAt", { type: "DateTime", description: "When it was accepted." }),
    finishedAt: t.expose("finishedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it ended; null while it runs.",
    }),
  }),
});

builder.prismaObjectFields(OperationNode, (t) => ({
  problems: t.field({
    type: [ProblemType],
    select: { problems: true },
    description: "Each fault by itself: why it failed, or why a validated descriptor is invalid.",
    resolve: ({ problems }) => storedProblems.parse(problems),
  }),
  plan: t.field({
    type: PlanType,
    nullable: true,
    select: { plan: true },
    description: "What it does in Hasura; null before that is known.",
    resolve: ({ plan }) => (plan === null ? null : storedPlan.parse(plan)),
  }),
  info: t.field({
    type: OperationInfo,
    nullable: true,
    select: { info: true },
    description: "What it leaves for Witboost; null when nothing.",
    resolve: ({ info }) => (info === null ? null : storedInfo.parse(info)),
  }),
  subject: t.string({
    nullable: true,
    select: { request: true },
    description: "The one subject whose access it changes; null where there is none.",
    resolve: ({ request }) => operationRequestSchema.parse(request).subject ?? null,
  }),
  url: t.string({
    nullable: true,
    select: { token: true },
    description: "Its page for people; null where no public URL is set.",
    resolve: ({ token }, _args, { operations: { publicUrl } }) =>
      publicUrl === null ? null : `${publicUrl}/ui/operations/${token}`,
  }),
}));

export const OperationConnection = builder.connectionObject(
  { type: OperationNode, name: "OperationConnection", description: "A page of operations." },
  { name: "OperationEdge", description: "An operation on a page." },
);

const OperationFilter = builder.inputType("OperationFilter", {
  description: "Which operations; each member narrows them further.",
  fields: (t) => ({
    kinds: t.field({ type: [OperationKind], description: "Only of these kinds." }),
    statuses: t.field({ type: [OperationStatus], description: "Only those that are so far." }),
    environment: t.string({ description: "Only of this environment." }),
    componentId: t.id({ description: "Only of the port with this URN." }),
    actor: t.string({ description: "Only what they asked for." }),
    startedFrom: t.field({ type: "DateTime", description: "Only those accepted then or later." }),
    startedBefore: t.field({ type: "DateTime", description: "Only those accepted before." }),
  }),
});

function operationWhere(
  filter: typeof OperationFilter.$inferInput | null | undefined,
): Prisma.OperationWhereInput {
  const { kinds, statuses, environment, componentId, actor } = filter ?? {};
  return {
    ...(kinds == null ? {} : { kind: { in: kinds } }),
    ...(statuses == null ? {} : { status: { in: statuses } }),
    environment: environment == null ? undefined : environmentKey(environment),
    ...(componentId == null ? {} : { port: { componentKey: componentKey(componentId) } }),
    actor: actor ?? undefined,
    startedAt: { gte: filter?.startedFrom ?? undefined, lt: filter?.startedBefore ?? undefined },
  };
}

builder.queryFields((t) => ({
  operation: t.prismaField({
    type: OperationNode,
    nullable: true,
    description: "An operation by its token; null when there is none.",
    authScopes: { permission: "viewer" },
    args: { token: t.arg.id({ required: true, description: "The token." }) },
    resolve: (query, _root, { token }, { operations }) =>
      isUuid(token) ? operations.db.operation.findUnique({ ...query, where: { token } }) : null,
  }),
  operations: t.prismaConnection(
    {
      type: OperationNode,
      cursor: "token",
      description: "Operations, the newest first.",
      authScopes: { permission: "viewer" },
      args: { filter: t.arg({ type: OperationFilter, description: "Which; all when absent." }) },
      resolve: (query, _root, { filter }, { operations }) =>
        operations.db.operation.findMany({
          ...query,
          where: operationWhere(filter),
          orderBy: { seq: "desc" },
        }),
      totalCount: (_root, { filter }, { operations }) =>
        operations.db.operation.count({ where: operationWhere(filter) }),
    },
    OperationConnection,
  ),
}));
