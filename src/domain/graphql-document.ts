/** One GraphQL document, reduced to what decides which root fields it asks for. */
import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
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
  /** Fragments, one spread inside the other. */
  fragments: 200,
  batch: 100,
} as const;

export type RequestRefusal =
  | "REQUEST_MALFORMED"
  | "REQUEST_TOO_LARGE"
  | "REQUEST_NOT_A_QUERY"
  | "OPERATION_UNKNOWN"
  | "FRAGMENT_UNKNOWN"
  | "FRAGMENT_CYCLE";

export class RequestRefused extends Error {
  readonly reason: RequestRefusal;
  constructor(reason: RequestRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/** Which root fields of Hasura's `query_root` a request asks for. */
export interface Asked {
  /** Fields that may be a port's. */
  readonly fields: ReadonlySet<string>;
  /** Whether it may ask for more than these, without saying what. */
  readonly everything: boolean;
}

/** A document as it can be kept: what it asks for, or what variables decide about that. */
export interface ReadDocument {
  readonly tokens: number;
  /** The whole answer, where no variable has a say. */
  readonly asked: Asked | null;
  readonly root: readonly RootSelection[];
  readonly fragments: ReadonlyMap<string, readonly RootSelection[]>;
  /** How many selections are kept, for whoever counts memory. */
  readonly size: number;
}

type RootSelection = { readonly conditions: readonly Condition[] } & (
  | { readonly kind: "field" | "spread"; readonly name: string }
  | { readonly kind: "inline"; readonly inside: readonly RootSelection[] }
);

/** Leaves the selection out when the variable is certainly this. */
interface Condition {
  readonly variable: string;
  readonly defaultValue: boolean | undefined;
  readonly leavesOutWhen: boolean;
}

/** Fields of every query root, whatever the role: they name no port and tell no more than the role may see. */
const NO_PORTS = new Set(["__typename", "__schema", "__type", "_service"]);
/** Gives rows of any type that its argument names, so it asks for all that is granted. */
const ENTITIES = "_entities";

/**
 * Reads a document.
 * @param operationName `null` when the request names none
 * @param tokens how many it may have at most
 * @throws RequestRefused
 */
export function readDocument(
  query: string,
  operationName: string | null,
  tokens: number,
): ReadDocument {
  const { document, used } = parseWithin(query, tokens);
  const operation = selectOperation(document, operationName);
  if (operation.operation !== OperationTypeNode.QUERY)
    throw new RequestRefused("REQUEST_NOT_A_QUERY");
  const definitions = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    if (definitions.has(definition.name.value)) throw new RequestRefused("REQUEST_MALFORMED");
    definitions.set(definition.name.value, definition);
  }
  const reduced = reduce(operation, definitions);
  const read = { ...reduced, tokens: used, asked: null };
  return reduced.conditional ? read : { ...read, asked: askedBy(read, {}) };
}

/**
 * What the document asks for with these variables. In doubt about `@skip` and `@include`, a field counts as asked.
 * @throws RequestRefused
 */
export function askedBy(
  document: ReadDocument,
  variables: Readonly<Record<string, unknown>>,
): Asked {
  if (document.asked !== null) return document.asked;
  const fields = new Set<string>();
  let everything = false;
  const open = new Set<string>();
  const done = new Set<string>();
  const collect = (selections: readonly RootSelection[]): void => {
    for (const selection of selections) {
      if (selection.conditions.some((condition) => isLeftOut(condition, variables))) continue;
      if (selection.kind === "inline") collect(selection.inside);
      else if (selection.kind === "spread") spread(selection.name);
      else if (selection.name === ENTITIES) everything = true;
      else if (!NO_PORTS.has(selection.name)) fields.add(selection.name);
    }
  };
  // A fragment gives the same fields wherever it is spread, so each is walked once: no document can make this long.
  const spread = (name: string): void => {
    if (open.has(name)) throw new RequestRefused("FRAGMENT_CYCLE");
    if (done.has(name)) return;
    const inside = document.fragments.get(name);
    if (inside === undefined) throw new RequestRefused("FRAGMENT_UNKNOWN");
    if (open.size >= REQUEST_LIMITS.fragments) throw new RequestRefused("REQUEST_TOO_LARGE");
    open.add(name);
    collect(inside);
    open.delete(name);
    done.add(name);
  };
  collect(document.root);
  return { fields, everything };
}

function isLeftOut(
  { variable, defaultValue, leavesOutWhen }: Condition,
  variables: Readonly<Record<string, unknown>>,
): boolean {
  const value = Object.hasOwn(variables, variable) ? variables[variable] : defaultValue;
  return value === leavesOutWhen;
}

/** Counts tokens and depth before anything recursive reads the text. */
function parseWithin(text: string, most: number): { document: DocumentNode; used: number } {
  try {
    const lexer = new Lexer(new Source(text));
    let used = 0;
    let depth = 0;
    for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) {
      used += 1;
      if (OPENING.has(token.kind)) depth += 1;
      else if (CLOSING.has(token.kind)) depth -= 1;
      if (used > most || depth > REQUEST_LIMITS.depth)
        throw new RequestRefused("REQUEST_TOO_LARGE");
    }
    return { document: parse(text, { noLocation: true }), used };
  } catch (error) {
    if (error instanceof RequestRefused) throw error;
    throw new RequestRefused("REQUEST_MALFORMED");
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
  if (operation === undefined || others.length > 0) throw new RequestRefused("OPERATION_UNKNOWN");
  return operation;
}

/** The operation's root selections, and those of the fragments that are spread among them; nothing below. */
function reduce(
  operation: OperationDefinitionNode,
  definitions: ReadonlyMap<string, FragmentDefinitionNode>,
): Pick<ReadDocument, "root" | "fragments" | "size"> & { conditional: boolean } {
  const variables = new Map(
    (operation.variableDefinitions ?? []).map(({ variable, defaultValue }) => [
      variable.name.value,
      literalBoolean(defaultValue),
    ]),
  );
  const wanted = new Set<string>();
  let size = 0;
  let conditional = false;
  const selectionsOf = ({ selections }: SelectionSetNode): RootSelection[] =>
    selections.flatMap((selection): RootSelection[] => {
      const conditions = readConditions(selection.directives ?? [], variables);
      if (conditions === "left out") return [];
      size += 1;
      conditional ||= conditions.length > 0;
      if (selection.kind === Kind.INLINE_FRAGMENT)
        return [{ kind: "inline", conditions, inside: selectionsOf(selection.selectionSet) }];
      const name = selection.name.value;
      if (selection.kind === Kind.FIELD) return [{ kind: "field", conditions, name }];
      wanted.add(name);
      return [{ kind: "spread", conditions, name }];
    });
  const root = selectionsOf(operation.selectionSet);
  const fragments = new Map<string, RootSelection[]>();
  // The set grows while it is walked: by the fragments inside those it holds.
  for (const name of wanted) {
    const definition = definitions.get(name);
    if (definition !== undefined) fragments.set(name, selectionsOf(definition.selectionSet));
  }
  return { root, fragments, size, conditional };
}

/** What `@skip` and `@include` say: what depends on a declared variable; the rest is known at once, or no certainty. */
function readConditions(
  directives: readonly DirectiveNode[],
  variables: ReadonlyMap<string, boolean | undefined>,
): readonly Condition[] | "left out" {
  const conditions: Condition[] = [];
  for (const directive of directives) {
    const name = directive.name.value;
    if (name !== "skip" && name !== "include") continue;
    const leavesOutWhen = name === "skip";
    const argument = directive.arguments?.find((candidate) => candidate.name.value === "if");
    if (argument?.value.kind === Kind.VARIABLE) {
      const variable = argument.value.name.value;
      if (variables.has(variable))
        conditions.push({ variable, defaultValue: variables.get(variable), leavesOutWhen });
    } else if (literalBoolean(argument?.value) === leavesOutWhen) return "left out";
  }
  return conditions;
}

function literalBoolean(node: ValueNode | undefined): boolean | undefined {
  return node?.kind === Kind.BOOLEAN ? node.value : undefined;
}
