/** Where a table of Hasura's really is in Snowflake, whoever tracked it and however its source spells names. */
import { isRecord, member } from "../domain/fields.ts";

/**
 * One text for each relation in the world: two that are equal are the same data; null where it cannot be told.
 * @param configuration the `configuration` of a Snowflake source in Hasura's metadata
 * @param path as Hasura names the table: `[NAME]`, `[SCHEMA, NAME]` or `[DB, SCHEMA, NAME]`
 */
export function snowflakePlace(configuration: unknown, path: readonly string[]): string | null {
  const url = jdbcUrl(configuration);
  const host = /^jdbc:snowflake:\/\/([^/?]+)/i.exec(url)?.[1]?.toLowerCase();
  const [name, schema = parameter(url, "schema"), database = parameter(url, "db")] =
    path.toReversed();
  if (host === undefined || name === undefined || schema === null || database === null) return null;
  return JSON.stringify(["snowflake", host, database, schema, name]);
}

/** From the template, or from the value where that is literal, or where it stood before there were templates. */
function jdbcUrl(configuration: unknown): string {
  const template = part(configuration, "template");
  const inTemplate =
    typeof template === "string" ? /"jdbc_url"\s*:\s*"(.*?)"\s*[,}]/s.exec(template)?.[1] : null;
  const literal = part(part(configuration, "value"), "jdbc_url") ?? part(configuration, "jdbc_url");
  return inTemplate ?? (typeof literal === "string" ? literal : "");
}

function part(value: unknown, key: string): unknown {
  return isRecord(value) ? member(value, key) : undefined;
}

/** A name in the URL's query as Snowflake reads it: what is not quoted is folded to upper case. */
function parameter(url: string, name: string): string | null {
  const encoded = new RegExp(`[?&]${name}=([^&]*)`, "i").exec(url)?.[1];
  if (encoded === undefined) return null;
  const text = decoded(encoded);
  return /^".*"$/s.test(text) ? text.slice(1, -1).replaceAll('""', '"') : text.toUpperCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
