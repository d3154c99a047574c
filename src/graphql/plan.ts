import { z } from "zod";
import { previewPlan } from "../operations/preview.ts";
import { builder } from "./builder.ts";
import {
  DescriptorInput,
  PortRef,
  portInput,
  portName,
  ReconcileInput,
  UpdateAclInput,
} from "./inputs.ts";

const ACTIONS = ["add", "change", "remove", "reload"] as const;

/** A plan as an operation's row keeps it. */
export const storedPlan = z.object({
  text: z.string(),
  steps: z.array(
    z.object({
      action: z.enum(ACTIONS),
      object: z.string(),
      name: z.string(),
      before: z.unknown(),
      after: z.unknown(),
      destructive: z.boolean(),
    }),
  ),
});
type PlanShape = z.infer<typeof storedPlan>;

const PlanAction = builder.enumType("PlanAction", {
  description: "What a step does with its object.",
  values: {
    ADD: { value: "add", description: "Makes it." },
    CHANGE: { value: "change", description: "Makes it different." },
    REMOVE: { value: "remove", description: "Removes it." },
    RELOAD: { value: "reload", description: "Has Hasura connect to it and read it again." },
  } as const,
});

const PlanStep = builder.objectRef<PlanShape["steps"][number]>("PlanStep").implement({
  description: "One step of a plan: one object added, changed, removed or read again.",
  fields: (t) => ({
    action: t.expose("action", { type: PlanAction, description: "What is done with the object." }),
    object: t.exposeString("object", {
      description:
        "What kind of object: `SOURCE`, `TABLE`, `SELECT_PERMISSION`, `INHERITED_ROLE`, `GRANT`.",
    }),
    name: t.exposeString("name", { description: "Which object." }),
    before: t.expose("before", {
      type: "JSON",
      nullable: true,
      description: "The object as it is, without credentials; null when there is none.",
    }),
    after: t.expose("after", {
      type: "JSON",
      nullable: true,
      description: "The object as it is to be, without credentials; null when it is to be gone.",
    }),
    destructive: t.exposeBoolean("destructive", {
      description: "Whether consumers can lose something by it.",
    }),
  }),
});

export const PlanType = builder.objectRef<PlanShape>("Plan").implement({
  description: "The steps that make Hasura, or the grants, agree with what is asked.",
  fields: (t) => ({
    steps: t.expose("steps", { type: [PlanStep], description: "In the order they are taken." }),
    text: t.exposeString("text", { description: "The plan as a person reads it." }),
  }),
});

const PlanInput = builder.inputType("PlanInput", {
  description: "The change to plan: exactly one of these.",
  isOneOf: true,
  fields: (t) => ({
    provision: t.field({ type: DescriptorInput, description: "A port made as this says." }),
    unprovision: t.field({ type: PortRef, description: "This port removed." }),
    acl: t.field({ type: UpdateAclInput, description: "Exactly these subjects given access." }),
    reconcile: t.field({
      type: ReconcileInput,
      description: "What a repair would do now; its `mode` says nothing here.",
    }),
  }),
});

builder.queryField("plan", (t) =>
  t.field({
    type: PlanType,
    description:
      "What an operation would do, without recording or writing anything. Asks the source and Hasura how they are.",
    authScopes: { permission: "viewer" },
    args: {
      input: t.arg({ type: PlanInput, required: true, description: "The change to plan." }),
    },
    resolve: async (_root, { input: { provision, unprovision, acl, reconcile } }, ctx) =>
      storedPlan.parse(
        await previewPlan(ctx.operations, {
          provision: provision == null ? undefined : descriptorOf(provision),
          unprovision: unprovision == null ? undefined : portName(unprovision),
          acl: acl == null ? undefined : { ...portName(acl), refs: acl.refs },
          reconcile: reconcile == null ? undefined : portInput(reconcile),
        }),
      ),
  }),
);

function descriptorOf(input: { descriptor: string; descriptorKind?: string | null | undefined }) {
  return { descriptor: input.descriptor, descriptorKind: input.descriptorKind ?? undefined };
}
