/**
 * Reads a Snowflake SELECT and writes it as PostgreSQL's: unquoted names mean upper-case ones, `?` and `:1`
 * are binds, INFORMATION_SCHEMA is a set of views of ours. Anything but one SELECT is refused.
 */
import { escapeIdentifier, escapeLiteral } from "pg";
import { INFORMATION_SCHEMA, INFORMATION_SCHEMA_VIEWS } from "./sample/information-schema.ts";

/** What Snowflake answers instead of a result. */
export interface SnowflakeError {
  readonly code: string;
  readonly sqlState: string;
  readonly message: string;
}

export interface Session {
  readonly user: string;
  readonly role: string;
  readonly warehouse: string;
  readonly database: string | undefined;
  readonly schema: string | undefined;
}

export interface Translation {
  /** The database it reads; `undefined` when it reads none. */
  readonly database: string | undefined;
  readonly sql: string;
  /** How many binds it takes. */
  readonly binds: number;
  /** Names that stand in it in quotes, so a result's column may be called so. */
  readonly quoted: ReadonlySet<string>;
}

type Kind = "word" | "quoted" | "string" | "number" | "bind" | "symbol";
interface Token {
  readonly kind: Kind;
  /** A name without its quotes, a string's content, a bind's number (`""` for `?`), else the text itself. */
  readonly text: string;
}

const PATTERNS: readonly (readonly [Kind | "space", RegExp])[] = [
  ["space", /\s+|--[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ["string", /'((?:[^'\\]|''|\\[\s\S])*)'/y],
  ["quoted", /"((?:[^"]|"")*)"/y],
  ["word", /([A-Za-z_][\w$]*)/y],
  ["number", /((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ["bind", /\?()|(?<!:):(\d+)/y],
  ["symbol", /(::|<=|>=|<>|!=|\|\||[-+*/%<>=(),.;])/y],
];

/** Words that are part of the language where they stand unquoted. */
const KEYWORDS = new Set(
  `ALL AND ANY AS ASC BETWEEN BY CASE CROSS CURRENT_DATE CURRENT_TIMESTAMP DESC DISTINCT ELSE END ESCAPE EXCEPT
  EXISTS FALSE FETCH FIRST FROM FULL GROUP HAVING ILIKE IN INNER INTERSECT IS JOIN LAST LATERAL LEFT LIKE LIMIT
  NATURAL NEXT NOT NULL NULLS OFFSET ON ONLY OR ORDER OUTER OVER PARTITION RIGHT ROW ROWS SELECT SOME THEN TRUE
  UNION USING VALUES WHEN WHERE WITH`.split(/\s+/),
);

const TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: "boolean",
  DATE: "date",
  FLOAT: "double precision",
  INT: "bigint",
  INTEGER: "bigint",
  NUMBER: "numeric",
  STRING: "text",
  TEXT: "text",
  TIMESTAMP: "timestamp",
  TIMESTAMP_NTZ: "timestamp",
  VARCHAR: "text",
};

/** @returns the tokens, or the error that Snowflake would answer */
function tokenise(text: string): Token[] | SnowflakeError {
  const tokens: Token[] = [];
  let at = 0;
  scan: while (at < text.length) {
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (!match) continue;
      at = pattern.lastIndex;
      if (kind !== "space") tokens.push({ kind, text: content(kind, match[1] ?? match[2] ?? "") });
      continue scan;
    }
    return syntaxError(text.slice(at, at + 20));
  }
  while (tokens.at(-1)?.text === ";" && tokens.at(-1)?.kind === "symbol") tokens.pop();
  return tokens;
}

function content(kind: Kind, text: string): string {
  if (kind === "quoted") return text.replaceAll('""', '"');
  if (kind !== "string") return text;
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };
  return text.replace(/''|\\([\s\S])/g, (whole, next?: string) =>
    next === undefined ? (whole === "''" ? "'" : whole) : (escapes[next] ?? next),
  );
}

function syntaxError(near: string): SnowflakeError {
  return {
    code: "001003",
    sqlState: "42000",
    message: `SQL compilation error:\nsyntax error line 1 at or near '${near}'.`,
  };
}

function unsupported(what: string): SnowflakeError {
  return {
    code: "000002",
    sqlState: "0A000",
    message: `Unsupported feature '${what}': the sandbox answers one SELECT at a time.`,
  };
}

const NO_DATABASE: SnowflakeError = {
  code: "090105",
  sqlState: "22000",
  message:
    "Cannot perform SELECT. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.",
};

function contextValue(name: string, session: Session): string | null | undefined {
  switch (name) {
    case "CURRENT_VERSION":
      return "9.0.0-sandbox";
    case "CURRENT_USER":
      return session.user;
    case "CURRENT_ROLE":
      return session.role;
    case "CURRENT_WAREHOUSE":
      return session.warehouse;
    case "CURRENT_ACCOUNT":
      return "SANDBOX";
    case "CURRENT_DATABASE":
      return session.database ?? null;
    case "CURRENT_SCHEMA":
      return session.schema ?? null;
    default:
      return undefined;
  }
}

interface Writer {
  readonly session: Session;
  readonly out: string[];
  readonly quoted: Set<string>;
  readonly databases: Set<string>;
  /** Whether a table without a database stands in it, which must then be the session's. */
  needsDatabase: boolean;
  binds: number;
}

/**
 * The statement in PostgreSQL's SQL.
 * @returns the translation, or the error that Snowflake would answer
 */
export function translate(text: string, session: Session): Translation | SnowflakeError {
  const tokens = tokenise(text);
  if (!Array.isArray(tokens)) return tokens;
  const verb = tokens.find((token) => token.text !== "(");
  if (!verb) return { code: "000900", sqlState: "42601", message: "Empty SQL statement." };
  if (verb.kind !== "word" || !/^(SELECT|WITH)$/i.test(verb.text))
    return unsupported(verb.text.toUpperCase());
  if (tokens.some((token) => token.kind === "symbol" && token.text === ";"))
    return unsupported("MULTI_STATEMENT");

  const writer: Writer = {
    session,
    out: [],
    quoted: new Set(),
    databases: new Set(),
    needsDatabase: false,
    binds: 0,
  };
  for (let at = 0; at < tokens.length; ) at = write(writer, tokens, at);
  const [database, another] = writer.databases;
  if (another !== undefined) return unsupported("CROSS_DATABASE_QUERY");
  if (writer.needsDatabase && (database ?? session.database) === undefined) return NO_DATABASE;
  return {
    database: database ?? session.database,
    sql: writer.out.join(" "),
    binds: writer.binds,
    quoted: writer.quoted,
  };
}

/** Writes the token, or the whole name that begins with it. @returns the place of the next one */
function write(writer: Writer, tokens: readonly Token[], at: number): number {
  const token = tokens[at];
  if (!token) return at + 1;
  switch (token.kind) {
    case "string":
      writer.out.push(escapeLiteral(token.text));
      return at + 1;
    case "bind": {
      const number = token.text === "" ? writer.binds + 1 : Number(token.text);
      writer.binds = Math.max(writer.binds, number);
      // `? IS NULL` alone would leave PostgreSQL without a type for the bind.
      writer.out.push(/^IS$/i.test(tokens[at + 1]?.text ?? "") ? `$${number}::text` : `$${number}`);
      return at + 1;
    }
    case "quoted":
    case "word":
      return writeName(writer, tokens, at, token);
    default:
      writer.out.push(token.text);
      return at + 1;
  }
}

function writeName(writer: Writer, tokens: readonly Token[], at: number, first: Token): number {
  const before = tokens[at - 1];
  if (first.kind === "word") {
    const word = first.text.toUpperCase();
    if (before?.text === "::") {
      writer.out.push(TYPES[word] ?? first.text);
      return at + 1;
    }
    if (isSymbol(tokens[at + 1], "(")) return writeCall(writer, tokens, at, first.text);
    if (KEYWORDS.has(word)) {
      writer.out.push(first.text);
      return at + 1;
    }
  }
  const parts: string[] = [];
  let next = at;
  for (;;) {
    const part = tokens[next];
    if (part?.kind !== "word" && part?.kind !== "quoted") break;
    const name = part.kind === "word" ? part.text.toUpperCase() : part.text;
    if (part.kind === "quoted") writer.quoted.add(name);
    parts.push(name);
    next += 1;
    if (!isSymbol(tokens[next], ".")) break;
    next += 1;
  }
  const isTable = before?.kind === "word" && /^(FROM|JOIN)$/i.test(before.text);
  if (isTable && parts.length === 3 && parts[0] !== undefined) writer.databases.add(parts[0]);
  else if (isTable && parts.length === 2) writer.needsDatabase = true;
  writer.out.push(relocate(parts).map(escapeIdentifier).join("."));
  // `alias.*` ends with a dot that the loop has passed.
  if (isSymbol(tokens[next - 1], ".")) writer.out.push(".");
  return next;
}

function writeCall(writer: Writer, tokens: readonly Token[], at: number, name: string): number {
  const value = contextValue(name.toUpperCase(), writer.session);
  if (value === undefined || !isSymbol(tokens[at + 2], ")")) {
    writer.out.push(name);
    return at + 1;
  }
  writer.out.push(value === null ? "NULL::text" : `${escapeLiteral(value)}::text`);
  const after = tokens[at + 3];
  const ends = !after || isSymbol(after, ",") || /^FROM$/i.test(after.text);
  if (ends) {
    // Snowflake names the column after the call.
    const column = `${name.toUpperCase()}()`;
    writer.quoted.add(column);
    writer.out.push("AS", escapeIdentifier(column));
  }
  return at + 3;
}

/** `[DB.]INFORMATION_SCHEMA.COLUMNS` is a view in our own schema of the database. */
function relocate(parts: readonly string[]): readonly string[] {
  const at = parts.indexOf("INFORMATION_SCHEMA");
  const view = parts[at + 1];
  if (at < 0 || at > 1 || view === undefined || !INFORMATION_SCHEMA_VIEWS.has(view)) return parts;
  return [INFORMATION_SCHEMA, ...parts.slice(at + 1)];
}

function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === "symbol" && token.text === text;
}
