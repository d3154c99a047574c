/**
 * What a GraphQL request asks of Hasura, told from its text alone: the root fields that decide which role is needed.
 * Nobody has checked the text before; whatever is not plainly a query is refused.
 */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  Source,
  TokenKind,
  type ValueNode,
} from "graphql";

/** How much of a request is looked into before it is refused, over all items of a batch together. */
export const REQUEST_LIMITS = {
  /** UTF-16 code units of query text. */
  text: 100_000,
  tokens: 20_000,
  /** Brackets of any kind, one inside the other. */
  depth: 100,
  batch: 100,
} as const;

export type RequestRefusal =
  | "REQUEST_MALFORMED"
  | "REQUEST_TOO_LARGE"
  | "REQUEST_NOT_A_QUERY"
  | "OPERATION_UNKNOWN"
  | "FRAGMENT_UNKNOWN"
  | "FRAGMENT_CYCLE";

/**
 * Root fields of Hasura's `query_root`, or `everything` when the request does not say: a websocket, a REST endpoint, a
 * persisted query. An empty set is a request that names no port's field (introspection only).
 */
export type Asked = ReadonlySet<string> | "everything";

export type AskedResult =
  | { readonly ok: true; readonly asked: Asked }
  | { readonly ok: false; readonly reason: RequestRefusal };

/** Fields of every query root, whatever the role: they name no port. */
const INTROSPECTION = new Set(["__typename", "__schema", "__type"]);

class Refused extends Error {
  readonly reason: RequestRefusal;
  constructor(reason: RequestRefusal) {
    super(reason);
    this.reason = reason;
  }
}

interface Item {
  readonly query: string;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * The root fields asked for by what Hasura's POST hook sends as `request`: `{query, operationName?, variables?}`, an
 * array of those (a batch runs under one role, so its items are united), or nothing.
 */
export function askedRootFields(request: unknown): AskedResult {
  try {
    return { ok: true, asked: readRequest(request) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, reason: error.reason };
    throw error;
  }
}

function readRequest(request: unknown): Asked {
  if (request === null || request === undefined) return "everything";
  const items = Array.isArray(request) ? request.map(readItem) : [readItem(request)];
  if (items.length > REQUEST_LIMITS.batch) throw new Refused("REQUEST_TOO_LARGE");
  const queries = items.filter((item) => item !== null);
  const text = queries.reduce((sum, item) => sum + item.query.length, 0);
  if (text > REQUEST_LIMITS.text) throw new Refused("REQUEST_TOO_LARGE");
  const budget = { tokens: REQUEST_LIMITS.tokens };
  const asked = new Set<string>();
  for (const item of queries) collectItem(item, asked, budget);
  return queries.length === items.length ? asked : "everything";
}

/** One item of the request; `null` when it carries no text to read. */
function readItem(value: unknown): Item | null {
  if (!isRecord(value)) throw new Refused("REQUEST_MALFORMED");
  const { query, operationName = null, variables } = value;
  if (operationName !== null && typeof operationName !== "string")
    throw new Refused("REQUEST_MALFORMED");
  if (query === undefined || query === null) return null;
  if (typeof query !== "string") throw new Refused("REQUEST_MALFORMED");
  return { query, operationName, variables: isRecord(variables) ? variables : {} };
}

function collectItem(item: Item, asked: Set<string>, budget: { tokens: number }): void {
  const document = parseWithinLimits(item.query, budget);
  const operation = selectOperation(document, item.operationName);
  if (operation.operation !== OperationTypeNode.QUERY) throw new Refused("REQUEST_NOT_A_QUERY");
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    if (fragments.has(definition.name.value)) throw new Refused("REQUEST_MALFORMED");
    fragments.set(definition.name.value, definition);
  }
  const conditions = readConditions(operation, item.variables);
  const open = new Set<string>();
  const done = new Set<string>();

  const collect = (selections: SelectionSetNode): void => {
    for (const selection of selections.selections) {
      if (isLeftOut(selection, conditions)) continue;
      if (selection.kind === Kind.FIELD) {
        if (!INTROSPECTION.has(selection.name.value)) asked.add(selection.name.value);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) collect(selection.selectionSet);
      else spread(selection.name.value);
    }
  };
  // A fragment gives the same fields wherever it is spread, so each is walked once: no document can make this long.
  const spread = (name: string): void => {
    if (open.has(name)) throw new Refused("FRAGMENT_CYCLE");
    if (done.has(name)) return;
    const fragment = fragments.get(name);
    if (fragment === undefined) throw new Refused("FRAGMENT_UNKNOWN");
    open.add(name);
    collect(fragment.selectionSet);
    open.delete(name);
    done.add(name);
  };
  collect(operation.selectionSet);
}

/** Counts tokens and depth before anything recursive reads the text. */
function parseWithinLimits(text: string, budget: { tokens: number }): DocumentNode {
  try {
    const lexer = new Lexer(new Source(text));
    let depth = 0;
    for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
      budget.tokens -= 1;
      if (OPENING.has(token.kind)) depth += 1;
      else if (CLOSING.has(token.kind)) depth -= 1;
      if (budget.tokens < 0 || depth > REQUEST_LIMITS.depth) throw new Refused("REQUEST_TOO_LARGE");
    }
    return parse(text, { noLocation: true });
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused("REQUEST_MALFORMED");
  }
}

const OPENING = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const CLOSING = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/** The operation that Hasura will run: the named one, or the only one. */
function selectOperation(document: DocumentNode, name: string | null): OperationDefinitionNode {
  const operations = document.definitions.filter(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const matching =
    name === null ? operations : operations.filter((operation) => operation.name?.value === name);
  const [operation, ...others] = matching;
  if (operation === undefined || others.length > 0) throw new Refused("OPERATION_UNKNOWN");
  return operation;
}

/** Variables of the operation whose truth is known, by what was sent or else by their default. */
function readConditions(
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, boolean> {
  const known = new Map<string, boolean>();
  for (const definition of operation.variableDefinitions ?? []) {
    const name = definition.variable.name.value;
    const value = Object.hasOwn(variables, name)
      ? variables[name]
      : literalBoolean(definition.defaultValue);
    if (typeof value === "boolean") known.set(name, value);
  }
  return known;
}

/** Whether `@skip` or `@include` certainly leaves the selection out; in doubt it counts as asked. */
function isLeftOut(selection: SelectionNode, conditions: ReadonlyMap<string, boolean>): boolean {
  return (selection.directives ?? []).some((directive) => {
    const name = directive.name.value;
    if (name !== "skip" && name !== "include") return false;
    const argument = directive.arguments?.find((candidate) => candidate.name.value === "if");
    const value =
      argument?.value.kind === Kind.VARIABLE
        ? conditions.get(argument.value.name.value)
        : literalBoolean(argument?.value);
    return value === (name === "skip");
  });
}

function literalBoolean(node: ValueNode | undefined): boolean | undefined {
  return node?.kind === Kind.BOOLEAN ? node.value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
