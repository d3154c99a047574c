import { AppError } from "../errors.ts";
import { holderOfComponent, holderOfRole } from "../inventory/holders.ts";
import { builder } from "./builder.ts";
import { GrantConnection, GrantState, grantOrder, grantWhere } from "./grant.ts";
import { GrantHolder } from "./grant-holder.ts";
import { atArg } from "./inputs.ts";

const ExternalRoleNode = builder.prismaNode("ExternalRole", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  interfaces: [GrantHolder],
  description:
    "A role in Hasura that belongs to no output port here: the role mapper's routes make it known.",
  fields: (t) => ({
    role: t.exposeString("name", { description: "The role in Hasura." }),
    componentId: t.exposeID("componentId", {
      description: "The component that made it known; no other may change it.",
    }),
    createdAt: t.expose("createdAt", {
      type: "DateTime",
      description: "When it was first made known.",
    }),
    updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it last changed." }),
    removedAt: t.expose("removedAt", {
      type: "DateTime",
      nullable: true,
      description: "When it was removed; null: it was not.",
    }),
    rootFields: t.stringList({
      select: { fields: { orderBy: { name: "asc" } } },
      description: "The GraphQL root fields it can see.",
      resolve: ({ fields }) => fields.map(({ name }) => name),
    }),
    grants: t.relatedConnection(
      "grants",
      {
        cursor: "id",
        totalCount: true,
        description: "Who was given it, the newest first.",
        args: {
          state: t.arg({ type: GrantState, description: "Only those in force, or the others." }),
          ...atArg,
        },
        query: ({ state, at }) => ({ where: grantWhere({ state }, at), orderBy: [...grantOrder] }),
      },
      GrantConnection,
    ),
  }),
});

builder.queryField("grantHolder", (t) =>
  t.field({
    type: GrantHolder,
    nullable: true,
    description:
      "What has a role now: by the role, or by its component, whose port counts before roles of its own; null when there is none. A component with several roles is an error `AMBIGUOUS`.",
    authScopes: { permission: "viewer" },
    args: {
      role: t.arg.string({ description: "The role in Hasura. Needed unless `componentId` is." }),
      componentId: t.arg.id({ description: "The component, in any case, when `role` is absent." }),
    },
    resolve: (_root, { role, componentId }, { operations: { db, hasuraId } }) => {
      if (role != null) return holderOfRole(db, hasuraId, role);
      if (componentId != null) return holderOfComponent(db, hasuraId, componentId);
      throw new AppError("BAD_REQUEST", "It is not said which role is meant.", {
        problems: [{ path: "role", message: "is missing, and `componentId` too" }],
      });
    },
  }),
);

builder.queryField("externalRole", (t) =>
  t.prismaField({
    type: ExternalRoleNode,
    nullable: true,
    description: "A role that belongs to no output port, by its name; null when there is none.",
    authScopes: { permission: "viewer" },
    args: { role: t.arg.string({ required: true, description: "The role in Hasura." }) },
    resolve: (query, _root, { role: name }, { operations: { db, hasuraId } }) =>
      db.externalRole.findUnique({ ...query, where: { hasuraId_name: { hasuraId, name } } }),
  }),
);
