import type { ExplainQuestion } from "../access/explain.ts";
import { GRAPHQL_NAME } from "../domain/names.ts";
import { parseRefs, parseSubject } from "../domain/subject.ts";
import { AppError, type Problem } from "../errors.ts";
import { builder } from "./builder.ts";

export const ExplainAccessInput = builder.inputType("ExplainAccessInput", {
  description:
    "Who asks for what: a `token`, or a `subject` with its `groups`; and a `query`, or `rootFields`, or neither for a request that does not say what it asks for, such as a websocket.",
  fields: (t) => ({
    token: t.string({
      description:
        "A consumer's token, without `Bearer`. Neither kept nor logged; give it as a variable.",
    }),
    subject: t.id({ description: "`user:…` or `group:…`, in any case." }),
    groups: t.idList({
      description: "Groups that the subject is in, `group:…` each.",
      validate: { maxLength: [1_000, { message: "are more than 1000" }] },
    }),
    query: t.string({ description: "The GraphQL text, as a client sends it to Hasura." }),
    operationName: t.string({ description: "Which of the text's operations, if it has several." }),
    variables: t.field({ type: "JSON", description: "The variables, an object." }),
    rootFields: t.stringList({
      description: "Root fields, in place of a query that names them.",
      validate: { maxLength: [1_000, { message: "are more than 1000" }] },
    }),
    role: t.string({ description: "The role that the client wishes for, as `X-Hasura-Role`." }),
  }),
});

type Input = typeof ExplainAccessInput.$inferInput;

/** @throws AppError BAD_REQUEST, INVALID_REFS */
export function explainQuestion(input: Input): ExplainQuestion {
  return {
    who: whoAsks(input),
    request: requestOf(input),
    wishedRole: input.role ?? undefined,
  };
}

function whoAsks({ token, subject, groups }: Input): ExplainQuestion["who"] {
  if (token != null) {
    if (subject != null || groups != null)
      throw unclear("token", "is given beside a subject: the token says who asks");
    return { token };
  }
  if (subject == null) throw unclear("subject", "is missing, and `token` too");
  const parsed = parseSubject(subject);
  const refs = parseRefs(groups ?? [], { path: "groups" });
  const problems: Problem[] = [
    ...(parsed.ok ? [] : [{ ...parsed.problem, path: "subject" }]),
    ...(refs.ok ? [] : refs.problems),
  ];
  if (!parsed.ok || !refs.ok)
    throw new AppError("INVALID_REFS", "It cannot be told who is meant.", { problems });
  const users = refs.subjects.filter((ref) => !ref.startsWith("group:"));
  if (users.length > 0) throw unclear("groups", `holds ${users[0]}, which is no group`);
  return { subject: parsed.subject, groups: refs.subjects };
}

/** What Hasura would forward. */
function requestOf({ query, operationName, variables, rootFields }: Input): unknown {
  if (query != null) {
    if (rootFields != null) throw unclear("rootFields", "are given beside a query that names them");
    return { query, operationName: operationName ?? null, variables: variables ?? {} };
  }
  if (operationName != null) throw unclear("operationName", "is given without a query");
  if (variables != null) throw unclear("variables", "are given without a query");
  if (rootFields == null || rootFields.length === 0) return null;
  const bad = rootFields.findIndex((field) => !GRAPHQL_NAME.test(field));
  if (bad >= 0) throw unclear(`rootFields.${bad}`, "is no name that a root field can have");
  return { query: `{ ${rootFields.join(" ")} }` };
}

function unclear(path: string, message: string): AppError {
  return new AppError("BAD_REQUEST", "The question is not clear.", {
    problems: [{ path, message }],
  });
}
