/** The part of Kriti that data connectors' configuration templates use: JSON with `{{…}}` in it. */
import { isObject, type Json, type JsonObject, parseJson, writeJson } from "./json.ts";

export interface TemplateScope {
  /** The value of a variable of Hasura's process, `undefined` when it is not set. */
  env(name: string): string | undefined;
  /** The value of a `template_variables` entry, `undefined` when there is none of that name. */
  variable(name: string): Promise<string | undefined>;
  /** The `value` beside the template. */
  readonly config: JsonObject;
}

/** The template is wrong or names something that is not there; the message says which. */
export class TemplateError extends Error {}

/**
 * Evaluates the template.
 * @throws TemplateError
 */
export async function renderTemplate(template: string, scope: TemplateScope): Promise<Json> {
  const text = await substitute(template, scope);
  try {
    return parseJson(text);
  } catch (cause) {
    throw new TemplateError("the template does not render to JSON", { cause });
  }
}

/** Values inside a string literal join it as text, values outside become JSON. */
async function substitute(template: string, scope: TemplateScope): Promise<string> {
  let rendered = "";
  let inString = false;
  for (let i = 0; i < template.length; ) {
    if (template.startsWith("{{", i)) {
      const end = template.indexOf("}}", i);
      if (end < 0) throw new TemplateError("'{{' without '}}'");
      const value = await evaluate(template.slice(i + 2, end).trim(), scope);
      const text = typeof value === "string" ? value : writeJson(value);
      rendered += inString ? JSON.stringify(text).slice(1, -1) : writeJson(value);
      i = end + 2;
    } else if (inString && template[i] === "\\") {
      rendered += template.slice(i, i + 2);
      i += 2;
    } else {
      if (template[i] === '"') inString = !inString;
      rendered += template[i];
      i += 1;
    }
  }
  return rendered;
}

const CALL = /^getEnvironmentVariable\(\s*(?:"([^"]*)"|'([^']*)')\s*\)$/;
const LOOKUP = /^\$(\w+)((?:\.\w+|\[\s*(?:"[^"]*"|'[^']*')\s*\])+)$/;
const STEP = /\.(\w+)|\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/g;

async function evaluate(expression: string, scope: TemplateScope): Promise<Json> {
  const call = CALL.exec(expression);
  if (call) return environment(call[1] ?? call[2] ?? "", scope);
  const lookup = LOOKUP.exec(expression);
  const steps = [...(lookup?.[2] ?? "").matchAll(STEP)].map(([, a, b, c]) => a ?? b ?? c ?? "");
  const [first = "", ...more] = steps;
  if (lookup?.[1] === "env" && more.length === 0) return environment(first, scope);
  if (lookup?.[1] === "vars" && more.length === 0) {
    const value = await scope.variable(first);
    if (value === undefined)
      throw new TemplateError(`template variable '${first}' is not defined in template_variables`);
    return value;
  }
  if (lookup?.[1] === "config") return fromConfig(scope.config, steps);
  throw new TemplateError(`'${expression}' cannot be evaluated when the source is set up`);
}

function environment(name: string, scope: TemplateScope): string {
  const value = scope.env(name);
  if (value === undefined) throw new TemplateError(`environment variable '${name}' not set`);
  return value;
}

function fromConfig(config: JsonObject, steps: readonly string[]): Json {
  let value: Json | undefined = config;
  for (const step of steps) value = isObject(value) ? value[step] : undefined;
  if (value === undefined)
    throw new TemplateError(`'${steps.join(".")}' is not in the source's configuration value`);
  return value;
}
