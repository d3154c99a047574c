/** How the REST face reaches everything: by executing documents of the public schema in this process. */
import type { ResultOf, TypedDocumentNode } from "@graphql-typed-document-node/core";
import { execute } from "graphql";
import type { Actor, GraphqlContext } from "../graphql/context.ts";
import { appErrorOf } from "../graphql/errors.ts";
import { schema } from "../graphql/schema.ts";

/**
 * Executes a document as one of REST's callers.
 * @throws AppError what the resolver threw, or INTERNAL with it as the cause
 */
export type Run = <Result, Variables extends Record<string, unknown>>(
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
) => Promise<Result>;

/** @param actor who sends what comes in by these routes */
export function createRun(operations: GraphqlContext["operations"], actor: Actor): Run {
  return async (document, variableValues) => {
    const contextValue: GraphqlContext = { operations, actor, explain: null };
    const { data, errors = [] } = await execute({ schema, document, variableValues, contextValue });
    const [error] = errors;
    if (error !== undefined) throw appErrorOf(error);
    // The documents are checked against the schema when their types are made.
    return data as ResultOf<typeof document>;
  };
}
