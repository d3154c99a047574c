/** The mutations on roles that belong to no output port. */
import {
  endExternalRole,
  putExternalRole,
  setExternalRoleSubjects,
} from "../operations/external-roles.ts";
import { builder } from "./builder.ts";
import { outcome, waitArg } from "./changes.ts";
import { reasonRule } from "./inputs.ts";
import { OperationNode } from "./operation.ts";

const ExternalRoleInput = builder.inputType("ExternalRoleInput", {
  description: "A role that belongs to no output port, as it is to be.",
  fields: (t) => ({
    role: t.string({
      required: true,
      description: "The role in Hasura; never `admin`, and no port's.",
    }),
    componentId: t.id({
      required: true,
      description: "The component whose role it is; no other may change it afterwards.",
    }),
    rootFields: t.stringList({
      required: true,
      description: "All GraphQL root fields that it can see; none of a port's.",
    }),
  }),
});

const ExternalRoleUsersInput = builder.inputType("ExternalRoleUsersInput", {
  description: "Which users have a role: the whole list, not a change to it.",
  fields: (t) => ({
    role: t.string({ required: true, description: "The role in Hasura." }),
    users: t.stringList({
      required: true,
      description: "`user:…`, all of them; no other user keeps the role. Groups keep it.",
    }),
  }),
});

const ExternalRoleGroupsInput = builder.inputType("ExternalRoleGroupsInput", {
  description: "Which groups have a role: the whole list, not a change to it.",
  fields: (t) => ({
    role: t.string({ required: true, description: "The role in Hasura." }),
    groups: t.stringList({
      required: true,
      description: "`group:…`, all of them; no other group keeps the role. Users keep it.",
    }),
  }),
});

const RemoveExternalRoleInput = builder.inputType("RemoveExternalRoleInput", {
  description: "A role that is to be gone.",
  fields: (t) => ({
    role: t.string({ required: true, description: "The role in Hasura." }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

builder.mutationFields((t) => ({
  putExternalRole: t.prismaField({
    type: OperationNode,
    description:
      "Makes a role known that belongs to no output port, or its root fields exactly these. In force when the operation has ended.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: ExternalRoleInput, required: true, description: "The role." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { role, componentId, rootFields: fields } = input;
      const asked = { role, componentId, fields };
      return outcome(ctx, query, await putExternalRole(ctx.operations, asked, ctx.actor), wait);
    },
  }),
  setExternalRoleUsers: t.prismaField({
    type: OperationNode,
    description: "Gives a role that belongs to no output port to exactly these users.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: ExternalRoleUsersInput, required: true, description: "The list." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = { role: input.role, kind: "user" as const, refs: input.users };
      const token = await setExternalRoleSubjects(ctx.operations, asked, ctx.actor);
      return outcome(ctx, query, token, wait);
    },
  }),
  setExternalRoleGroups: t.prismaField({
    type: OperationNode,
    description:
      "Gives a role that belongs to no output port to exactly these groups. Where groups are bound, each must be one of the directory.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: ExternalRoleGroupsInput, required: true, description: "The list." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = { role: input.role, kind: "group" as const, refs: input.groups };
      const token = await setExternalRoleSubjects(ctx.operations, asked, ctx.actor);
      return outcome(ctx, query, token, wait);
    },
  }),
  removeExternalRole: t.prismaField({
    type: OperationNode,
    description: "Ends a role that belongs to no output port: nobody has it, its name is free.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: RemoveExternalRoleInput, required: true, description: "The role." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) =>
      outcome(ctx, query, await endExternalRole(ctx.operations, input, ctx.actor), wait),
  }),
}));
