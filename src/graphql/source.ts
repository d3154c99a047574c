import { environmentKey } from "../domain/urn.ts";
import type { Prisma } from "../inventory/generated/client.ts";
import { builder } from "./builder.ts";

export const SourceNode = builder.prismaNode("Source", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  description: "A source: one of Hasura's connections that this plane made.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "Its name in Hasura." }),
    kind: t.exposeString("kind", { description: "What it connects to, e.g. `snowflake`." }),
    environment: t.exposeString("environment", { description: "The environment it serves." }),
    database: t.exposeString("database", { description: "The database it connects to." }),
    namingMode: t.exposeString("namingMode", {
      description: "How Hasura spells its tables: `qualified`, or `legacy` for an adopted source.",
    }),
    createdAt: t.expose("createdAt", {
      type: "DateTime",
      description: "When it was first needed.",
    }),
    removedAt: t.expose("removedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it went with its last port; null while it is there.",
    }),
  }),
});

const SourceConnection = builder.connectionObject(
  { type: SourceNode, name: "SourceConnection", description: "A page of sources." },
  { name: "SourceEdge", description: "A source on a page." },
);

const SourceFilter = builder.inputType("SourceFilter", {
  description: "Which sources; each member narrows them further.",
  fields: (t) => ({
    environment: t.string({ description: "Only of this environment." }),
    live: t.boolean({ description: "Only those that Hasura holds, or only those that are gone." }),
  }),
});

function sourceWhere(
  filter: { environment?: string | null; live?: boolean | null } | null | undefined,
): Prisma.SourceWhereInput {
  const { environment, live } = filter ?? {};
  return {
    environment: environment == null ? undefined : environmentKey(environment),
    ...(live == null ? {} : { removedAt: live ? null : { not: null } }),
  };
}

builder.queryField("sources", (t) =>
  t.prismaConnection(
    {
      type: SourceNode,
      cursor: "id",
      description: "Sources, by name.",
      authScopes: { permission: "viewer" },
      args: { filter: t.arg({ type: SourceFilter, description: "Which; all when absent." }) },
      resolve: (query, _root, { filter }, { operations }) =>
        operations.db.source.findMany({
          ...query,
          where: sourceWhere(filter),
          orderBy: [{ name: "asc" }, { id: "asc" }],
        }),
      totalCount: (_root, { filter }, { operations }) =>
        operations.db.source.count({ where: sourceWhere(filter) }),
    },
    SourceConnection,
  ),
);
