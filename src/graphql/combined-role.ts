/** Roles over several ports: what there is, and asking for one and ending one by hand. */
import { z } from "zod";
import { environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { submitCombine, submitSeparate } from "../operations/submit-combine.ts";
import { builder } from "./builder.ts";
import { outcome, waitArg } from "./changes.ts";
import { reasonRule } from "./inputs.ts";
import { OperationNode } from "./operation.ts";
import { OutputPortNode } from "./output-port.ts";

const CombinedRoleState = builder.enumType("CombinedRoleState", {
  description: "How a role over several ports stands.",
  values: {
    WANTED: { description: "It is to be made; no query runs under it yet." },
    ACTIVE: { description: "Hasura holds it; queries run under it." },
    UNWANTED: { description: "It is to be dropped; no query runs under it any more." },
  } as const,
});

const CombinedRoleNode = builder.prismaNode("CombinedRole", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  description:
    "A role in Hasura over the roles of several output ports, so that one query can be about all of them. Who may read each of the ports may use it.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "The role in Hasura." }),
    environment: t.exposeString("environment", { description: "That all its ports are in." }),
    state: t.expose("state", { type: CombinedRoleState, description: "How it stands." }),
    outputPorts: t.prismaField({
      type: [OutputPortNode],
      select: { memberIds: true },
      description: "The ports, by the names of their components.",
      resolve: async (query, { memberIds }, _args, { operations: { db } }) =>
        db.outputPort.findMany({
          ...query,
          where: { id: { in: memberIds } },
          orderBy: { componentId: "asc" },
        }),
    }),
    requestedAt: t.expose("requestedAt", {
      type: "DateTime",
      description: "When it was last asked for.",
    }),
    madeAt: t.expose("madeAt", {
      type: "DateTime",
      nullable: true,
      description: "Since when Hasura is known to hold it.",
    }),
    lastUsedAt: t.expose("lastUsedAt", {
      type: "DateTime",
      nullable: true,
      description: "When a query last ran under it, as far as uses are counted (`USAGE`).",
    }),
    declaredBy: t.exposeString("declaredBy", {
      nullable: true,
      description: "Who asked for it by hand; null: a query did, and it ends when none uses it.",
    }),
    declareReason: t.exposeString("declareReason", { nullable: true, description: "Why." }),
    writeMilliseconds: t.exposeInt("writeMs", {
      nullable: true,
      description: "How long Hasura took to make it, in milliseconds.",
    }),
    rebuildMilliseconds: t.exposeFloat("rebuildMs", {
      nullable: true,
      description:
        "How much longer every later change in Hasura takes because of it, in milliseconds, as was reckoned when it was made.",
    }),
  }),
});

const CombinedRoleConnection = builder.connectionObject(
  { type: CombinedRoleNode, name: "CombinedRoleConnection", description: "A page of roles." },
  { name: "CombinedRoleEdge", description: "A role on a page." },
);

function combinedRoleWhere(
  hasuraId: string,
  environment: string | null | undefined,
): Prisma.CombinedRoleWhereInput {
  return {
    hasuraId,
    environment: environment == null ? undefined : environmentKey(environment),
  };
}

builder.queryField("combinedRoles", (t) =>
  t.prismaConnection(
    {
      type: CombinedRoleNode,
      cursor: "id",
      description: "Roles over several ports, the one last asked for first.",
      authScopes: { permission: "viewer" },
      args: { environment: t.arg.string({ description: "Only of this environment." }) },
      resolve: (query, _root, { environment }, { operations: { db, hasuraId } }) =>
        db.combinedRole.findMany({
          ...query,
          where: combinedRoleWhere(hasuraId, environment),
          orderBy: [{ requestedAt: "desc" }, { id: "desc" }],
        }),
      totalCount: (_root, { environment }, { operations: { db, hasuraId } }) =>
        db.combinedRole.count({ where: combinedRoleWhere(hasuraId, environment) }),
    },
    CombinedRoleConnection,
  ),
);

const CombineInput = builder.inputType("CombineInput", {
  description: "Ports that one query is to be about.",
  fields: (t) => ({
    componentIds: t.idList({
      required: true,
      description: "Their URNs, two or more, in any case and order.",
      validate: { schema: z.array(z.string()).max(100, "is longer than 100") },
    }),
    environment: t.string({
      description: "Their environment. Absent: the only one that each of them exists in.",
    }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

const SeparateInput = builder.inputType("SeparateInput", {
  description: "A role over several ports that is to end.",
  fields: (t) => ({
    name: t.string({ required: true, description: "The role in Hasura." }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

builder.mutationFields((t) => ({
  combineOutputPorts: t.prismaField({
    type: OperationNode,
    description:
      "Has Hasura hold a role over several ports, so that one query can be about all of them. It stays until it is separated or one of its ports goes; it makes every change in Hasura slower, which the operation's result tells.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: CombineInput, required: true, description: "Which ports." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { componentIds, environment, reason } = input;
      const asked = {
        componentIds,
        environment: environment == null ? undefined : environmentKey(environment),
        reason,
      };
      return outcome(ctx, query, await submitCombine(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
  separateOutputPorts: t.prismaField({
    type: OperationNode,
    description:
      "Ends a role over several ports: queries about all of them are refused at once, then Hasura drops it. With `MULTI_PORT=auto` a query can bring it back.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: SeparateInput, required: true, description: "Which role." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) =>
      outcome(ctx, query, await submitSeparate(ctx.operations, input, ctx.actor.name), wait),
  }),
}));
