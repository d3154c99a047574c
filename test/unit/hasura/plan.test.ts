import { describe, expect, it } from "vitest";
import { desired } from "../../../src/hasura/desired.ts";
import type { Metadata } from "../../../src/hasura/metadata.ts";
import { planBatch } from "../../../src/hasura/plan.ts";
import { planText } from "../../../src/hasura/plan-text.ts";
import { commandOf } from "../../../src/hasura/write.ts";
import {
  aPort,
  carriedOut,
  changeTo,
  observing,
  owning,
  planOf as plan,
  removalOf,
} from "../../support/ports.ts";

const EMPTY: Metadata = { version: 3, sources: [] };
const port = aPort();
const objects = desired(port);
const MARK = objects.comment;

const LIVE = carriedOut(EMPTY, changeTo(port));

const bulk = (metadata: Metadata, ...changes: Parameters<typeof planBatch>[1]) => {
  const observed = observing(metadata);
  return commandOf("bulk", observed.index, planBatch(observed, changes).items);
};

describe("a plan for a port that is new", () => {
  it("adds the source, the table and the permission, in this order", () => {
    const { steps } = plan(EMPTY, changeTo(port));
    expect(steps.flatMap(({ commands }) => commands.map(({ type }) => type))).toEqual([
      "snowflake_add_source",
      "snowflake_track_table",
      "snowflake_create_select_permission",
    ]);
    expect(steps.every(({ destructive }) => !destructive)).toBe(true);
  });

  it("never sends the stream field, and marks the permission as ours", () => {
    const text = JSON.stringify(bulk(EMPTY, changeTo(port)));
    expect(text).not.toContain("select_stream");
    expect(text).toContain(`"comment":"${MARK}"`);
  });

  it("is one nested bulk, so that all of it holds or none", () => {
    expect(bulk(EMPTY, changeTo(port))).toMatchObject({
      type: "bulk_keep_going",
      args: [{ type: "bulk", args: expect.any(Array) }],
    });
  });

  it("does not add a source that another port of ours brought", () => {
    const other = aPort({ table: ["HEALTHCARE", "VACCINATIONS_0", "OTHER"], role: "other" });
    const source = owning(objects).slice(0, 1);
    const { steps, refusals } = plan(LIVE, changeTo(other, source));
    expect(refusals).toEqual([]);
    expect(steps.map(({ object }) => object.kind)).toEqual(["TABLE", "SELECT_PERMISSION"]);
  });
});

describe("a plan for a port that is there", () => {
  it("is empty when nothing differs, however Hasura spells it", () => {
    expect(plan(LIVE, changeTo(port, owning(objects)))).toEqual({ steps: [], refusals: [] });
  });

  it("recognises its own objects after a lost answer by the mark alone", () => {
    expect(plan(LIVE, changeTo(port, owning(objects, false))).steps).toEqual([]);
  });

  it("renames a root field by replacing the customisation", () => {
    const renamed = aPort({
      names: { ...port.names, select: "healthcare_vaccinations_0_port_list" },
    });
    const { steps } = plan(LIVE, changeTo(renamed, owning(objects)));
    expect(steps).toMatchObject([
      { action: "change", object: { kind: "TABLE" }, destructive: true },
    ]);
    expect(planText(steps)).toContain(
      '- configuration.custom_root_fields.select: "healthcare_vaccinations_0_port_select"',
    );
    expect(planText(steps)).toContain(
      '+ configuration.custom_root_fields.select: "healthcare_vaccinations_0_port_list"',
    );
  });

  it("changes columns by drop and create in the same bulk", () => {
    const wider = aPort({ columns: ["DATE", "LOCATION_KEY", "AGE"] });
    const { steps } = plan(LIVE, changeTo(wider, owning(objects)));
    expect(steps.flatMap(({ commands }) => commands.map(({ type }) => type))).toEqual([
      "snowflake_drop_select_permission",
      "snowflake_create_select_permission",
    ]);
  });

  it("takes no notice of the order of columns", () => {
    const turned = aPort({ columns: ["LOCATION_KEY", "DATE"] });
    expect(plan(LIVE, changeTo(turned, owning(objects))).steps).toEqual([]);
  });

  it("gives up the old view before it takes the new one, so that the same names can move", () => {
    const moved = aPort({ table: ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_BY_AGE_VIEW"] });
    const { steps } = plan(LIVE, changeTo(moved, owning(objects)));
    expect(steps.flatMap(({ commands }) => commands.map(({ type }) => type))).toEqual([
      "snowflake_drop_select_permission",
      "snowflake_untrack_table",
      "snowflake_track_table",
      "snowflake_create_select_permission",
    ]);
  });

  it("undoes somebody's edit of our permission", () => {
    const edited = JSON.parse(JSON.stringify(LIVE).replace('"filter":{}', '"filter":{},"limit":5'));
    const { steps } = plan(edited, changeTo(port, owning(objects)));
    expect(steps).toMatchObject([{ action: "change", object: { kind: "SELECT_PERMISSION" } }]);
  });

  it("brings the connection up to date", () => {
    const rotated = aPort({ source: { ...port.source, configuration: { template: "other" } } });
    const { steps } = plan(LIVE, changeTo(rotated, owning(objects)));
    expect(steps.flatMap(({ commands }) => commands.map(({ type }) => type))).toEqual([
      "snowflake_update_source",
    ]);
  });
});

describe("a plan for a teardown", () => {
  it("removes permission, table and the unused source, and leaves nothing", () => {
    const { steps } = plan(LIVE, removalOf(port, owning(objects)));
    expect(steps.flatMap(({ commands }) => commands.map(({ type }) => type))).toEqual([
      "snowflake_drop_select_permission",
      "snowflake_untrack_table",
      "snowflake_drop_source",
    ]);
    expect(carriedOut(LIVE, removalOf(port, owning(objects)))).toEqual(EMPTY);
  });

  it("is empty when everything is gone already", () => {
    expect(plan(EMPTY, removalOf(port, owning(objects))).steps).toEqual([]);
  });

  it("keeps a source that another port of ours uses", () => {
    const change = {
      ...removalOf(port, owning(objects)),
      sharedSources: new Set([port.source.name]),
    };
    expect(plan(LIVE, change).steps.map(({ object }) => object.kind)).toEqual([
      "SELECT_PERMISSION",
      "TABLE",
    ]);
  });

  it("keeps a source that holds a table of somebody else", () => {
    const theirs = { table: ["HEALTHCARE", "VACCINATIONS_0", "THEIRS"] };
    const shared = structuredClone(LIVE) as { sources: { tables: unknown[] }[] };
    shared.sources[0]?.tables.push(theirs);
    const left = carriedOut(shared as unknown as Metadata, removalOf(port, owning(objects)));
    expect(left).toMatchObject({ sources: [{ tables: [theirs] }] });
  });
});

describe("what is not ours", () => {
  it("is never taken: a source of that name", () => {
    const theirs = {
      ...EMPTY,
      sources: [{ name: port.source.name, kind: "snowflake", tables: [] }],
    };
    const { steps, refusals } = plan(theirs, changeTo(port));
    expect(steps).toEqual([]);
    expect(refusals).toMatchObject([{ path: port.source.name }]);
  });

  it("is never taken: a table that is tracked without our mark, though we had meant to track it", () => {
    const theirs = JSON.parse(JSON.stringify(LIVE).replaceAll(MARK, "theirs"));
    const { steps, refusals } = plan(theirs, changeTo(port, owning(objects, false)));
    expect(steps).toEqual([]);
    expect(refusals.map(({ message }) => message).join()).toContain("not by us");
  });

  it("is never dropped: a permission of theirs keeps our table where it is", () => {
    const live = structuredClone(LIVE) as {
      sources: { tables: { select_permissions: unknown[] }[] }[];
    };
    live.sources[0]?.tables[0]?.select_permissions.push({
      role: "analyst",
      permission: { columns: "*" },
    });
    const { steps, refusals } = plan(live as unknown as Metadata, removalOf(port, owning(objects)));
    expect(steps).toEqual([]);
    expect(refusals[0]?.message).toContain("role analyst");
  });

  it("is never dropped: an object that was only intended and carries no mark", () => {
    const theirs = JSON.parse(JSON.stringify(LIVE).replaceAll(MARK, "theirs"));
    const { steps } = plan(theirs, removalOf(port, owning(objects, false)));
    expect(steps.map(({ object }) => object.kind)).toEqual([]);
  });
});
