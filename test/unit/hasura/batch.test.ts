import { describe, expect, it } from "vitest";
import { desired } from "../../../src/hasura/desired.ts";
import type { InconsistentObject } from "../../../src/hasura/inconsistencies.ts";
import type { Metadata } from "../../../src/hasura/metadata.ts";
import { tableKey } from "../../../src/hasura/metadata-index.ts";
import { type Item, planBatch } from "../../../src/hasura/plan.ts";
import type { PortChange } from "../../../src/hasura/plan-port.ts";
import { commandOf } from "../../../src/hasura/write.ts";
import {
  aPort,
  carriedOut,
  changeTo,
  observing,
  owning,
  planOf,
  removalOf,
} from "../../support/ports.ts";

const EMPTY: Metadata = { version: 3, sources: [] };
const one = aPort({ role: "one", table: ["DB", "S", "ONE"] });
const two = aPort({
  role: "two",
  componentId: "urn:dmb:cmp:healthcare:vaccinations:0:other",
  table: ["DB", "S", "TWO"],
  names: { ...one.names, customTableName: "two", select: "two_select" },
});
const THEIRS: Metadata = {
  version: 3,
  sources: [
    {
      name: "theirs",
      kind: "postgres",
      tables: [
        {
          table: { schema: "public", name: "t" },
          select_permissions: [{ role: "theirs", permission: { columns: "*", filter: {} } }],
        },
      ],
    },
  ],
};
const both = carriedOut(EMPTY, changeTo(one), changeTo(two));
const amongTheirs = carriedOut(THEIRS, changeTo(one), changeTo(two));
const goingOne = removalOf(one, owning(desired(one)));
const goingTwo = removalOf(two, owning(desired(two)));

const types = ({ steps }: Item) =>
  steps.flatMap(({ commands }) => commands.map(({ type }) => type));
const withRoles = (metadata: Metadata, roles: Record<string, string[]>): Metadata => ({
  ...metadata,
  inherited_roles: Object.entries(roles).map(([role_name, role_set]) => ({ role_name, role_set })),
});

const brokenSource = (source: string): InconsistentObject => ({
  type: "source",
  name: `source ${source}`,
  reason: "Inconsistent object: connection error",
  source,
  tableKey: undefined,
  role: undefined,
});
const brokenTable = (source: string, table: readonly string[]): InconsistentObject => ({
  type: "table",
  name: `table ${table.join(".")} in source ${source}`,
  reason: "Inconsistent object: no such table/view exists in source",
  source,
  tableKey: tableKey(table),
  role: undefined,
});

describe("a source that several ports of a batch need", () => {
  it("is made once, before them, as an item of its own", () => {
    const { items } = planBatch(observing(EMPTY), [changeTo(one), changeTo(two)]);
    expect(items.map(({ ports }) => ports)).toEqual([["one", "two"], ["one"], ["two"]]);
    expect(items.map(types)).toEqual([
      ["snowflake_add_source"],
      ["snowflake_track_table", "snowflake_create_select_permission"],
      ["snowflake_track_table", "snowflake_create_select_permission"],
    ]);
  });

  it("stands before the first of them, so that a batch can be cut between products", () => {
    const ofAnother = (role: string) =>
      changeTo(
        aPort({
          role,
          componentId: `urn:dmb:cmp:healthcare:cases:0:${role}`,
          source: { ...one.source, name: "cases" },
          table: ["DB", "S", role.toUpperCase()],
          names: { ...one.names, customTableName: role, select: `${role}_select` },
        }),
      );
    const { items } = planBatch(observing(EMPTY), [
      changeTo(one),
      ofAnother("three"),
      changeTo(two),
      ofAnother("four"),
    ]);
    expect(items.map(({ ports }) => ports.join(" "))).toEqual([
      "one two",
      "one",
      "three four",
      "three",
      "two",
      "four",
    ]);
  });

  it("is made although only the source changes, and nothing of the ports", () => {
    const moved = (port: typeof one) => ({
      ...port,
      source: { ...port.source, configuration: { value: {}, template: null, timeout: 60 } },
    });
    const { items } = planBatch(
      observing(both),
      [one, two].map((port) => changeTo(moved(port), owning(desired(port)))),
    );
    expect(items.map(({ ports }) => ports)).toEqual([["one", "two"]]);
  });

  it("is dropped only when a plan has seen it empty, for a drop takes tables with it", () => {
    const { items } = planBatch(observing(both), [goingOne, goingTwo]);
    expect(items.flatMap(types)).not.toContain("snowflake_drop_source");
    const emptied = { ...both, sources: [{ ...(both.sources as object[])[0], tables: [] }] };
    const next = planBatch(observing(emptied), [goingOne, goingTwo]);
    expect(next.items.map(types)).toEqual([["snowflake_drop_source"]]);
    expect(next.items[0]?.ports).toEqual(["one", "two"]);
    expect(carriedOut(both, goingOne, goingTwo)).toEqual(EMPTY);
  });

  it("stays when another port of the batch moves to it", () => {
    const live = carriedOut(EMPTY, changeTo(one));
    const { items } = planBatch(observing(live), [
      goingOne,
      changeTo(two, owning(desired(one)).slice(0, 1)),
    ]);
    expect(items.flatMap(types)).not.toContain("snowflake_drop_source");
  });
});

describe("an inherited role that somebody made over a port's role", () => {
  it("steps aside while the permission is replaced, and is as it was afterwards", () => {
    const roles = { analysts: ["one", "theirs"], chiefs: ["analysts"] };
    const live = withRoles(amongTheirs, roles);
    const change = changeTo({ ...one, columns: ["OTHER"] }, owning(desired(one)));
    const { items } = planBatch(observing(live), [change]);
    expect(items.map(types)).toEqual([
      [
        "drop_inherited_role",
        "drop_inherited_role",
        "snowflake_drop_select_permission",
        "snowflake_create_select_permission",
        "add_inherited_role",
        "add_inherited_role",
      ],
    ]);
    // Those that inherit go before what they inherit from, and come back after it.
    const args = items[0]?.steps.flatMap(({ commands }) => commands.map((each) => each.args));
    expect(args?.[0]).toEqual({ role_name: "chiefs" });
    expect(args?.[5]).toEqual({ role_name: "chiefs", role_set: ["analysts"] });
    expect(carriedOut(live, change).inherited_roles).toEqual(live.inherited_roles);
  });

  it("loses the role of a port that goes, and goes only when nothing is left of it", () => {
    const live = withRoles(amongTheirs, { some: ["one", "theirs"], only: ["one"], over: ["only"] });
    const steps = planOf(live, goingOne).steps.filter(
      ({ object }) => object.kind === "INHERITED_ROLE",
    );
    expect(
      steps.map(({ action, object }) => [action, object.kind === "INHERITED_ROLE" && object.role]),
    ).toEqual([
      ["change", "some"],
      ["remove", "over"],
      ["remove", "only"],
    ]);
    expect(carriedOut(live, goingOne).inherited_roles).toEqual([
      { role_name: "some", role_set: ["theirs"] },
    ]);
  });

  it("is changed by one port at a time", () => {
    const live = withRoles(both, { pair: ["one", "two"] });
    const { items, later } = planBatch(observing(live), [goingOne, goingTwo]);
    expect(items.flatMap(({ ports }) => ports)).toEqual(["one"]);
    expect([...later]).toEqual(["two"]);
    expect(carriedOut(live, goingOne, goingTwo).inherited_roles ?? []).toEqual([]);
  });
});

describe("an inherited role of ours over several ports", () => {
  const live = withRoles(both, { combined: ["one", "two"], theirs: ["combined", "x"] });
  const planFor = (metadata: typeof live, change: PortChange) =>
    planBatch(observing(metadata, [], ["combined"]), [change]).items.flatMap(({ steps }) =>
      steps.flatMap(({ commands }) => commands.map(({ type, args }) => [type, args])),
    );

  it("goes with any of them, before its permission does", () => {
    expect(planFor(live, goingOne).slice(0, 3)).toEqual([
      ["add_inherited_role", { role_name: "theirs", role_set: ["x"] }],
      ["drop_inherited_role", { role_name: "combined" }],
      ["snowflake_drop_select_permission", expect.anything()],
    ]);
  });

  it("goes although the permission is gone already; somebody else's is then left alone", () => {
    const withoutPermissions = JSON.parse(JSON.stringify(both)) as typeof both;
    for (const { tables } of withoutPermissions.sources as { tables: object[] }[])
      for (const table of tables) Object.assign(table, { select_permissions: [] });
    const metadata = withRoles(withoutPermissions, {
      combined: ["one", "two"],
      other: ["one", "two"],
    });
    expect(planFor(metadata, goingOne)[0]).toEqual([
      "drop_inherited_role",
      { role_name: "combined" },
    ]);
  });

  it("stays while one of them changes", () => {
    const change = changeTo({ ...one, columns: ["OTHER"] }, owning(desired(one)));
    expect(planFor(live, change).map(([type]) => type)).toEqual([
      "drop_inherited_role",
      "drop_inherited_role",
      "snowflake_drop_select_permission",
      "snowflake_create_select_permission",
      "add_inherited_role",
      "add_inherited_role",
    ]);
  });
});

describe("what Hasura found inconsistent", () => {
  const source = one.source.name;

  it("is removed by a replace that leaves inconsistencies be, before anything is added", () => {
    const moved = changeTo({ ...one, table: ["DB", "S", "NEW"] }, owning(desired(one)));
    const observed = observing(both, [brokenTable(source, one.table)]);
    const { items, later, purges } = planBatch(observed, [moved, goingTwo]);
    expect(purges).toBe(true);
    expect(items.map(({ ports }) => ports)).toEqual([["one"]]);
    expect([...later]).toEqual(["one", "two"]);
    const command = commandOf("purge", observed.index, items);
    expect(command).toMatchObject({
      type: "replace_metadata",
      args: { allow_inconsistent_metadata: true },
    });
    expect(JSON.stringify(command)).not.toContain('"ONE"');
    expect(JSON.stringify(command)).toContain('"TWO"');
  });

  it("goes with its source where nothing else is in it", () => {
    const live = carriedOut(EMPTY, changeTo(one));
    const { items, purges } = planBatch(observing(live, [brokenSource(source)]), [goingOne]);
    expect(purges).toBe(false);
    expect(items.map(types)).toEqual([["snowflake_drop_source"]]);
  });

  it("is read again before a port of it is changed", () => {
    const change = changeTo({ ...one, columns: ["OTHER"] }, owning(desired(one)));
    for (const broken of [brokenSource(source), brokenTable(source, one.table)]) {
      const { items } = planBatch(observing(both, [broken]), [change]);
      expect(items.map(types)[0]?.[0]).toBe("reload_metadata");
    }
  });

  it("gets a new connection by adding it over itself: what is broken cannot be updated", () => {
    const rotated = { ...one, source: { ...one.source, configuration: { template: "new" } } };
    const { items } = planBatch(observing(both, [brokenSource(source)]), [
      changeTo(rotated, owning(desired(one))),
    ]);
    expect(items[0]?.steps[0]?.commands[0]).toMatchObject({
      type: "snowflake_add_source",
      args: { replace_configuration: true },
    });
  });
});

describe("a batch", () => {
  it("says who agrees already and who is refused, and goes on with the others", () => {
    const theirs = JSON.parse(
      JSON.stringify(carriedOut(EMPTY, changeTo(two))).replaceAll(desired(two).comment, "theirs"),
    );
    const live = carriedOut(theirs, changeTo(one, owning(desired(one)).slice(0, 1)));
    const three = aPort({ ...one, role: "three", table: ["DB", "S", "THREE"] });
    const { items, refused, agreed } = planBatch(observing(live), [
      changeTo(one, owning(desired(one))),
      changeTo(two, owning(desired(two)).slice(0, 1)),
      changeTo(three, owning(desired(one)).slice(0, 1)),
    ]);
    expect([...agreed]).toEqual(["one"]);
    expect([...refused.keys()]).toEqual(["two"]);
    expect(items.map(({ ports }) => ports)).toEqual([["three"]]);
  });
});
