/** The mutations of admins on access: grants beside the access lists, and blocks. */
import { unknownBlock } from "../inventory/blocks.ts";
import {
  submitBlock,
  submitGrant,
  submitRevoke,
  submitUnblock,
} from "../operations/submit-access.ts";
import { AccessBlockNode } from "./block.ts";
import { builder, isUuid } from "./builder.ts";
import { outcome, waitArg } from "./changes.ts";
import { reasonRule } from "./inputs.ts";
import { OperationNode } from "./operation.ts";

const WHO = "`user:…` or `group:…`, in any case.";
const ENVIRONMENT = "The port's environment; absent: the only one it exists in.";
const UNTIL = "When it ends by itself; absent: it does not.";

const GrantAccessInput = builder.inputType("GrantAccessInput", {
  description: "Access for a subject to a port, given by an admin.",
  fields: (t) => ({
    componentId: t.id({ required: true, description: "The port's URN, in any case." }),
    environment: t.string({ description: ENVIRONMENT }),
    subject: t.id({ required: true, description: `Who gets it: ${WHO}` }),
    until: t.field({ type: "DateTime", description: UNTIL }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

const RevokeAccessInput = builder.inputType("RevokeAccessInput", {
  description: "Access that an admin gave, to be ended.",
  fields: (t) => ({
    componentId: t.id({ required: true, description: "The port's URN, in any case." }),
    environment: t.string({ description: ENVIRONMENT }),
    subject: t.id({ required: true, description: `Whose: ${WHO}` }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

const BlockInput = builder.inputType("BlockInput", {
  description:
    "What is blocked: a subject everywhere, a port for everybody, or that subject on that port.",
  fields: (t) => ({
    subject: t.id({ description: `Whom it keeps out: ${WHO} Absent: everybody.` }),
    componentId: t.id({
      description: "The URN of the port it keeps them off, in any case. Absent: everything.",
    }),
    environment: t.string({ description: `${ENVIRONMENT} Only with a port.` }),
    until: t.field({ type: "DateTime", description: UNTIL }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

const UnblockInput = builder.inputType("UnblockInput", {
  description: "Blocks to be ended: all on exactly this target, or one of them by its id.",
  fields: (t) => ({
    id: t.globalID({
      for: AccessBlockNode,
      description: "Global id of the one block to end; then nothing else is named.",
    }),
    subject: t.id({ description: `Of the blocks that name this subject: ${WHO}` }),
    componentId: t.id({ description: "Of the blocks on the port with this URN, in any case." }),
    environment: t.string({ description: `${ENVIRONMENT} Only with a port.` }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

/** What a port is named by, with absent members left out. */
function portName(input: { componentId?: string | null; environment?: string | null }) {
  return {
    componentId: input.componentId ?? undefined,
    environment: input.environment ?? undefined,
  };
}

builder.mutationFields((t) => ({
  grantAccess: t.prismaField({
    type: OperationNode,
    description:
      "Gives a subject a port's role. Access lists leave it alone; a teardown of the port ends it. What an admin gave the subject there before is replaced.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: GrantAccessInput, required: true, description: "What is given." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { subject, reason } = input;
      const asked = { ...portName(input), subject, reason, until: input.until ?? undefined };
      return outcome(ctx, query, await submitGrant(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
  revokeAccess: t.prismaField({
    type: OperationNode,
    description:
      "Ends what an admin gave a subject on a port. Grants of access lists stay: the next list would give them again. To keep somebody out, `block`.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: RevokeAccessInput, required: true, description: "What is ended." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { subject, reason } = input;
      const asked = { ...portName(input), subject, reason };
      return outcome(ctx, query, await submitRevoke(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
}));

builder.mutationFields((t) => ({
  block: t.prismaField({
    type: OperationNode,
    description:
      "Keeps a subject out, or everybody off a port, whatever is granted now or later. A block of a group keeps out each of its members, also where a grant is the member's own. Blocks that are there already stay beside it.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: BlockInput, required: true, description: "What is blocked." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = {
        ...portName(input),
        subject: input.subject ?? undefined,
        until: input.until ?? undefined,
        reason: input.reason,
      };
      return outcome(ctx, query, await submitBlock(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
  unblock: t.prismaField({
    type: OperationNode,
    description: "Ends blocks: what is granted has effect again.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: UnblockInput, required: true, description: "Which blocks." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      if (input.id != null && !isUuid(input.id.id)) throw unknownBlock();
      const asked = {
        ...portName(input),
        id: input.id?.id,
        subject: input.subject ?? undefined,
        reason: input.reason,
      };
      return outcome(ctx, query, await submitUnblock(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
}));
