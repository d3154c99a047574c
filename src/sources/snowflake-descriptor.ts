/**
 * Where a Snowflake output port's data is, by the rules of the adapter that created it: `database` defaults to the
 * domain in upper case, `schema` to the data product's name in upper case without spaces and its major version,
 * `viewName` is required, and a three-part name in `customView` overrides all three. Pure.
 */
import { asText, isRecord, member, type RawRecord } from "../domain/fields.ts";
import { quoted } from "../domain/problem-text.ts";
import type { Problem } from "../errors.ts";
import type { ReadableComponent, SourceDataProduct, SourceReading } from "./kind.ts";
import { customViewName, IDENTIFIER_RULE, isIdentifier } from "./snowflake-identifier.ts";

type Field = "database" | "schema" | "viewName";

const MEANT: Readonly<Record<Field, string>> = {
  database: "database",
  schema: "schema",
  viewName: "view",
};

/** Reads the component; see the file's head for the rules. */
export function readSnowflakePort(
  component: ReadableComponent,
  dataProduct: SourceDataProduct,
): SourceReading {
  const specific = member(component.record, "specific");
  const path = `${component.path}.specific`;
  if (!isRecord(specific))
    return {
      ok: false,
      problems: [
        {
          path,
          message: "The Snowflake output port has no `specific` mapping",
          suggestion: "give it viewName, and database and schema where the defaults do not hold",
        },
      ],
    };
  const problems: Problem[] = [];
  const custom = readCustomView(specific, path, problems);
  // What customView overrides must still be sound: the adapter that owns the component refuses it too.
  const database = readName("database", specific, path, problems);
  const schema = readName("schema", specific, path, problems);
  const relation = readName("viewName", specific, path, problems);
  const source = {
    componentId: component.id,
    kind: "snowflake" as const,
    database: custom?.[0] ?? database ?? defaultName("database", dataProduct, path, problems),
    schema: custom?.[1] ?? schema ?? defaultName("schema", dataProduct, path, problems),
    relation: custom?.[2] ?? relation ?? "",
  };
  if (custom === null && relation === undefined)
    problems.push({
      path: `${path}.viewName`,
      message: "`viewName` is missing: it names the view that holds the data",
      suggestion: "set it to the view's name in Snowflake",
    });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, source };
}

function readCustomView(
  specific: RawRecord,
  path: string,
  problems: Problem[],
): [string, string, string] | null {
  const value = member(specific, "customView");
  if (isAbsent(value)) return null;
  if (typeof value !== "string") {
    problems.push({
      path: `${path}.customView`,
      message: "`customView` is not the text of a CREATE VIEW statement",
      suggestion: "write it as text, or leave it out and set viewName",
    });
    return null;
  }
  const name = customViewName(value);
  for (const part of name ?? [])
    if (!isIdentifier(part))
      problems.push({
        path: `${path}.customView`,
        message: `The name of the view that \`customView\` creates has the part ${quoted(part)}, which is not accepted`,
        suggestion: `use ${IDENTIFIER_RULE}`,
      });
  return name;
}

/** @returns `undefined` when it is absent; `""`, with a problem, when it is there and unusable */
function readName(
  field: Field,
  specific: RawRecord,
  path: string,
  problems: Problem[],
): string | undefined {
  const value = member(specific, field);
  if (isAbsent(value)) return undefined;
  const text = asText(value);
  if (text !== null && isIdentifier(text)) return text;
  const trimmed = text?.trim() ?? "";
  problems.push({
    path: `${path}.${field}`,
    message:
      text === null
        ? `\`${field}\` is not text: expected the name of a ${MEANT[field]}`
        : `${quoted(text)} is not accepted as the name of a ${MEANT[field]}`,
    suggestion: isIdentifier(trimmed) ? trimmed : `use ${IDENTIFIER_RULE}`,
  });
  return "";
}

function defaultName(
  field: "database" | "schema",
  dataProduct: SourceDataProduct,
  path: string,
  problems: Problem[],
): string {
  const name =
    field === "database"
      ? dataProduct.domain.toUpperCase()
      : `${dataProduct.name.toUpperCase().replaceAll(" ", "")}_${dataProduct.major}`;
  if (!isIdentifier(name))
    problems.push({
      path: `${path}.${field}`,
      message: `\`${field}\` is missing, and its default ${quoted(name)} is not accepted as the name of a ${MEANT[field]}`,
      suggestion: `set \`${field}\` to the name of the ${MEANT[field]} in Snowflake`,
    });
  return name;
}

function isAbsent(value: unknown): boolean {
  return (
    value === undefined || value === null || (typeof value === "string" && value.trim() === "")
  );
}
