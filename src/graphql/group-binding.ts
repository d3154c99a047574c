import { builder } from "./builder.ts";
import { SubjectNode } from "./subject.ts";

const GroupBindingNode = builder.prismaNode("GroupBinding", {
  id: { field: "id", description: "Global id, for `node`." },
  description: "What a group's name meant in the directory when it was granted or blocked.",
  authScopes: { permission: "viewer" },
  fields: (t) => ({
    objectId: t.exposeString("objectId", {
      description: "The group's object id, as tokens hold it.",
    }),
    name: t.exposeString("name", { description: "Its name there, as it was written then." }),
    boundAt: t.expose("boundAt", { type: "DateTime", description: "Since when." }),
    actor: t.exposeString("actor", { description: "Who granted or blocked it first." }),
  }),
});

builder.objectField(SubjectNode, "binding", (t) =>
  t.prismaField({
    type: GroupBindingNode,
    nullable: true,
    description:
      "Which group of the directory it means; null for users, and where names of groups stand for themselves.",
    resolve: (query, { ref }, _args, { operations }) =>
      operations.db.groupBinding.findFirst({ ...query, where: { subject: ref, endedAt: null } }),
  }),
);
