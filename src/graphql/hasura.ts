import { openFindings } from "../inventory/findings.ts";
import { type HasuraStatus, hasuraStatus } from "../operations/hasura-status.ts";
import { builder } from "./builder.ts";

const HasuraStatusType = builder.objectRef<HasuraStatus>("HasuraStatus").implement({
  description: "How the Hasura that this plane writes to is, now.",
  fields: (t) => ({
    id: t.exposeID("id", { description: "What this plane calls it." }),
    url: t.exposeString("url", { description: "Where it is." }),
    reachable: t.exposeBoolean("reachable", { description: "Whether it answered." }),
    version: t.exposeString("version", {
      nullable: true,
      description: "Its version; null when it did not answer.",
    }),
    resourceVersion: t.string({
      nullable: true,
      description: "Its metadata's version, a 64-bit number as text; null when it did not answer.",
      resolve: ({ resourceVersion }) => resourceVersion?.toString() ?? null,
    }),
    consistent: t.exposeBoolean("consistent", {
      nullable: true,
      description: "Whether it can use all of its metadata; null when it did not answer.",
    }),
    writes: t.exposeBoolean("writes", {
      description: "Whether anything is written to it; `HASURA_WRITES=off` freezes it.",
    }),
    reconciledAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it was last held against what was applied; null: never.",
      resolve: async ({ id }, _args, { operations: { db } }) =>
        (await db.hasura.findUnique({ where: { id } }))?.reconciledAt ?? null,
    }),
    openFindings: t.int({
      description: "How many differences it has that nobody has acknowledged.",
      resolve: ({ id }, _args, { operations: { db } }) => openFindings(db, id),
    }),
    message: t.exposeString("message", {
      nullable: true,
      description: "Why it cannot be reached; null when it can.",
    }),
  }),
});

builder.queryField("hasura", (t) =>
  t.field({
    type: HasuraStatusType,
    description: "Asks Hasura how it is.",
    authScopes: { permission: "viewer" },
    resolve: (_root, _args, { operations }) => hasuraStatus(operations),
  }),
);
