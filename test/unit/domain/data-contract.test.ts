import { describe, expect, it } from "vitest";
import { readColumns } from "../../../src/domain/data-contract.ts";
import type { Problem } from "../../../src/errors.ts";

function read(dataContract: unknown) {
  const problems: Problem[] = [];
  const columns = readColumns({ dataContract }, "p", problems);
  return { columns, problems };
}

describe("no contract", () => {
  it.each([
    undefined,
    null,
    {},
    [],
    { schema: [] },
    { schema: {} },
    { schema: null },
    { SLA: null },
    { apiVersion: "v3.0.0", kind: "DataContract", schema: [] },
    { schema: [{ name: "t", properties: [] }] },
  ])("%j", (contract) => {
    expect(read(contract)).toEqual({ columns: null, problems: [] });
  });
});

describe("OpenMetadata columns", () => {
  it("are read in order, whatever else they carry", () => {
    const schema = [
      { name: "id", dataType: "VARCHAR", dataLength: 12, constraint: "PRIMARY_KEY", tags: null },
      {
        name: "tags",
        dataType: "ARRAY",
        arrayDataType: "TEXT",
        constraint: null,
        children: [{ name: "id" }],
      },
      { name: 2024 },
      { name: "Prénom de l'élève", dataType: " TEXT\u0000 ", constraint: {} },
    ];
    expect(read({ schema })).toEqual({
      problems: [],
      columns: [
        { name: "id", dataType: "VARCHAR", constraint: "PRIMARY_KEY" },
        { name: "tags", dataType: "ARRAY", constraint: null },
        { name: "2024", dataType: null, constraint: null },
        { name: "Prénom de l'élève", dataType: "TEXT", constraint: null },
      ],
    });
  });

  it.each([
    [undefined],
    [null],
    [""],
    ["  "],
    [["a"]],
    ["a\u0000"],
    ["a\tb"],
    ["a\u200b"],
    ["x".repeat(256)],
  ])("the name %j is refused at its place", (name) => {
    expect(read({ schema: [{ name: "ok" }, { name }] })).toMatchObject({
      columns: "unreadable",
      problems: [{ path: "p.dataContract.schema.1.name" }],
    });
  });

  it("255 characters are enough for a name", () => {
    expect(read({ schema: [{ name: "x".repeat(255) }] }).problems).toEqual([]);
  });

  it("a column that stands twice, in whatever case, is told of at each repeat", () => {
    const { columns, problems } = read({
      schema: [{ name: "Id" }, { name: "b" }, { name: "iD" }, { name: "ID" }],
    });
    expect(problems.map(({ path }) => path)).toEqual([
      "p.dataContract.schema.2.name",
      "p.dataContract.schema.3.name",
    ]);
    expect(columns).toHaveLength(4);
  });

  it.each([
    "text",
    7,
    ["a"],
    { schema: "text" },
    { schema: ["name"] },
    { schema: [null] },
    { schema: { a: 1 } },
  ])("a contract %j is refused", (contract) => {
    const { columns, problems } = read(contract);
    expect(columns).toBe("unreadable");
    expect(problems).toHaveLength(1);
  });
});

describe("an ODCS contract", () => {
  const table = (name: string, properties: unknown) => ({
    name,
    physicalType: "table",
    properties,
  });

  it("gives the properties of its one table", () => {
    const contract = {
      apiVersion: "v3.0.2",
      kind: "DataContract",
      schema: [
        table("parcels", [
          {
            name: "id",
            logicalType: "string",
            physicalType: "VARCHAR(12)",
            primaryKey: true,
            required: true,
          },
          { name: "code", logicalType: "string", unique: true },
          { name: "day", logicalType: "date", required: true },
          { name: "note" },
        ]),
      ],
    };
    expect(read(contract)).toEqual({
      problems: [],
      columns: [
        { name: "id", dataType: "VARCHAR(12)", constraint: "PRIMARY_KEY" },
        { name: "code", dataType: "string", constraint: "UNIQUE" },
        { name: "day", dataType: "date", constraint: "NOT_NULL" },
        { name: "note", dataType: null, constraint: null },
      ],
    });
  });

  it("of several tables is refused, naming them", () => {
    const { columns, problems } = read({ schema: [table("a", []), table("b", [{ name: "x" }])] });
    expect(columns).toBe("unreadable");
    expect(problems).toMatchObject([
      { path: "p.dataContract.schema", message: expect.stringContaining('("a", "b")') },
    ]);
  });

  it("tells of a nameless property at its place", () => {
    expect(read({ schema: [table("a", [{ name: "x" }, {}])] }).problems).toMatchObject([
      { path: "p.dataContract.schema.0.properties.1.name" },
    ]);
  });

  it.each([["text"], [["x"]], [{ a: 1 }]])("with properties %j is refused", (properties) => {
    const contract = { kind: "DataContract", schema: [table("a", properties)] };
    expect(read(contract).problems).toMatchObject([{ path: "p.dataContract.schema.0.properties" }]);
  });
});
