/** The columns of a data contract: OpenMetadata columns as Witboost has them, or an ODCS contract of one table. */
import type { Problem } from "../errors.ts";
import { asList, asText, hasInvisible, isRecord, member, type RawRecord } from "./fields.ts";
import type { ContractColumn } from "./output-port.ts";
import { quoted } from "./problem-text.ts";

const MAX_COLUMN_NAME_LENGTH = 255;

interface Entries {
  readonly items: readonly unknown[];
  readonly path: string;
  readonly odcs: boolean;
}

/**
 * @param component the output port as it was sent
 * @param path of that component; faults are told below `<path>.dataContract`
 * @returns the columns with a usable name in the contract's order, `null` when there is no contract or it is
 *   empty, `"unreadable"` when it cannot be told what the columns are; `problems` says why
 */
export function readColumns(
  component: RawRecord,
  path: string,
  problems: Problem[],
): ContractColumn[] | null | "unreadable" {
  const entries = contractEntries(
    member(component, "dataContract"),
    `${path}.dataContract`,
    problems,
  );
  if (entries === null || entries === "unreadable") return entries;
  const before = problems.length;
  const columns = entries.items.map((item, index) =>
    readColumn(item, { path: `${entries.path}.${index}`, odcs: entries.odcs }, problems),
  );
  if (problems.length > before) return "unreadable";
  const named = columns.filter((column) => column !== null);
  reportRepeats(named, entries.path, problems);
  return named;
}

function contractEntries(
  contract: unknown,
  path: string,
  problems: Problem[],
): Entries | null | "unreadable" {
  if (contract === undefined || contract === null) return null;
  if (Array.isArray(contract) && contract.length === 0) return null;
  if (!isRecord(contract)) {
    problems.push({ path, message: "expected an object with `schema`, a list of columns" });
    return "unreadable";
  }
  const items = asList(member(contract, "schema"));
  if (items === null || items.some((item) => !isRecord(item))) {
    problems.push({
      path: `${path}.schema`,
      message: "expected a list of columns, each an object with `name` and `dataType`",
    });
    return "unreadable";
  }
  if (items.length === 0) return null;
  if (!isOdcs(contract, items)) return { items, path: `${path}.schema`, odcs: false };
  return tableProperties(items, `${path}.schema`, problems);
}

/** An ODCS contract lists tables, each with its columns under `properties`. */
function isOdcs(contract: RawRecord, items: readonly unknown[]): boolean {
  const isTable = (item: unknown) => isRecord(item) && Array.isArray(member(item, "properties"));
  const kind = asText(member(contract, "kind"))?.toLowerCase();
  return items.some(isTable) || kind === "datacontract";
}

function tableProperties(
  tables: readonly unknown[],
  path: string,
  problems: Problem[],
): Entries | null | "unreadable" {
  const [table] = tables;
  if (tables.length > 1 || !isRecord(table)) {
    const names = tables.map((t) =>
      quoted((isRecord(t) && asText(member(t, "name"))) || "unnamed"),
    );
    const shown = names.length > 10 ? [...names.slice(0, 10), "…"] : names;
    problems.push({
      path,
      message: `the contract has ${tables.length} tables (${shown.join(", ")}): an output port exposes one`,
      suggestion: "keep the one table that this port exposes",
    });
    return "unreadable";
  }
  const items = asList(member(table, "properties"));
  if (items === null || items.some((item) => !isRecord(item))) {
    const message = "expected a list of properties, each an object with `name`";
    problems.push({ path: `${path}.0.properties`, message });
    return "unreadable";
  }
  return items.length === 0 ? null : { items, path: `${path}.0.properties`, odcs: true };
}

function readColumn(
  item: unknown,
  where: { readonly path: string; readonly odcs: boolean },
  problems: Problem[],
): ContractColumn | null {
  if (!isRecord(item)) return null;
  const name = asText(member(item, "name")) ?? "";
  const fault =
    name.trim() === ""
      ? "a column has no name"
      : name.length > MAX_COLUMN_NAME_LENGTH
        ? `${quoted(name)} is longer than ${MAX_COLUMN_NAME_LENGTH} characters`
        : hasInvisible(name)
          ? `${quoted(name)} holds control or invisible characters`
          : null;
  if (fault !== null) {
    problems.push({ path: `${where.path}.name`, message: `${fault}: expected the column's name` });
    return null;
  }
  const line = (key: string) =>
    asText(member(item, key))
      ?.replace(/[\p{Cc}\p{Cs}]/gu, "")
      .trim() || null;
  if (!where.odcs) return { name, dataType: line("dataType"), constraint: line("constraint") };
  return {
    name,
    dataType: line("physicalType") ?? line("logicalType"),
    constraint: odcsConstraint(item),
  };
}

/** The one constraint of OpenMetadata's that says most of what ODCS says in three flags. */
function odcsConstraint(property: RawRecord): string | null {
  if (member(property, "primaryKey") === true) return "PRIMARY_KEY";
  if (member(property, "unique") === true) return "UNIQUE";
  return member(property, "required") === true ? "NOT_NULL" : null;
}

function reportRepeats(
  columns: readonly ContractColumn[],
  path: string,
  problems: Problem[],
): void {
  const firstAt = new Map<string, number>();
  for (const [index, { name }] of columns.entries()) {
    const key = name.toLowerCase();
    const first = firstAt.get(key);
    if (first === undefined) firstAt.set(key, index);
    else {
      problems.push({
        path: `${path}.${index}.name`,
        message: `column ${quoted(name)} stands in the contract already, at ${first}: each column once, whatever its case`,
        suggestion: "remove one of the two",
      });
    }
  }
}
