/** The queries for output ports. */
import { componentKey, environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { findPort } from "../inventory/ports.ts";
import { builder, literally } from "./builder.ts";
import { OutputPortNode, PortPhase } from "./output-port.ts";

const OutputPortConnection = builder.connectionObject(
  { type: OutputPortNode, name: "OutputPortConnection", description: "A page of output ports." },
  { name: "OutputPortEdge", description: "An output port on a page." },
);

const OutputPortFilter = builder.inputType("OutputPortFilter", {
  description: "Which output ports; each member narrows them further.",
  fields: (t) => ({
    environment: t.string({ description: "Only of this environment." }),
    phases: t.field({ type: [PortPhase], description: "Only those in one of these phases." }),
    domain: t.string({ description: "Only of this domain, in any case." }),
    dataProduct: t.id({ description: "Only of the data product with this URN, in any case." }),
    componentIds: t.idList({ description: "Only those with one of these URNs, in any case." }),
    search: t.string({ description: "Only those whose name or URN holds this text, in any case." }),
    subject: t.string({
      description: "Only those that this subject may read now, by a grant of its own.",
    }),
  }),
});

const OrderDirection = builder.enumType("OrderDirection", {
  description: "Which way a list runs.",
  values: {
    ASC: { value: "asc", description: "From the least to the greatest." },
    DESC: { value: "desc", description: "From the greatest to the least." },
  } as const,
});

const OutputPortOrderField = builder.enumType("OutputPortOrderField", {
  description: "What output ports can be put in order by.",
  values: {
    NAME: { value: "name", description: "Their name." },
    COMPONENT_ID: { value: "componentKey", description: "Their URN." },
    ENVIRONMENT: { value: "environment", description: "Their environment." },
    CREATED_AT: { value: "createdAt", description: "When they were first asked for." },
    UPDATED_AT: { value: "updatedAt", description: "When they last changed." },
  } as const,
});

const OutputPortOrder = builder.inputType("OutputPortOrder", {
  description: "The order of a list of output ports.",
  fields: (t) => ({
    field: t.field({ type: OutputPortOrderField, required: true, description: "By what." }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: "asc",
      description: "Which way.",
    }),
  }),
});

function outputPortWhere(
  filter: typeof OutputPortFilter.$inferInput | null | undefined,
): Prisma.OutputPortWhereInput {
  const { environment, phases, domain, dataProduct, componentIds, search, subject } = filter ?? {};
  const anyCase = (text: string) => ({ contains: literally(text), mode: "insensitive" as const });
  const now = new Date();
  return {
    environment: environment == null ? undefined : environmentKey(environment),
    ...(phases == null ? {} : { phase: { in: phases } }),
    ...(domain == null ? {} : { domain: { equals: literally(domain), mode: "insensitive" } }),
    ...(dataProduct == null
      ? {}
      : { dataProductId: { equals: literally(dataProduct), mode: "insensitive" } }),
    ...(componentIds == null ? {} : { componentKey: { in: componentIds.map(componentKey) } }),
    ...(search == null
      ? {}
      : { OR: [{ name: anyCase(search) }, { componentId: anyCase(search) }] }),
    ...(subject == null
      ? {}
      : {
          phase: "ACTIVE",
          grants: {
            some: { subject, endedAt: null, OR: [{ until: null }, { until: { gt: now } }] },
          },
        }),
  };
}

builder.queryFields((t) => ({
  outputPort: t.prismaField({
    type: OutputPortNode,
    nullable: true,
    description: "An output port; null when there is none.",
    authScopes: { permission: "viewer" },
    args: {
      componentId: t.arg.id({ required: true, description: "The component's URN, in any case." }),
      environment: t.arg.string({
        description:
          "Its environment. Absent: the only one it exists in, else an error `AMBIGUOUS`.",
      }),
    },
    resolve: async (query, _root, { componentId, environment }, { operations }) => {
      const { db, hasuraId } = operations;
      const port = await findPort(db, {
        hasuraId,
        componentId,
        environment: environment == null ? undefined : environmentKey(environment),
      });
      if (port === null) return null;
      return db.outputPort.findUnique({ ...query, where: { id: port.id } });
    },
  }),
  outputPorts: t.prismaConnection(
    {
      type: OutputPortNode,
      cursor: "id",
      description: "Output ports, by name unless another order is asked for.",
      authScopes: { permission: "viewer" },
      args: {
        filter: t.arg({ type: OutputPortFilter, description: "Which; all when absent." }),
        orderBy: t.arg({ type: OutputPortOrder, description: "In which order." }),
      },
      resolve: (query, _root, { filter, orderBy }, { operations }) =>
        operations.db.outputPort.findMany({
          ...query,
          where: outputPortWhere(filter),
          orderBy: [{ [orderBy?.field ?? "name"]: orderBy?.direction ?? "asc" }, { id: "asc" }],
        }),
      totalCount: (_root, { filter }, { operations }) =>
        operations.db.outputPort.count({ where: outputPortWhere(filter) }),
    },
    OutputPortConnection,
  ),
}));
