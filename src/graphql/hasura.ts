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
