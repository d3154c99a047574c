import { builder } from "./builder.ts";
import type { Actor } from "./context.ts";

const ActorKind = builder.enumType("ActorKind", {
  description: "How somebody came in.",
  values: {
    WITBOOST: { value: "witboost", description: "Through Witboost's contract." },
    ROLE_MAPPER: {
      value: "role-mapper",
      description: "Through the older role mapper's routes.",
    },
    ADMIN: { value: "admin", description: "As an admin." },
    ANONYMOUS: { value: "anonymous", description: "Without saying who." },
  } as const,
});

const PermissionType = builder.enumType("Permission", {
  description: "What somebody may do; each includes those before it.",
  values: {
    VIEWER: { value: "viewer", description: "May see everything." },
    OPERATOR: { value: "operator", description: "May also submit operations." },
    ADMIN: { value: "admin", description: "May do everything." },
  } as const,
});

const ActorType = builder.objectRef<Actor>("Actor").implement({
  description: "Somebody who asks.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "What operations and grants record." }),
    kind: t.expose("kind", { type: ActorKind, description: "How they came in." }),
    permission: t.expose("permission", {
      type: PermissionType,
      nullable: true,
      description: "What they may do; null: nothing.",
    }),
  }),
});

builder.queryField("me", (t) =>
  t.field({
    type: ActorType,
    description: "Who you are here.",
    authScopes: { permission: "viewer" },
    resolve: (_root, _args, { actor }) => actor,
  }),
);
