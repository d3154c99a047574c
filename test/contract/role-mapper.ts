/** Facts of the older role mapper's public specification: routes, statuses, members. */
import { Ajv } from "ajv";

interface RouteFacts {
  readonly operationId: string;
  /** What it takes. */
  readonly request?: RoleMapperShape;
  /** The shape of each answer; `text` for plain text, null where none is said. */
  readonly answers: Readonly<Record<string, RoleMapperShape | "text" | null>>;
}

const ERRORS = { 400: "ValidationError", 500: "SystemError" } as const;

export const ROLE_MAPPER_FACTS: Readonly<Record<string, RouteFacts>> = {
  "GET /v1/health": { operationId: "get_v1_health", answers: { 200: "text", 500: null } },
  "GET /v1/roles/{role_id}": {
    operationId: "get_role_by_id",
    answers: { 200: "Role", 404: null, ...ERRORS },
  },
  "PUT /v1/roles": {
    operationId: "upsert_role",
    request: "GraphqlRootFieldNameRoleMappings",
    answers: { 200: "GraphqlRootFieldNameRoleMappings", ...ERRORS },
  },
  "GET /v1/roles/component_id/{component_id}": {
    operationId: "get_role_by_component_id",
    answers: { 200: "Role", 404: null, ...ERRORS },
  },
  "PUT /v1/user_roles": {
    operationId: "upsert_user_roles",
    request: "UserRoleMappings",
    answers: { 200: "UserRoleMappings", ...ERRORS },
  },
  "PUT /v1/group_roles": {
    operationId: "upsert_group_roles",
    request: "GroupRoleMappings",
    answers: { 200: "GroupRoleMappings", ...ERRORS },
  },
};

/** Members of each shape, all of them required; `[]` for a list. */
export const ROLE_MAPPER_SHAPES = {
  Role: { role_id: "string", component_id: "string" },
  UserRoleMappings: { role_id: "string", users: "string[]" },
  GroupRoleMappings: { role_id: "string", groups: "string[]" },
  GraphqlRootFieldNameRoleMappings: {
    role_id: "string",
    component_id: "string",
    graphql_root_field_names: "string[]",
  },
  ValidationError: { errors: "string[]" },
  SystemError: { error: "string" },
} as const;

export type RoleMapperShape = keyof typeof ROLE_MAPPER_SHAPES;

const ajv = new Ajv({ allErrors: true });

/** Where a body differs from the shape; what is not in the specification has no business in an answer. */
export function roleMapperDifferences(shape: RoleMapperShape, body: unknown): string[] {
  const members = Object.entries(ROLE_MAPPER_SHAPES[shape]);
  const text = { type: "string" };
  const validate = ajv.compile({
    type: "object",
    required: members.map(([name]) => name),
    additionalProperties: false,
    properties: Object.fromEntries(
      members.map(([name, type]) => [
        name,
        type === "string" ? text : { type: "array", items: text },
      ]),
    ),
  });
  validate(body);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
