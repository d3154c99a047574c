/** From a GraphQL request to something that can be run: over HTTP once, over a websocket again and again. */
import { OperationTypeNode } from "graphql";
import type { UserInfo } from "../auth.ts";
import { HasuraError } from "../errors.ts";
import { isArray, isObject, type JsonObject } from "../json.ts";
import type { SchemaCache } from "../schema-cache.ts";
import { executeSelections } from "./execute.ts";
import { type GraphqlRequest, readOperation } from "./request.ts";
import { roleSchema } from "./role-schema.ts";
import { type Selected, selectFields } from "./selection.ts";
import { validationFailed } from "./values.ts";

export interface Prepared {
  readonly isSubscription: boolean;
  /** The data as they are now. @throws HasuraError when a database refuses */
  run(): Promise<JsonObject>;
}

/**
 * Checks the request against what the role sees.
 * @throws HasuraError
 */
export function prepare(
  request: GraphqlRequest,
  { role, session }: UserInfo,
  cache: SchemaCache,
): Prepared {
  const schema = roleSchema(cache, role);
  const operation = readOperation(request);
  const type = operation.definition.operation;
  if (type === OperationTypeNode.MUTATION) throw validationFailed("$", "no mutations exist");
  const isSubscription = type === OperationTypeNode.SUBSCRIPTION;
  if (isSubscription && !schema.has("subscription"))
    throw validationFailed("$", "no subscriptions exist");
  const selections = selectFields(schema, isSubscription ? "subscription" : "query", operation);
  if (isSubscription && selections.length > 1)
    throw validationFailed("$", "subscriptions must select one top level field");
  refuseIntrospection(selections, role, cache);
  return {
    isSubscription,
    run: () => executeSelections(selections, { cache, schema, operation, session }),
  };
}

/** Metadata may name roles that are not to see their schema; `__typename` is none of that. */
function refuseIntrospection(
  selections: readonly Selected[],
  role: string,
  { metadata }: SchemaCache,
): void {
  const options = metadata.others.graphql_schema_introspection;
  const disabled = isObject(options) ? options.disabled_for_roles : undefined;
  const introspects = selections.some(({ name }) => name === "__schema" || name === "__type");
  if (introspects && isArray(disabled) && disabled.includes(role))
    throw new HasuraError(
      "not-supported",
      `introspection is disabled for role: ${JSON.stringify(role)}`,
      { path: "$" },
    );
}
