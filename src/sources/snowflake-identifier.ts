/** Snowflake identifiers as a descriptor may give them. Pure. */

/** Snowflake's limit, in characters. */
const IDENTIFIER_MAX = 255;

/**
 * The Snowflake adapter's pattern for database, schema and view names, widened by `$` and by names of one letter,
 * narrowed by blanks at the end. No dot, no quote, no `&`, `=`, `%` or control character can pass.
 */
const IDENTIFIER = /^[A-Za-z_](?:[A-Za-z0-9_$ -]*[A-Za-z0-9_$-])?$/;

export const IDENTIFIER_RULE = `letters, digits, _, $, - and spaces, starting with a letter or _, at most ${IDENTIFIER_MAX} characters`;

export function isIdentifier(text: string): boolean {
  return text.length <= IDENTIFIER_MAX && IDENTIFIER.test(text);
}

/** The identifier in double quotes, for SQL text and for session parameters that take identifiers. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/**
 * The identifier as a connection parameter names an existing object: Snowflake folds what is not quoted to upper case,
 * so only a name that folding would change is quoted.
 */
export function asParameter(identifier: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(identifier) ? identifier : quoted(identifier);
}

const HEAD =
  /^\s*create\s+(?:or\s+replace\s+)?(?:secure\s+)?(?:(?:(?:local|global)\s+)?(?:temp|temporary|volatile)\s+)?(?:recursive\s+)?(?:materialized\s+)?view\s+(?:if\s+not\s+exists\s+)?/i;
const PART = /(?:"((?:[^"]|"")*)"|([^\s".(;]+))/y;
const DOT = /\s*\.\s*/y;
const COMMENT = /^\s*(?:--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)/;

/**
 * The qualified name of the view that a `CREATE VIEW` statement makes, as Snowflake reads it: quoted parts as they
 * stand, others in upper case.
 * @returns database, schema and view; `null` when the statement is no CREATE VIEW or names fewer or more parts
 */
export function customViewName(statement: string): [string, string, string] | null {
  let text = statement;
  while (COMMENT.test(text)) text = text.replace(COMMENT, "");
  const head = HEAD.exec(text);
  if (head === null) return null;
  const parts = qualifiedName(text, head[0].length);
  const [database, schema, view] = parts;
  if (parts.length !== 3) return null;
  if (database === undefined || schema === undefined || view === undefined) return null;
  return [database, schema, view];
}

function qualifiedName(text: string, from: number): string[] {
  const parts: string[] = [];
  let at = from;
  for (;;) {
    PART.lastIndex = at;
    const part = PART.exec(text);
    if (part === null) return [];
    parts.push(part[1] !== undefined ? part[1].replaceAll('""', '"') : part[0].toUpperCase());
    DOT.lastIndex = PART.lastIndex;
    const dot = DOT.exec(text);
    if (dot === null) return parts;
    at = DOT.lastIndex;
  }
}
