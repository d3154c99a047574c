import { type Verdict, validateDescriptor } from "../operations/validate.ts";
import { builder } from "./builder.ts";
import { DescriptorInput } from "./inputs.ts";
import { ProblemType } from "./problem.ts";

const ValidationResult = builder.objectRef<Verdict>("ValidationResult").implement({
  description: "What the quick check of a descriptor says.",
  fields: (t) => ({
    valid: t.exposeBoolean("valid", { description: "Whether it could be provisioned." }),
    problems: t.field({
      type: [ProblemType],
      description: "Every fault; none when it is valid.",
      resolve: ({ problems }) => [...problems],
    }),
    warnings: t.field({
      type: [ProblemType],
      description:
        "Faults that the live port has already and that this descriptor leaves as they are.",
      resolve: ({ warnings }) => [...warnings],
    }),
  }),
});

builder.queryField("validateDescriptor", (t) =>
  t.field({
    type: ValidationResult,
    description:
      "The quick check of a descriptor: what it says, its names, and who else owns them. Asks no source and no Hasura; nothing is recorded.",
    authScopes: { permission: "viewer" },
    args: {
      input: t.arg({ type: DescriptorInput, required: true, description: "The descriptor." }),
    },
    resolve: (_root, { input: { descriptor, descriptorKind } }, { operations }) =>
      validateDescriptor(operations, { descriptor, descriptorKind: descriptorKind ?? undefined }),
  }),
);
