/** The mutations of admins: on operations, ports and findings, and on Hasura as a whole. */
import { unknownFinding } from "../inventory/findings.ts";
import { unknownToken } from "../inventory/operations.ts";
import {
  acknowledge,
  cancelOperation,
  pauseOutputPort,
  retryOperation,
  submitReconcile,
} from "../operations/interventions.ts";
import { builder, isUuid } from "./builder.ts";
import { outcome, waitArg } from "./changes.ts";
import { FindingNode } from "./finding.ts";
import { portInput, ReconcileInput, reasonRule } from "./inputs.ts";
import { OperationNode } from "./operation.ts";

const PauseInput = builder.inputType("PauseInput", {
  description: "What is to hold of a port from now on; what is absent stays as it is.",
  fields: (t) => ({
    componentId: t.id({ required: true, description: "The port's URN." }),
    environment: t.string({ description: "Its environment; absent: the only one it exists in." }),
    paused: t.boolean({
      description:
        "While paused it stays as it is in Hasura: changes are refused, and no difference is repaired. Access lists go on.",
    }),
    protected: t.boolean({ description: "While protected it is not unprovisioned." }),
    reason: t.string({
      required: true,
      description: "Why; whoever is refused reads it.",
      validate: reasonRule,
    }),
  }),
});

const AcknowledgeInput = builder.inputType("AcknowledgeInput", {
  description: "A finding that is let be.",
  fields: (t) => ({
    id: t.globalID({ for: FindingNode, required: true, description: "Its global id." }),
    reason: t.string({ required: true, description: "Why.", validate: reasonRule }),
  }),
});

/** @throws AppError UNKNOWN_TOKEN for what the database could not even compare */
function tokenOf(id: string): string {
  if (isUuid(id)) return id;
  throw unknownToken();
}

builder.mutationFields((t) => ({
  reconcile: t.prismaField({
    type: OperationNode,
    description: "Holds Hasura against what was applied, and tells of differences or mends them.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: ReconcileInput, description: "What, and how; all when absent." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = { ...portInput(input ?? {}), mode: input?.mode ?? undefined };
      return outcome(
        ctx,
        query,
        await submitReconcile(ctx.operations, asked, ctx.actor.name),
        wait,
      );
    },
  }),
  retryOperation: t.prismaField({
    type: OperationNode,
    description: "Asks again for what an operation that failed was to do. The answer is a new one.",
    authScopes: { permission: "operator" },
    args: { token: t.arg.id({ required: true, description: "Of the failed one." }), ...waitArg },
    resolve: async (query, _root, { token: id, wait }, ctx) =>
      outcome(ctx, query, await retryOperation(ctx.operations, tokenOf(id), ctx.actor.name), wait),
  }),
  cancelOperation: t.prismaField({
    type: OperationNode,
    description: "Ends a running operation as FAILED, unless it is being written already.",
    authScopes: { permission: "operator" },
    args: { token: t.arg.id({ required: true, description: "Which." }), ...waitArg },
    resolve: async (query, _root, { token: id, wait }, ctx) => {
      await cancelOperation(ctx.operations, tokenOf(id), ctx.actor.name);
      return outcome(ctx, query, id, wait);
    },
  }),
}));

builder.mutationFields((t) => ({
  pauseOutputPort: t.prismaField({
    type: OperationNode,
    description: "Pauses an output port, protects it from teardown, or ends either.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: PauseInput, required: true, description: "The port." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const asked = {
        ...portInput(input),
        paused: input.paused ?? undefined,
        protected: input.protected ?? undefined,
        reason: input.reason,
      };
      return outcome(
        ctx,
        query,
        await pauseOutputPort(ctx.operations, asked, ctx.actor.name),
        wait,
      );
    },
  }),
  acknowledgeFinding: t.prismaField({
    type: OperationNode,
    description: "Lets a finding be, with the reason, until the difference becomes another.",
    authScopes: { permission: "operator" },
    args: {
      input: t.arg({ type: AcknowledgeInput, required: true, description: "The finding." }),
      ...waitArg,
    },
    resolve: async (query, _root, { input, wait }, ctx) => {
      const { id } = input.id;
      if (!isUuid(id)) throw unknownFinding();
      const asked = { id, reason: input.reason };
      return outcome(ctx, query, await acknowledge(ctx.operations, asked, ctx.actor.name), wait);
    },
  }),
}));
