/** The mutations: each submits an operation and answers its row, after waiting for its end if asked to. */
import {
  submitProvision,
  submitUnprovision,
  submitUpdateAcl,
  submitValidation,
} from "../operations/submit.ts";
import { awaitOperation } from "../operations/wait.ts";
import { builder } from "./builder.ts";
import type { GraphqlContext } from "./context.ts";
import { DescriptorInput, MAX_WAIT_MS, PortRef, portInput, UpdateAclInput } from "./inputs.ts";
import { OperationNode } from "./operation.ts";

/** Argument of every mutation. */
export const waitArg = builder.args((t) => ({
  wait: t.int({
    defaultValue: 0,
    description: `How long to wait for the operation's end, in milliseconds; at most ${MAX_WAIT_MS}.`,
    validate: {
      min: [0, { message: "is negative" }],
      max: [MAX_WAIT_MS, { message: `is more than ${MAX_WAIT_MS}` }],
    },
  }),
}));

/** The operation's row as it is when it has ended or the time is over. */
export async function outcome<Query extends object>(
  { operations }: GraphqlContext,
  query: Query,
  token: string,
  wait: number | null | undefined,
) {
  await awaitOperation(operations, token, wait ?? 0);
  return operations.db.operation.findUniqueOrThrow({ ...query, where: { token } });
}

builder.mutationFields((t) => ({
  validateOutputPort: t.prismaField({
    type: OperationNode,
    description: "Checks a descriptor thoroughly: also whether the source holds what it names.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: DescriptorInput, required: true, description: "The descriptor." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { descriptor, descriptorKind } = input;
      const asked = { descriptor, descriptorKind: descriptorKind ?? undefined };
      const token = await submitValidation(ctx.operations, asked, ctx.actor.name);
      return outcome(ctx, query, token, wait);
    },
  }),
  provisionOutputPort: t.prismaField({
    type: OperationNode,
    description: "Makes an output port as its descriptor says, or changes it to be so.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: DescriptorInput, required: true, description: "The descriptor." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { descriptor, descriptorKind, removeData } = input;
      const asked = {
        descriptor,
        descriptorKind: descriptorKind ?? undefined,
        removeData: removeData ?? undefined,
      };
      const token = await submitProvision(ctx.operations, asked, ctx.actor.name);
      return outcome(ctx, query, token, wait);
    },
  }),
  unprovisionOutputPort: t.prismaField({
    type: OperationNode,
    description:
      "Removes an output port: access ends at once, then what Hasura holds of it. Nothing to remove is fine.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: PortRef, required: true, description: "The port." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = { ...portInput(input), removeData: input.removeData ?? undefined };
      const token = await submitUnprovision(ctx.operations, asked, ctx.actor.name);
      return outcome(ctx, query, token, wait);
    },
  }),
  updateOutputPortAcl: t.prismaField({
    type: OperationNode,
    description: "Gives access to exactly these subjects; grants that admins gave stay.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: UpdateAclInput, required: true, description: "The port and its list." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = { ...portInput(input), refs: input.refs };
      const token = await submitUpdateAcl(ctx.operations, asked, ctx.actor.name);
      return outcome(ctx, query, token, wait);
    },
  }),
}));
