/**
 * The decision read word for word off its rule, over the rows and the document as they are, with nothing prepared and
 * nothing shared with the code that is tested.
 */
import type { AccessFacts } from "../../../src/domain/access-index.ts";

/** A directive with `if:` true, false, or a variable. */
export interface Directive {
  readonly name: "skip" | "include" | "cached";
  readonly if: boolean | string;
}

export type Selection = { readonly directives: readonly Directive[] } & (
  | { readonly kind: "field"; readonly name: string; readonly alias: string | null }
  | { readonly kind: "inline"; readonly selections: readonly Selection[] }
  | { readonly kind: "spread"; readonly fragment: number }
);

export interface Operation {
  readonly type: "query" | "mutation" | "subscription";
  readonly name: string;
  /** Declared variables with their defaults; `null`: none. */
  readonly variables: Readonly<Record<string, boolean | null>>;
  readonly selections: readonly Selection[];
}

export interface Document {
  readonly operations: readonly Operation[];
  /** A fragment spreads only those behind it. */
  readonly fragments: readonly (readonly Selection[])[];
}

export interface Request {
  readonly document: Document;
  readonly operationName: string | null;
  readonly values: Readonly<Record<string, unknown>>;
}

const OF_EVERY_ROLE = ["__typename", "__schema", "__type", "_service"];

/** Every root field that the request may ask for, each as often as it does; `null` when it is no plain query. */
function naiveFields({ document, operationName, values }: Request): string[] | null {
  const named = document.operations.filter(
    ({ name }) => operationName === null || name === operationName,
  );
  const [operation] = named;
  if (named.length !== 1 || operation?.type !== "query") return null;
  const isTrue = (condition: boolean | string): boolean | undefined => {
    if (typeof condition === "boolean") return condition;
    if (!(condition in operation.variables)) return undefined;
    const value = condition in values ? values[condition] : operation.variables[condition];
    return typeof value === "boolean" ? value : undefined;
  };
  const isLeftOut = (directives: readonly Directive[]): boolean =>
    directives.some(
      (directive) =>
        (directive.name === "skip" && isTrue(directive.if) === true) ||
        (directive.name === "include" && isTrue(directive.if) === false),
    );
  const fieldsOf = (selections: readonly Selection[]): string[] =>
    selections.flatMap((selection) => {
      if (isLeftOut(selection.directives)) return [];
      if (selection.kind === "field") return [selection.name];
      if (selection.kind === "inline") return fieldsOf(selection.selections);
      return fieldsOf(document.fragments[selection.fragment] ?? []);
    });
  return fieldsOf(operation.selections);
}

export interface NaiveQuestion {
  readonly subjects: readonly string[];
  /** The requests of a batch; empty: no request. */
  readonly requests: readonly Request[];
  readonly wishedRole: string | undefined;
  readonly now: number;
}

export interface NaiveAnswer {
  readonly role: string | null;
  /** Ports that a combined role would need, when that is all that is missing. */
  readonly wanted: readonly string[] | null;
}

const REFUSED: NaiveAnswer = { role: null, wanted: null };

export function naiveDecision(
  { holders, blocks }: AccessFacts,
  { subjects, requests, wishedRole, now }: NaiveQuestion,
): NaiveAnswer {
  const inForce = ({ until }: { until: number | null }): boolean => until === null || until > now;
  const mine = (subject: string | null): boolean => subject === null || subjects.includes(subject);
  const live = blocks.filter(inForce);
  if (live.some(({ subject, portId }) => portId === null && mine(subject))) return REFUSED;

  const all: string[] = [];
  for (const request of requests) {
    const fields = naiveFields(request);
    if (fields === null) return REFUSED;
    all.push(...fields);
  }
  const entities = all.includes("_entities");
  const named = [...new Set(all)].filter(
    (field) => field !== "_entities" && !OF_EVERY_ROLE.includes(field),
  );

  const real = holders.filter(({ role }) => !["", "admin"].includes(role.trim().toLowerCase()));
  const own = real.filter(
    (holder) =>
      holder.kind !== "COMBINED" &&
      holder.grants.some((given) => inForce(given) && given.subjects.some(mine)) &&
      !live.some(({ portId, subject }) => portId === holder.id && mine(subject)),
  );
  const within = [
    ...own.map(({ role, fields }) => ({ role, fields: [...new Set(fields)] })),
    ...real
      .filter(({ kind }) => kind === "COMBINED")
      .flatMap(({ role, members }) => {
        const ports = members.map((id) => own.find((port) => port.id === id));
        return ports.some((port) => port?.kind !== "PORT")
          ? []
          : [{ role, fields: [...new Set(ports.flatMap((port) => port?.fields ?? []))] }];
      }),
  ];
  const covering = (fields: readonly string[]) =>
    within.filter((role) => fields.every((field) => role.fields.includes(field)));

  if (covering(named).some(({ role }) => role === wishedRole))
    return { role: wishedRole ?? null, wanted: null };
  if (own.length === 0) return REFUSED;
  const saysAll = requests.length === 0 || entities || named.length === 0;
  const needed = saysAll ? [...new Set([...named, ...own.flatMap(({ fields }) => fields)])] : named;
  const will = covering(needed);
  const least = Math.min(...will.map(({ fields }) => fields.length));
  const smallest = will.filter(({ fields }) => fields.length === least);
  if (smallest.length > 0)
    return { role: smallest.length === 1 ? (smallest[0]?.role ?? null) : null, wanted: null };
  const owners = needed.map((field) =>
    own.find(({ kind, fields }) => kind === "PORT" && fields.includes(field)),
  );
  if (owners.includes(undefined)) return REFUSED;
  return { role: null, wanted: [...new Set(owners.map((port) => port?.id ?? ""))].sort() };
}
