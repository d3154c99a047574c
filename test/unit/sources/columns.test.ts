import { describe, expect, it } from "vitest";
import { matchColumns } from "../../../src/sources/columns.ts";

function contract(...names: string[]) {
  return names.map((name) => ({ name, dataType: "TEXT", constraint: null }));
}

function found(...names: string[]) {
  return names.map((name) => ({ name, type: "TEXT", nullable: true }));
}

describe("matchColumns", () => {
  it("exposes every column when there is no contract", () => {
    expect(matchColumns(null, found("A", "B"))).toEqual({ ok: true, columns: "*", warnings: [] });
  });

  it("exposes every column and says so when the contract lists none", () => {
    expect(matchColumns([], found("A"))).toEqual({
      ok: true,
      columns: "*",
      warnings: [expect.stringContaining("lists no columns")],
    });
  });

  it("takes the relation's spelling in the contract's order, exact matches first", () => {
    expect(matchColumns(contract("b", "A", "c"), found("A", "a", "B", "c", "D"))).toEqual({
      ok: true,
      columns: ["B", "A", "c"],
      warnings: [expect.stringContaining("b was matched to B")],
    });
  });

  it("says nothing when every column is spelt as the relation has it", () => {
    expect(matchColumns(contract("A", "b"), found("b", "A"))).toEqual({
      ok: true,
      columns: ["A", "b"],
      warnings: [],
    });
  });

  it("names the contract's column and the relation's nearest when there is no match", () => {
    expect(matchColumns(contract("locaton_key", "DATE"), found("LOCATION_KEY", "DATE"))).toEqual({
      ok: false,
      problems: [
        {
          path: "dataContract.schema.locaton_key",
          message:
            "The data contract has the column locaton_key, which the relation does not have; nearest is LOCATION_KEY",
          suggestion: "LOCATION_KEY",
        },
      ],
    });
  });

  it("lists what the relation has when nothing is near, shortened when that is much", () => {
    const many = Array.from({ length: 25 }, (_, at) => `COLUMN_${at}`);
    const matched = matchColumns(contract("zzz"), found(...many));
    expect(matched).toMatchObject({
      ok: false,
      problems: [
        { suggestion: expect.stringMatching(/^the relation has COLUMN_0, .* and 5 more$/) },
      ],
    });
  });

  it("refuses a column that several of the relation's differ from in case only", () => {
    expect(matchColumns(contract("Name"), found("NAME", "name"))).toMatchObject({
      ok: false,
      problems: [{ path: "dataContract.schema.Name", suggestion: "NAME or name" }],
    });
  });

  it("refuses a contract that lists one column twice under two spellings", () => {
    expect(matchColumns(contract("date", "DATE"), found("DATE"))).toMatchObject({
      ok: false,
      problems: [{ path: "dataContract.schema.DATE", suggestion: "remove one of them" }],
    });
  });

  it("tells of every fault at once", () => {
    const matched = matchColumns(contract("x", "A", "y"), found("A"));
    expect(matched.ok ? [] : matched.problems.map(({ path }) => path)).toEqual([
      "dataContract.schema.x",
      "dataContract.schema.y",
    ]);
  });
});
