/**
 * The bodies of the older role mapper's routes. What is checked, what is answered, its types and
 * schema/role-mapper-openapi.json all come from these. Members that are not known are left out.
 */
import { z } from "zod";
import { object, text, texts } from "./contract.ts";

/** The shapes by their names there. */
export const roleMapperShapes = z.registry<{ id: string }>();

const roleId = text.meta({ description: "The role in Hasura.", example: "dom1_dp1_0_op_role" });
const componentId = text.meta({
  description: "The component whose role it is; no other may change it.",
  example: "urn:dmb:cmp:dom1:dp1:0:op",
});

export const role = z
  .object({ role_id: roleId, component_id: componentId })
  .describe("A role, of an output port or not.")
  .register(roleMapperShapes, { id: "Role" });
export type Role = z.infer<typeof role>;

export const rootFieldMappings = z
  .object(
    {
      role_id: roleId,
      component_id: componentId,
      graphql_root_field_names: texts("root fields").describe(
        "All GraphQL root fields that it can see; none of an output port's.",
      ),
    },
    object,
  )
  .describe("A role that belongs to no output port, and what it can see.")
  .register(roleMapperShapes, { id: "GraphqlRootFieldNameRoleMappings" });

export const userMappings = z
  .object(
    {
      role_id: roleId,
      users: texts("users").describe("Each as `user:…`; no other user keeps the role."),
    },
    object,
  )
  .describe("All users who have a role.")
  .register(roleMapperShapes, { id: "UserRoleMappings" });

export const groupMappings = z
  .object(
    {
      role_id: roleId,
      groups: texts("groups").describe("Each as `group:…`; no other group keeps the role."),
    },
    object,
  )
  .describe("All groups that have a role.")
  .register(roleMapperShapes, { id: "GroupRoleMappings" });

export const validationError = z
  .object({ errors: z.array(z.string()) })
  .describe("What the sender can mend; each fault by itself.")
  .register(roleMapperShapes, { id: "ValidationError" });
export type ValidationError = z.infer<typeof validationError>;

export const systemError = z
  .object({ error: z.string() })
  .describe("A fault of ours, or of what we need.")
  .register(roleMapperShapes, { id: "SystemError" });
export type SystemError = z.infer<typeof systemError>;
