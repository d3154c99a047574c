import { describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { desired } from "../../../src/hasura/desired.ts";
import { canonical, type Metadata, parseLossless } from "../../../src/hasura/metadata.ts";
import { planBatch } from "../../../src/hasura/plan.ts";
import { explainRefusal, type Refusal } from "../../../src/hasura/refusal.ts";
import { withSteps } from "../../../src/hasura/with-steps.ts";
import { blamed, readBulkResults } from "../../../src/hasura/write.ts";
import { aPort, carriedOut, changeTo, observing, owning, removalOf } from "../../support/ports.ts";

const EMPTY: Metadata = { version: 3, sources: [] };
const one = aPort({ role: "one", table: ["DB", "S", "ONE"] });
const two = aPort({
  role: "two",
  table: ["DB", "S", "TWO"],
  names: { ...one.names, customTableName: "two", select: "two_select" },
});
const { items } = planBatch(observing(EMPTY), [changeTo(one), changeTo(two)]);

const refusal = (error: string, rest: Partial<Refusal> = {}): Refusal => ({
  code: "unexpected",
  path: "$.args",
  error,
  ...rest,
});

describe("the results of a bulk that keeps going", () => {
  it("are one an item: what holds and what is refused", () => {
    const refused = refusal("no", { code: "invalid-configuration" });
    const success = { message: "success" };
    expect(readBulkResults([success, [success, success], refused], items)).toEqual([
      null,
      null,
      refused,
    ]);
  });

  it("are unknown in any other shape", () => {
    for (const answer of [{ message: "success" }, [], [1], "ok", null])
      expect(() => readBulkResults(answer, items)).toThrow("in a shape we do not know");
  });
});

describe("who is to blame for a refusal of the whole write", () => {
  it("in a bulk: the item whose arguments could not be read", () => {
    const parse = refusal("key not found", {
      code: "parse-failed",
      path: "$.args[2].args[0].args",
    });
    expect([...blamed("bulk", parse, items)]).toEqual([2]);
    expect([...blamed("bulk", refusal("read-only mode"), items)]).toEqual([]);
  });

  it("in a replace: those whose objects are inconsistent, unless something else is", () => {
    const broken = (source: string, table: unknown) => ({
      type: "table",
      definition: table,
      name: `table X in source ${source}`,
      reason: "gone",
    });
    const mine = broken(one.source.name, two.table);
    const text = "cannot continue due to inconsistent metadata";
    expect([...blamed("replace", refusal(text, { internal: [mine] }), items)]).toEqual([2]);
    const theirs = broken("theirs", ["T"]);
    expect([...blamed("replace", refusal(text, { internal: [mine, theirs] }), items)]).toEqual([]);
  });

  it("in a replace: the one whose name is taken", () => {
    const conflict = refusal(
      "Encountered conflicting definitions in the selection set for 'query_root' for field 'two_select' defined in [table a.b in source theirs, table DB.S.TWO in source s]. Fields must not be defined more than once across all sources.",
    );
    expect([...blamed("replace", conflict, items)]).toEqual([2]);
  });
});

describe("what a refusal means", () => {
  const keep = (text: string): string => text;

  it.each([
    [
      refusal(
        "Encountered conflicting definitions in the selection set for 'query_root' for field 'a' defined in [table x.y in source theirs, table DB.S.ONE in source s]. Fields must not be defined more than once across all sources.",
      ),
      "NAME_TAKEN",
      /root field a belongs to table x\.y in source theirs in this Hasura/,
    ],
    [
      refusal(
        "Found conflicting definitions for GraphQL type 'X'.  The definition at b differs from the definitions at [a].\nFormer…",
      ),
      "NAME_TAKEN",
      /type X belongs to the type of the root field b/,
    ],
    [
      refusal("Inconsistent object: Value for environment variables not found: SNOWFLAKE_USER"),
      "HASURA_REFUSED",
      /set SNOWFLAKE_USER in Hasura's environment and restart it/,
    ],
    [
      refusal(
        'Inconsistent object: Data connector named "snowflake" was not found in the data connector backend info',
      ),
      "HASURA_REFUSED",
      /add the agent of snowflake/,
    ],
    [
      refusal("Inconsistent object: Error communicating with data connector agent: timeout"),
      "SOURCE_UNAVAILABLE",
      /cannot reach the source/,
    ],
    [
      refusal("no", { code: "connection-not-established" }),
      "SOURCE_UNAVAILABLE",
      /cannot reach the agent/,
    ],
    [
      refusal('Inconsistent object: no such table/view exists in source: "DB.S.ONE"'),
      "HASURA_REFUSED",
      /grant SELECT on the view/,
    ],
    [
      refusal("cannot continue due to newly found inconsistent metadata", {
        internal: [
          { name: "inherited_role inherited role r", reason: "parents", type: "inherited_role" },
        ],
      }),
      "HASURA_REFUSED",
      /it would break inherited_role inherited role r \(parents\)/,
    ],
    [
      refusal('unknown metadata command "keep_going" for backend bulk', { code: "parse-failed" }),
      "HASURA_REFUSED",
      /upgrade Hasura to 2\.24/,
    ],
    [
      refusal("metadata cannot be modified in maintenance mode"),
      "HASURA_UNAVAILABLE",
      /maintenance mode/,
    ],
    [refusal("something new"), "HASURA_REFUSED", /something new/],
  ])("%j: %s", (given, code, says) => {
    const error = explainRefusal(given, keep, "table DB.S.ONE in source s");
    expect(error).toBeInstanceOf(AppError);
    expect(error.code).toBe(code);
    const texts = error.problems.map(({ message, suggestion }) => `${message}; ${suggestion}`);
    expect([error.message, ...texts].join("\n")).toMatch(says);
  });

  it("never tells a secret that Hasura tells", () => {
    const secret = refusal("Inconsistent object: password=hunter2 is wrong");
    const error = explainRefusal(secret, (text) => text.replace("hunter2", "***"));
    expect(JSON.stringify([error.message, error.problems])).not.toContain("hunter2");
  });
});

describe("the metadata after some steps", () => {
  const theirs = parseLossless(
    '{"version":3,"sources":[{"name":"theirs","kind":"postgres","tables":[{"table":{"schema":"public","name":"t"},"n":9007199254740993}]}],"inherited_roles":[{"role_name":"r","role_set":["a","b"]}],"x-unknown":[9223372036854775807]}',
  ) as Metadata;

  /** What Hasura leaves out when it exports. */
  const withoutEmpty = (metadata: Metadata): string =>
    canonical(metadata).replaceAll('"select_permissions":[],', "");

  const replaced = (metadata: Metadata, ...changes: Parameters<typeof planBatch>[1]): Metadata =>
    withSteps(
      metadata,
      planBatch(observing(metadata), changes).items.flatMap(({ steps }) => steps),
    );

  it("holds the ports, and everything of others as it was", () => {
    const after = replaced(theirs, changeTo(one), changeTo(two));
    expect(planBatch(observing(after), [changeTo(one), changeTo(two)]).items).toEqual([]);
    const [first, ...ours] = after.sources as { name: string }[];
    expect(canonical(first)).toBe(canonical((theirs.sources as unknown[])[0]));
    expect(ours).toHaveLength(1);
    expect(canonical({ ...after, sources: theirs.sources })).toBe(canonical(theirs));
  });

  it("is what the commands would have made of it, for changes and for teardowns", () => {
    const live = carriedOut(theirs, changeTo(one), changeTo(two));
    const owned = owning(desired(one));
    for (const change of [
      changeTo({ ...one, columns: ["OTHER"] }, owned),
      changeTo({ ...one, table: ["DB", "S", "NEW"] }, owned),
      removalOf(one, owned),
    ]) {
      const after = replaced(live, change);
      expect(planBatch(observing(after), [change]).items).toEqual([]);
      const byCommands = carriedOut(live, change);
      const tables = (metadata: Metadata) =>
        (metadata.sources as { tables: { table: unknown }[] }[]).map((source) =>
          source.tables.map(({ table }) => canonical(table)).sort(),
        );
      expect(tables(after)).toEqual(tables(byCommands));
      expect(withoutEmpty({ ...after, sources: [] })).toBe(
        withoutEmpty({ ...byCommands, sources: [] }),
      );
    }
  });

  it("takes a role from an inherited role's set and leaves its place", () => {
    const live = carriedOut(theirs, changeTo(one));
    const roles = [
      { role_name: "x", role_set: ["one", "a"], "x-note": 1 },
      { role_name: "y", role_set: ["a"] },
    ];
    const after = replaced(
      { ...live, inherited_roles: roles },
      removalOf(one, owning(desired(one))),
    );
    expect(after.inherited_roles).toEqual([
      { role_name: "x", role_set: ["a"], "x-note": 1 },
      { role_name: "y", role_set: ["a"] },
    ]);
  });
});
