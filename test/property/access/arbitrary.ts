/** Random inventories, requests and questions, small enough that everything meets everything. */
import fc from "fast-check";
import type { AccessFacts, HolderFacts } from "../../../src/domain/access-index.ts";
import type { Directive, Document, NaiveQuestion, Request, Selection } from "./naive.ts";

const PORTS = ["p1", "p2", "p3", "p4"];
const EXTERNALS = ["e1", "e2"];
/** A root field has one port; external roles may see any. */
const FIELDS: Readonly<Record<string, string[]>> = {
  p1: ["a", "a_by_pk"],
  p2: ["b", "b_by_pk", "b_aggregate"],
  p3: ["c"],
  p4: [],
  e1: ["a", "a_by_pk", "x"],
  e2: ["x", "y"],
};
const EVERY_FIELD = ["a", "a_by_pk", "b", "b_by_pk", "c", "x", "y"];
const SPECIAL = ["__typename", "__schema", "_service", "_entities", "unknown"];
const SUBJECTS = ["user:u", "group:g", "group:h", "user:other"];
const time = fc.integer({ min: 0, max: 20 });
const until = fc.option(time, { nil: null, freq: 2 });

const grants = fc.array(
  fc.record({
    class: fc.constantFrom("ACL" as const, "OWNER" as const, "MANUAL" as const),
    until,
    subjects: fc.subarray(SUBJECTS, { minLength: 2 }),
  }),
  { maxLength: 2 },
);

function holder(id: string, kind: "PORT" | "EXTERNAL"): fc.Arbitrary<HolderFacts> {
  return fc
    .record({
      fields: fc.oneof(
        { weight: 4, arbitrary: fc.constant(FIELDS[id] ?? []) },
        fc.subarray(FIELDS[id] ?? []),
      ),
      grants,
      admin: fc.nat(30),
    })
    .map(({ fields, grants, admin }) => ({
      id,
      kind,
      role: admin === 0 ? " Admin" : `role_${id}`,
      fields,
      members: [],
      grants: grants.map((given, at) => ({ ...given, until: given.until && given.until + at / 4 })),
    }));
}

const combined = fc
  .uniqueArray(
    fc
      .subarray([...PORTS, "gone"], { minLength: 2, maxLength: 3 })
      .map((members) => members.sort()),
    { minLength: 1, maxLength: 3, selector: (members) => members.join(" ") },
  )
  .map((sets) =>
    sets.map(
      (members): HolderFacts => ({
        id: `c_${members.join("")}`,
        kind: "COMBINED",
        role: `role_${members.join("_")}`,
        fields: [],
        members,
        grants: [],
      }),
    ),
  );

const blocks = fc
  .array(
    fc.record({
      subject: fc.option(fc.constantFrom(...SUBJECTS), { nil: null }),
      portId: fc.option(fc.constantFrom(...PORTS), { nil: null }),
      until,
    }),
    { maxLength: 2 },
  )
  .map((some) =>
    some
      .filter(({ subject, portId }) => subject !== null || portId !== null)
      .map((block, at) => ({ ...block, id: `b${at}` })),
  );

const holders = fc
  .tuple(
    fc.tuple(...PORTS.map((id) => holder(id, "PORT"))),
    fc.tuple(...EXTERNALS.map((id) => holder(id, "EXTERNAL"))),
    combined,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([...PORTS, ...EXTERNALS]) },
      fc.subarray([...PORTS, ...EXTERNALS], { minLength: 2 }),
    ),
  )
  .map(([ports, externals, roles, there]) => [
    ...[...ports, ...externals].filter(({ id }) => there.includes(id)),
    ...roles,
  ]);

/** An inventory that changes a few times. */
export const history: fc.Arbitrary<AccessFacts[]> = fc
  .array(
    fc.record({ holders, blocks: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, blocks) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((states) => states.map((state, at) => ({ ...state, generation: BigInt(at + 1) })));

const directives: fc.Arbitrary<Directive[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Directive[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(
      fc.record({
        name: fc.constantFrom("skip" as const, "include" as const, "cached" as const),
        if: fc.constantFrom(true, false, "v", "w", "undeclared"),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  },
);
/** The root fields of one request: most name few. */
const someFields = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(["a"], ["b"], ["a", "b"], ["a", "a_by_pk"], ["c", "b"], ["x"], []),
      fc.subarray(EVERY_FIELD, { maxLength: 3 }),
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant<string[]>([]) },
      { weight: 1, arbitrary: fc.subarray(SPECIAL, { minLength: 1, maxLength: 2 }) },
    ),
  )
  .map(([fields, special]) => [...fields, ...special])
  .map((names) => (names.length === 0 ? ["__typename"] : names));

/** @param from the first fragment that may be spread: none that leads back here */
function selections(
  names: readonly string[],
  from: number,
  depth: number,
): fc.Arbitrary<Selection[]> {
  const field = fc.record({
    kind: fc.constant("field" as const),
    name: fc.constantFrom(...names),
    alias: fc.option(fc.constantFrom("a", "z", "unknown"), { nil: null }),
    directives,
  });
  const others: fc.WeightedArbitrary<Selection>[] = [];
  if (from < 3)
    others.push({
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("spread" as const),
        fragment: fc.integer({ min: from, max: 2 }),
        directives,
      }),
    });
  if (depth > 0)
    others.push({
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("inline" as const),
        selections: selections(names, from, depth - 1),
        directives,
      }),
    });
  return fc.array(fc.oneof({ weight: 5, arbitrary: field }, ...others), {
    minLength: 1,
    maxLength: 2,
  });
}

const variables = fc.record(
  { v: fc.constantFrom(true, false, null), w: fc.constantFrom(true, false, null) },
  { requiredKeys: [] },
);

const document: fc.Arbitrary<Document> = someFields.chain((names) =>
  fc.record({
    operations: fc
      .array(
        fc.record({
          type: fc.oneof(
            { weight: 12, arbitrary: fc.constant("query" as const) },
            { weight: 1, arbitrary: fc.constantFrom("mutation" as const, "subscription" as const) },
          ),
          variables,
          selections: selections(names, 0, 2),
        }),
        { minLength: 1, maxLength: 2 },
      )
      .map((all) => all.map((operation, at) => ({ ...operation, name: `Q${at}` }))),
    fragments: fc.tuple(selections(names, 1, 1), selections(names, 2, 1), selections(names, 3, 1)),
  }),
);

const request: fc.Arbitrary<Request> = document.chain((made) =>
  fc.record({
    document: fc.constant(made),
    operationName:
      made.operations.length > 1
        ? fc.oneof(
            { weight: 9, arbitrary: fc.constantFrom("Q0", "Q1") },
            fc.constantFrom("Q7", null),
          )
        : fc.oneof({ weight: 9, arbitrary: fc.constantFrom(null, "Q0") }, fc.constant("Q7")),
    values: fc.record(
      { v: fc.constantFrom(true, false, null, "true"), w: fc.boolean(), undeclared: fc.boolean() },
      { requiredKeys: [] },
    ),
  }),
);

export const question: fc.Arbitrary<NaiveQuestion> = fc.record({
  subjects: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(["user:u", "group:g"], ["user:u"], ["group:g", "group:h"]),
    },
    { weight: 1, arbitrary: fc.subarray(SUBJECTS) },
  ),
  requests: fc.oneof(
    { weight: 6, arbitrary: fc.tuple(request) },
    { weight: 1, arbitrary: fc.array(request, { minLength: 2, maxLength: 3 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  ),
  wishedRole: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    fc.constantFrom("role_p1", "role_p2", "role_e1", "role_p1_p2", " Admin", "admin", "nobody"),
  ),
  now: time,
});

/** The request as Hasura sends it. */
export function sentRequest({ document, operationName, values }: Request): unknown {
  const text = [
    ...document.operations.map(({ type, name, variables, selections }) => {
      const declared = Object.entries(variables).map(
        ([variable, value]) => `$${variable}: Boolean${value === null ? "" : ` = ${value}`}`,
      );
      const list = declared.length === 0 ? "" : `(${declared.join(", ")})`;
      return `${type} ${name}${list} ${selectionText(selections)}`;
    }),
    ...document.fragments.map(
      (selections, at) => `fragment F${at} on query_root ${selectionText(selections)}`,
    ),
  ].join("\n");
  return { query: text, operationName, variables: values };
}

function selectionText(selections: readonly Selection[]): string {
  const texts = selections.map((selection) => {
    const conditions = selection.directives.map(
      (directive) =>
        `@${directive.name}(if: ${typeof directive.if === "string" ? `$${directive.if}` : directive.if})`,
    );
    const what = {
      field: () =>
        selection.kind === "field" &&
        `${selection.alias === null ? "" : `${selection.alias}: `}${selection.name}`,
      inline: () => "... on query_root",
      spread: () => selection.kind === "spread" && `...F${selection.fragment}`,
    }[selection.kind]();
    const inside = {
      field: () => "{ id a b }",
      inline: () => (selection.kind === "inline" ? selectionText(selection.selections) : ""),
      spread: () => "",
    }[selection.kind]();
    return `${what} ${conditions.join(" ")} ${inside}`;
  });
  return `{ ${texts.join(" ")} }`;
}
