/** What a role of somebody else's may be called, and what it may see. */
import type { Problem } from "../errors.ts";
import { isForbiddenRole } from "./access-index.ts";
import { atAGlance, disguiseFault, invisibleFault, mixedScriptsFault } from "./lookalike.ts";
import { GRAPHQL_NAME } from "./names.ts";

/** A role that belongs to no port, as somebody asks for it. */
export interface ExternalRoleSpec {
  /** The role in Hasura. */
  readonly role: string;
  /** The component whose role it is. */
  readonly componentId: string;
  /** GraphQL root fields that it can see. */
  readonly fields: readonly string[];
}

/** Characters of a name: roles, components and root fields. */
const LONGEST_NAME = 256;

/** Everything that no role, component or root field can be called, by the members of the public schema. */
export function externalRoleProblems(spec: ExternalRoleSpec): Problem[] {
  const role = roleFault(spec.role);
  const component = lineFault(spec.componentId);
  return [
    ...(role === null ? [] : [{ path: "role", message: role }]),
    ...(component === null ? [] : [{ path: "componentId", message: component }]),
    ...spec.fields.flatMap((field, index) =>
      field.length <= LONGEST_NAME && GRAPHQL_NAME.test(field)
        ? []
        : [{ path: `rootFields.${index}`, message: "is no name that a root field can have" }],
    ),
  ];
}

function roleFault(role: string): string | null {
  // Hasura knows one spelling; whoever reads a list of roles knows none.
  if (isForbiddenRole(role) || isForbiddenRole(atAGlance(role)))
    return "is no role that may be given to anybody";
  return lineFault(role) ?? disguiseFault(role) ?? mixedScriptsFault(role);
}

function lineFault(text: string): string | null {
  if (text === "") return "is empty";
  if (text.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`;
  if (text !== text.trim()) return "begins or ends with a space";
  return invisibleFault(text);
}
