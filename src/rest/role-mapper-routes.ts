/**
 * The older role mapper's routes: each executes a document of the public schema and maps what comes back; it decides
 * nothing itself. The table is also what schema/role-mapper-openapi.json is printed from.
 */
import type { z } from "zod";
import { AppError, toAppError } from "../errors.ts";
import { shaped } from "./body.ts";
import type { Run } from "./execute.ts";
import {
  type EnforcedChangeFragment,
  GrantHolderDocument,
  type GrantHolderQueryVariables,
  PutExternalRoleDocument,
  SetExternalRoleGroupsDocument,
  SetExternalRoleUsersDocument,
} from "./generated/operations.ts";
import type { Answer, JsonAnswer } from "./problem.ts";
import {
  groupMappings,
  type Role,
  role,
  rootFieldMappings,
  type SystemError,
  userMappings,
  type ValidationError,
} from "./role-mapper-contract.ts";

export interface RoleMapperCall {
  readonly run: Run;
  /** How long to wait until every webhook follows, in milliseconds. */
  readonly wait: number;
  readonly body: unknown;
  /** A parameter of the path. */
  param(name: string): string;
}

export interface RoleMapperRoute {
  readonly method: "get" | "put";
  /** With parameters as `{role_id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly ok: z.ZodType;
  readonly handle: (call: RoleMapperCall) => Promise<Answer>;
}

/** How the public schema's members are called in the bodies. */
const NAMES: Readonly<Record<string, string>> = {
  role: "role_id",
  componentId: "component_id",
  rootFields: "graphql_root_field_names",
};

/** A route whose answer is what was put, once it is in force. */
function put<Shape extends object>(
  path: string,
  route: Pick<RoleMapperRoute, "operationId" | "summary"> & {
    readonly body: z.ZodType<Shape>;
    readonly change: (call: RoleMapperCall, body: Shape) => Promise<EnforcedChangeFragment>;
  },
): RoleMapperRoute {
  const { body: schema, change, ...described } = route;
  const handle = async (call: RoleMapperCall): Promise<Answer> => {
    const body = shaped(schema, call.body);
    try {
      return enforcedAnswer(await change(call, body), body);
    } catch (error) {
      throw renamed(error);
    }
  };
  return { ...described, method: "put", path, body: schema, ok: schema, handle };
}

function get(
  path: string,
  route: Pick<RoleMapperRoute, "operationId" | "summary"> & {
    readonly which: (call: RoleMapperCall) => GrantHolderQueryVariables;
  },
): RoleMapperRoute {
  const { which, ...described } = route;
  const handle = async (call: RoleMapperCall): Promise<Answer<Role | ValidationError>> => {
    try {
      const { grantHolder } = await call.run(GrantHolderDocument, which(call));
      if (grantHolder === null) return { status: 404, json: { errors: ["Role not found."] } };
      const { role: role_id, componentId: component_id } = grantHolder;
      return { status: 200, json: { role_id, component_id } };
    } catch (error) {
      throw renamed(error);
    }
  };
  return { ...described, method: "get", path, ok: role, handle };
}

export const ROLE_MAPPER_ROUTES: readonly RoleMapperRoute[] = [
  put("/v1/roles", {
    operationId: "upsert_role",
    summary: "Make a role known for a component, or its root fields exactly these.",
    body: rootFieldMappings,
    async change({ run, wait }, { role_id, component_id, graphql_root_field_names }) {
      const input = {
        role: role_id,
        componentId: component_id,
        rootFields: graphql_root_field_names,
      };
      return (await run(PutExternalRoleDocument, { input, wait })).putExternalRole;
    },
  }),
  get("/v1/roles/{role_id}", {
    operationId: "get_role_by_id",
    summary: "The role of that name, of an output port or not.",
    which: ({ param }) => ({ role: param("role_id") }),
  }),
  get("/v1/roles/component_id/{component_id}", {
    operationId: "get_role_by_component_id",
    summary: "The role of a component: its output port's, or the one it made known.",
    which: ({ param }) => ({ componentId: param("component_id") }),
  }),
  put("/v1/user_roles", {
    operationId: "upsert_user_roles",
    summary: "Give a role to exactly these users.",
    body: userMappings,
    async change({ run, wait }, { role_id, users }) {
      const input = { role: role_id, users };
      return (await run(SetExternalRoleUsersDocument, { input, wait })).setExternalRoleUsers;
    },
  }),
  put("/v1/group_roles", {
    operationId: "upsert_group_roles",
    summary: "Give a role to exactly these groups.",
    body: groupMappings,
    async change({ run, wait }, { role_id, groups }) {
      const input = { role: role_id, groups };
      return (await run(SetExternalRoleGroupsDocument, { input, wait })).setExternalRoleGroups;
    },
  }),
];

/** What was put, when it is in force everywhere; else that it is recorded, and what it waits for. */
function enforcedAnswer<Body extends object>(
  { token, status, result }: EnforcedChangeFragment,
  body: Body,
): JsonAnswer<Body | SystemError> {
  if (status === "COMPLETED") return { status: 200, json: body };
  const why =
    status === "FAILED"
      ? result
      : "The change is recorded, but not every running webhook has confirmed it yet. It comes into force when they do, or when their leases end.";
  return { status: 500, json: { error: `${why} Its operation is ${token}.` } };
}

/** The failure with the members of the public schema named as the bodies name them. */
function renamed(error: unknown): AppError {
  const { code, message, problems, cause } = toAppError(error);
  const named = problems.map((problem) => {
    const [member = "", ...rest] = problem.path.split(".");
    return { ...problem, path: [NAMES[member] ?? member, ...rest].join(".") };
  });
  return new AppError(code, message, { problems: named, cause });
}
