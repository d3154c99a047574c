/** How the REST face reaches everything: by executing documents of the public schema in this process. */
import type { ResultOf, TypedDocumentNode } from "@graphql-typed-document-node/core";
import { execute } from "graphql";
import type { Actor, GraphqlContext } from "../graphql/context.ts";
import { appErrorOf } from "../graphql/errors.ts";
import { schema } from "../graphql/schema.ts";

const WITBOOST: Actor = { name: "witboost", kind: "witboost", permission: "operator" };

/**
 * Executes a document as Witboost.
 * @throws AppError what the resolver threw, or INTERNAL with it as the cause
 */
export type Run = <Result, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
) => Promise<Result>;

export function createRun(operations: GraphqlContext["operations"]): Run {
  return async (document, variableValues) => {
    const contextValue: GraphqlContext = { operations, actor: WITBOOST, explain: null };
    const { data, errors = [] } = await execute({ schema, document, variableValues, contextValue });
    const [error] = errors;
    if (error !== undefined) throw appErrorOf(error);
    // The documents are checked against the schema when their types are made.
    return data as ResultOf<typeof document>;
  };
}
