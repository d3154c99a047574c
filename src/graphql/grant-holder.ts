import type { ExternalRole, OutputPort } from "../inventory/generated/client.ts";
import { builder } from "./builder.ts";

/** What a grant gives the role of. Its types are in files of their own, which this one must not import. */
export const GrantHolder = builder.interfaceRef<OutputPort | ExternalRole>("GrantHolder");

builder.interfaceType(GrantHolder, {
  description: "What has a role that can be granted: an output port, or a role of its own.",
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    componentId: t.exposeID("componentId", {
      description: "The component that it is, or that made it known.",
    }),
    role: t.string({
      description: "The role in Hasura.",
      resolve: (holder) => ("role" in holder ? holder.role : holder.name),
    }),
  }),
  resolveType: (holder) => ("componentKey" in holder ? "OutputPort" : "ExternalRole"),
});
