import { builder } from "./builder.ts";

const ConditionType = builder.enumType("ConditionType", {
  description: "What a condition is about.",
  values: {
    SYNCED: { description: "Hasura holds what was accepted." },
    READY: { description: "Consumers can be served." },
    ENFORCED: { description: "Every running webhook decides by the newest access list." },
    MIRRORED: {
      description:
        "The older role mapper holds what holds here; said only where one is kept up to date.",
    },
  } as const,
});

const ConditionStatus = builder.enumType("ConditionStatus", {
  description: "Whether a condition holds.",
  values: {
    TRUE: { description: "It holds." },
    FALSE: { description: "It does not hold." },
    UNKNOWN: { description: "It cannot be told." },
  } as const,
});

builder.prismaObject("Condition", {
  description: "What can be said of a port now.",
  fields: (t) => ({
    type: t.expose("type", { type: ConditionType, description: "What it is about." }),
    status: t.expose("status", { type: ConditionStatus, description: "Whether it holds." }),
    reason: t.exposeString("reason", { description: "Why, as a code for programs." }),
    message: t.exposeString("message", { description: "Why, for people." }),
    since: t.expose("since", { type: "DateTime", description: "Since when the status is so." }),
  }),
});
