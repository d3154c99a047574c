/** Matches the columns a data contract promises with those the relation has. Pure. */
import type { ContractColumn } from "../domain/output-port.ts";
import { nearest } from "../domain/suggestion.ts";
import type { Problem } from "../errors.ts";

export type MatchedColumns =
  | { readonly ok: true; readonly columns: "*" | string[]; readonly warnings: string[] }
  | { readonly ok: false; readonly problems: Problem[] };

/**
 * Finds the relation's column for each column of the contract: the exact one, or the only one that differs in case.
 * @param contract `null` when the descriptor carries no contract: then every column is exposed
 * @param found the relation's columns, exactly spelt
 * @returns exact names in the contract's order; a contract that lists nothing counts as none, with a warning
 */
export function matchColumns(
  contract: readonly ContractColumn[] | null,
  found: readonly { readonly name: string }[],
): MatchedColumns {
  if (contract === null) return { ok: true, columns: "*", warnings: [] };
  if (contract.length === 0)
    return {
      ok: true,
      columns: "*",
      warnings: ["The data contract lists no columns; every column of the relation is exposed"],
    };
  const names = [...new Set(found.map((column) => column.name))];
  const byFolded = new Map<string, string[]>();
  for (const name of names) {
    const folded = name.toUpperCase();
    byFolded.set(folded, [...(byFolded.get(folded) ?? []), name]);
  }
  const matches = contract.map(({ name: wanted }) => {
    const alike = byFolded.get(wanted.toUpperCase()) ?? [];
    return { wanted, match: alike.includes(wanted) ? [wanted] : alike };
  });
  const problems = matches.flatMap(({ wanted, match }) => unmatched(wanted, match, names));
  if (problems.length === 0) problems.push(...repeated(matches));
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    columns: matches.flatMap(({ match }) => match),
    warnings: respelt(matches),
  };
}

interface Match {
  readonly wanted: string;
  /** One name when it is settled; none or several when it is not. */
  readonly match: readonly string[];
}

function unmatched(wanted: string, match: readonly string[], names: readonly string[]): Problem[] {
  if (match.length === 1) return [];
  const path = `dataContract.schema.${wanted}`;
  if (match.length > 1)
    return [
      {
        path,
        message: `The column ${wanted} of the data contract could be any of ${match.join(", ")}, which differ in case only`,
        suggestion: match.join(" or "),
      },
    ];
  const close = nearest(wanted, names);
  const message = `The data contract has the column ${wanted}, which the relation does not have`;
  if (close === undefined)
    return [
      {
        path,
        message,
        suggestion: `the relation has ${listed(names)}`,
      },
    ];
  return [{ path, message: `${message}; nearest is ${close}`, suggestion: close }];
}

/** Columns of the contract that turn out to be one and the same. */
function repeated(matches: readonly Match[]): Problem[] {
  const firstOf = new Map<string, string>();
  return matches.flatMap(({ wanted, match }) => {
    const name = match[0] ?? wanted;
    const first = firstOf.get(name);
    if (first === undefined) {
      firstOf.set(name, wanted);
      return [];
    }
    return [
      {
        path: `dataContract.schema.${wanted}`,
        message: `The data contract lists the relation's column ${name} twice, as ${first} and ${wanted}`,
        suggestion: "remove one of them",
      },
    ];
  });
}

function respelt(matches: readonly Match[]): string[] {
  const changed = matches.filter(({ wanted, match }) => match[0] !== wanted);
  if (changed.length === 0) return [];
  const pairs = changed.map(({ wanted, match }) => `${wanted} was matched to ${match[0]}`);
  return [`Columns were matched regardless of case: ${pairs.join(", ")}`];
}

const LISTED_MAX = 20;

function listed(names: readonly string[]): string {
  if (names.length === 0) return "no columns";
  const rest = names.length - LISTED_MAX;
  return names.slice(0, LISTED_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
