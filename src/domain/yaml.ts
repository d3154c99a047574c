/** Reading of YAML (and so of JSON) that strangers send, within bounds of time and memory. */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type ParsedNode,
  Parser,
  type YAMLMap,
} from "yaml";
import type { Problem } from "../errors.ts";
import { pathPart, quoted } from "./problem-text.ts";
import { storable } from "./storable.ts";

/** The limits of one text. Each is far above what a large data product needs. */
export const YAML_LIMITS = {
  /** UTF-8 bytes. */
  bytes: 1024 * 1024,
  /** Lexical tokens: what parsing costs goes by these. 800 kB of ordinary descriptor has about 200,000. */
  tokens: 250_000,
  /** Collections inside one another, aliases followed. */
  depth: 64,
  /** Scalars and collections, aliases followed: what a walk over the value costs goes by these. */
  values: 200_000,
  /** Faults told of one text. */
  problems: 20,
} as const;

export type ReadYaml =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type RefusedYaml = Extract<ReadYaml, { ok: false }>;

/** Whether the text is above the limit of bytes; callers answer that as PAYLOAD_TOO_LARGE. */
export function isTooLarge(text: string): boolean {
  return text.length > YAML_LIMITS.bytes || Buffer.byteLength(text) > YAML_LIMITS.bytes;
}

/**
 * The value of one YAML 1.2 document (core schema: no dates, `Yes` is text) or JSON text.
 *
 * Numbers that would be written otherwise in JavaScript (`1.10`, `007`, 2^60) stay the text they are.
 * Aliases are copied in, so the value is a tree. Refused: more than one document, duplicate keys, keys
 * that are no text, and whatever is above `YAML_LIMITS`. Never throws; an empty text is `null`.
 */
export function readYaml(text: string): ReadYaml {
  if (isTooLarge(text)) return refuse(`the text is larger than ${YAML_LIMITS.bytes} bytes`);
  const control = /[^\P{Cc}\t\n\r\u0085]|\p{Cs}/u.exec(text);
  if (control !== null) {
    return refuse(`a control character stands in the text, ${position(text, control.index)}`);
  }
  if (text.length > SHORT_TEXT && hasTooManyTokens(text))
    return refuse("the text holds too many values to be read");
  const parsed = parseTokens(text);
  if ("problems" in parsed) return parsed;
  const composed = composeDocument(parsed, text);
  if ("problems" in composed) return composed;
  const { document } = composed;
  if (document === null) return { ok: true, value: null };
  const walk: Walk = { text, anchors: new Map(), values: 0, problems: [], end: null };
  const value = toValue(document.contents, walk, ROOT);
  if (walk.end !== null) return refuse(walk.end);
  if (walk.problems.length > 0) return { ok: false, problems: walk.problems };
  return { ok: true, value };
}

function refuse(message: string, path = ""): RefusedYaml {
  return { ok: false, problems: [{ path, message }] };
}

function position(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1 && end < offset; end = text.indexOf("\n", start)) {
    line += 1;
    start = end + 1;
  }
  return `line ${line}, column ${offset - start + 1}`;
}

/** Characters below which a text cannot hold too many tokens: the lexer makes at most a few of one character. */
const SHORT_TEXT = YAML_LIMITS.tokens / 5;

/** Counting alone costs a fourth of parsing and keeps nothing: a text above the limit is refused by it. */
function hasTooManyTokens(text: string): boolean {
  let tokens = 0;
  for (const _ of new Lexer().lex(text)) {
    if (++tokens > YAML_LIMITS.tokens) return true;
  }
  return false;
}

/** Concrete syntax only: its parser keeps a stack of its own, so depth and cost can be watched token by token. */
function parseTokens(text: string): { tokens: CST.Token[]; faults: Faults } | RefusedYaml {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const faults = faultsIn(text);
  let lexemes = 0;
  try {
    for (const lexeme of new Lexer().lex(text)) {
      if (++lexemes > YAML_LIMITS.tokens)
        return refuse("the text holds too many values to be read");
      for (const token of parser.next(lexeme)) {
        if (token.type === "error") faults.add(token.message, token.offset);
        else tokens.push(token);
      }
      // A pair counts as a level of its own in the parser's stack, hence twice the depth.
      if (parser.stack.length > 2 * YAML_LIMITS.depth) return refuse(TOO_DEEP);
    }
  } catch (error) {
    if (error !== TOO_MANY_FAULTS) throw error;
    return { ok: false, problems: faults.problems };
  }
  tokens.push(...parser.end());
  return { tokens, faults };
}

const SEVERAL_DOCUMENTS = "the text holds several documents: send one, without `---` between";
const TOO_DEEP = `the text is nested deeper than ${YAML_LIMITS.depth} levels`;
const TOO_MANY_FAULTS = Symbol("too many faults");

interface Faults {
  readonly problems: Problem[];
  /** @throws TOO_MANY_FAULTS when this one fills the list */
  readonly add: (message: string, offset: number) => void;
}

function faultsIn(text: string): Faults {
  const problems: Problem[] = [];
  return {
    problems,
    add: (message, offset) => {
      // The library quotes half a character where it stops within one.
      const told = storable(message);
      problems.push({ path: "", message: `${told}, ${position(text, offset)}` });
      if (problems.length >= YAML_LIMITS.problems) throw TOO_MANY_FAULTS;
    },
  };
}

type ParsedDocument = Document.Parsed<ParsedNode, boolean>;

function composeDocument(
  { tokens, faults }: { tokens: CST.Token[]; faults: Faults },
  text: string,
): { document: ParsedDocument | null } | RefusedYaml {
  const composer = new Composer({
    schema: "core",
    version: "1.2",
    resolveKnownTags: false,
    stringKeys: true,
    // Ours in mapValue: the library compares each key with all before it.
    uniqueKeys: false,
    logLevel: "silent",
  });
  // The library makes an error with its stack for every fault, 10 µs and 4 kB each; a hostile text has 250,000.
  Object.assign(composer, {
    onError: (source: FaultSource, _code: string, message: string, warning?: boolean) => {
      if (warning !== true) faults.add(message, faultOffset(source));
    },
  });
  let document: ParsedDocument | null = null;
  try {
    for (const composed of composer.compose(tokens, false, text.length)) {
      if (document !== null) return refuse(SEVERAL_DOCUMENTS);
      document = composed;
      for (const error of composed.errors) faults.add(error.message, error.pos[0]);
    }
  } catch (error) {
    if (error !== TOO_MANY_FAULTS) return refuse("the text cannot be read as YAML or JSON");
  }
  if (faults.problems.length === 0) return { document };
  return { ok: false, problems: faults.problems.slice(0, YAML_LIMITS.problems) };
}

type FaultSource = number | readonly [number, number, ...number[]] | { readonly offset: number };

function faultOffset(source: FaultSource): number {
  if (typeof source === "number") return source;
  return "offset" in source ? source.offset : source[0];
}

interface Walk {
  readonly text: string;
  readonly anchors: Map<string, Node>;
  readonly problems: Problem[];
  values: number;
  /** The fault that ended the walk: with it the value means nothing. */
  end: string | null;
}

/** Where a value stands; its path is put together only when it is told of. */
interface Place {
  readonly depth: number;
  readonly key: string;
  readonly outer: Place | null;
}

const ROOT: Place = { depth: 0, key: "", outer: null };

function inside(outer: Place, key: string): Place {
  return { depth: outer.depth + 1, key, outer };
}

function pathOf(place: Place): string {
  const keys: string[] = [];
  for (let at = place; at.outer !== null; at = at.outer) keys.unshift(at.key);
  return keys.join(".");
}

function toValue(node: Node | null | undefined, walk: Walk, place: Place): unknown {
  if (walk.end !== null || walk.problems.length >= YAML_LIMITS.problems) return null;
  if (++walk.values > YAML_LIMITS.values) {
    return stop(walk, "the text holds too many values, aliases followed");
  }
  if (place.depth > YAML_LIMITS.depth) {
    return stop(walk, TOO_DEEP);
  }
  if (node === null || node === undefined) return null;
  if (isAlias(node)) {
    const anchored = walk.anchors.get(node.source);
    if (anchored === undefined)
      return stop(walk, `alias ${quoted(`*${node.source}`)} has no anchor before it`);
    return toValue(anchored, walk, { ...place, depth: place.depth + 1 });
  }
  if ("anchor" in node && typeof node.anchor === "string") walk.anchors.set(node.anchor, node);
  if (isScalar(node)) return scalarValue(node.value, node.source);
  if (isSeq<Node>(node)) {
    return node.items.map((item, index) => toValue(item, walk, inside(place, String(index))));
  }
  return isMap<Node, Node | null>(node) ? mapValue(node, walk, place) : null;
}

function mapValue(map: YAMLMap<Node, Node | null>, walk: Walk, place: Place): unknown {
  const entries: Record<string, unknown> = {};
  for (const pair of map.items) {
    const key = isScalar(pair.key) ? String(pair.key.value ?? "") : "";
    const within = inside(place, key);
    if (isScalar(pair.key) && pair.key.anchor !== undefined)
      walk.anchors.set(pair.key.anchor, pair.key);
    if (Object.hasOwn(entries, key)) {
      const where = position(walk.text, pair.key.range?.[0] ?? 0);
      const message = `key ${quoted(key)} stands twice in one map, ${where}`;
      walk.problems.push({ path: pathPart(pathOf(within)), message });
      if (walk.problems.length >= YAML_LIMITS.problems) return null;
    }
    const value = toValue(pair.value, walk, within);
    if (key !== "__proto__") entries[key] = value;
    // Assigned, it would be the prototype and no member.
    else Object.defineProperty(entries, key, { value, enumerable: true, configurable: true });
  }
  return entries;
}

function scalarValue(value: unknown, source: string | undefined): unknown {
  if (typeof value === "number") {
    return source !== undefined && String(value) !== source ? source : value;
  }
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  return source ?? null;
}

function stop(walk: Walk, message: string): null {
  walk.end = message;
  return null;
}
