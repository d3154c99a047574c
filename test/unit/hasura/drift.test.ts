import { describe, expect, it } from "vitest";
import { desired } from "../../../src/hasura/desired.ts";
import type { AppliedPort, Difference, OwnThings } from "../../../src/hasura/difference.ts";
import { findDifferences } from "../../../src/hasura/drift.ts";
import { readInconsistencies } from "../../../src/hasura/inconsistencies.ts";
import type { Metadata } from "../../../src/hasura/metadata.ts";
import { placeOf } from "../../../src/sources/sources.ts";
import { aPort, carriedOut, changeTo, observing } from "../../support/ports.ts";

const PORT_ID = "01920000-0000-7000-8000-000000000001";
const URL = "jdbc:snowflake://acme.snowflakecomputing.com/?db=HEALTHCARE";
const port = aPort({
  source: {
    name: "ours",
    kind: "snowflake",
    configuration: {
      value: {},
      template: `{"fully_qualify_all_names": true, "jdbc_url": "${URL}&user={{getEnvironmentVariable("U")}}"}`,
      timeout: null,
    },
  },
});
const applied: AppliedPort = {
  id: PORT_ID,
  environment: port.environment,
  componentId: port.componentId,
  objects: desired(port),
};
const LIVE = carriedOut({ version: 3, sources: [] }, changeTo(port));
const NOTHING: OwnThings = {
  sources: new Map([["ours", { environment: "development" }]]),
  combinedRoles: new Map(),
  unsettledMarks: new Set(),
};

type Table = { configuration: Record<string, unknown>; select_permissions: object[] } & Record<
  string,
  unknown
>;
type Source = { name: string; configuration: object; tables: Table[] };

/** The live metadata after somebody's edit. */
function edited(
  edit: (source: Source, table: Table, all: { sources: object[] }) => void,
): Metadata {
  const copy = structuredClone(LIVE) as unknown as { sources: Source[] };
  const source = copy.sources[0] as Source;
  edit(source, source.tables[0] as Table, copy);
  return copy as unknown as Metadata;
}

function differences(
  metadata: Metadata,
  options: { inconsistent?: unknown[]; own?: Partial<OwnThings>; ports?: AppliedPort[] } = {},
): Difference[] {
  const { inconsistent = [], own = {}, ports = [applied] } = options;
  const observed = observing(metadata, readInconsistencies(inconsistent));
  return findDifferences(observed, ports, { ...NOTHING, ...own }, placeOf);
}

const told = (found: Difference[]) => found.map(({ kind, message }) => `${kind} ${message}`);

describe("a Hasura that is as it was applied", () => {
  it("has no differences, whatever else is in it", () => {
    expect(differences(LIVE)).toEqual([]);
    const more = edited((_source, _table, all) => {
      all.sources.push({ name: "theirs", kind: "postgres", tables: [{ table: "x" }] });
    });
    expect(differences(more)).toEqual([]);
  });
});

describe("what is missing", () => {
  it("is told of once for a source, and not again for what was in it", () => {
    const other = { ...applied, id: PORT_ID.replace(/1$/, "2") };
    const found = differences({ version: 3, sources: [] }, { ports: [applied, other] });
    expect(told(found)).toEqual(["MISSING is not in Hasura any more"]);
    expect(found[0]).toMatchObject({ object: "SOURCE", portId: null, environment: "development" });
  });

  it("is told of for a table, and for a permission on a table that is there", () => {
    const untracked = edited((source) => {
      source.tables = [];
    });
    expect(told(differences(untracked)).filter((text) => text.startsWith("MISSING"))).toEqual([
      "MISSING is not tracked any more",
    ]);
    const closed = edited((_source, table) => {
      table.select_permissions = [];
    });
    expect(told(differences(closed))).toEqual([
      "MISSING is not there any more: granted consumers get nothing",
    ]);
  });
});

describe("what was changed", () => {
  it("is told with what it is to be and what it is", () => {
    const renamed = edited((_source, table) => {
      table.configuration = { custom_name: "other" };
    });
    const [found] = differences(renamed);
    expect(found).toMatchObject({
      kind: "CHANGED",
      portId: PORT_ID,
      expected: { custom_name: port.names.customTableName },
      actual: { custom_name: "other" },
      repairable: true,
    });
  });

  it("never shows a connection, which can hold credentials", () => {
    const rotated = edited((source) => {
      source.configuration = { template: "password=hunter2" };
    });
    const found = differences(rotated);
    expect(told(found)).toEqual(["CHANGED has another connection than was applied"]);
    expect(JSON.stringify(found)).not.toContain("hunter2");
  });

  it("is told of for a permission that lets see something else, and for one that lost its mark", () => {
    const wider = edited((_source, table) => {
      table.select_permissions = [
        { ...table.select_permissions[0], permission: { columns: "*", filter: {} } },
      ];
    });
    expect(told(differences(wider))).toEqual([
      "CHANGED lets its role see something else than was applied",
    ]);
    const unmarked = edited((_source, table) => {
      table.select_permissions = [{ ...table.select_permissions[0], comment: "mine" }];
    });
    expect(told(differences(unmarked))).toEqual([
      "CHANGED has lost the comment that marks it as ours",
    ]);
  });
});

describe("what others hung on our objects", () => {
  it("is a foreign edit where it reaches no data", () => {
    const found = differences(
      edited((_source, table) => {
        table.configuration = { ...table.configuration, comment: "nice" };
        table.array_relationships = [{ name: "r" }];
      }),
    );
    expect(told(found)).toEqual([
      "FOREIGN_EDIT carries customisation that is not ours",
      "FOREIGN_EDIT carries array relationships that are not ours",
    ]);
    expect(found.map(({ repairable }) => repairable)).toEqual([true, false]);
  });

  it("is an exposure where it does: a permission of any kind", () => {
    const found = differences(
      edited((_source, table) => {
        table.select_permissions.push({ role: "analyst", permission: { columns: "*" } });
        table.insert_permissions = [{ role: "loader", permission: {} }];
      }),
    );
    expect(told(found)).toEqual([
      "EXPOSURE the role analyst reads it, by a permission that is not ours",
      "EXPOSURE the role loader inserts into it, by a permission that is not ours",
    ]);
    expect(found.every(({ repairable }) => !repairable)).toBe(true);
    expect(new Set(found.map(({ key }) => key)).size).toBe(2);
  });

  it("is an exposure: a role that inherits from ours, directly or not, unless it is ours too", () => {
    const roles = [
      { role_name: "a", role_set: [port.role, "x"] },
      { role_name: "b", role_set: ["a"] },
      { role_name: "c", role_set: ["x"] },
    ];
    const metadata = { ...LIVE, inherited_roles: roles };
    expect(differences(metadata).map(({ name }) => name)).toEqual([
      "inherited role b",
      "inherited role a",
    ]);
    const ours = { environment: "development", parents: [port.role, "x"], settled: true };
    const own = { combinedRoles: new Map([["a", ours]]) };
    expect(differences(metadata, { own }).map(({ name }) => name)).toEqual(["inherited role b"]);
  });

  it("a role of ours over several ports that is gone or is over others, once it is settled", () => {
    const ours = { environment: "development", parents: [port.role, "y"], settled: true };
    const found = (settled: boolean, roles: object[]) =>
      differences(
        { ...LIVE, inherited_roles: roles },
        { own: { combinedRoles: new Map([["both", { ...ours, settled }]]) } },
      ).map(({ kind, name, repairable, environment }) => ({ kind, name, repairable, environment }));
    const told = { name: "inherited role both", repairable: true, environment: "development" };
    expect(found(true, [])).toEqual([{ kind: "MISSING", ...told }]);
    const wider = [{ role_name: "both", role_set: ["y", port.role, "z"] }];
    expect(found(true, wider)).toEqual([{ kind: "CHANGED", ...told }]);
    expect(found(true, [{ role_name: "both", role_set: ["y", port.role] }])).toEqual([]);
    expect(found(false, wider)).toEqual([]);
    expect(found(false, [])).toEqual([]);
  });

  it.each([
    [
      "fully qualified",
      { value: { jdbc_url: `${URL}&schema=X` } },
      ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"],
    ],
    ["by its schema", { jdbc_url: `${URL}&schema=VACCINATIONS_0` }, ["VACCINATIONS_CLEAN_VIEW"]],
    [
      "folded by Snowflake",
      { jdbc_url: `${URL.toLowerCase()}&schema=vaccinations_0` },
      ["VACCINATIONS_CLEAN_VIEW"],
    ],
    [
      "in the template",
      { template: `{"jdbc_url": "${URL}&password={{$env['P']}}&schema=S"}` },
      ["VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"],
    ],
  ])("is an exposure: the same view tracked again, %s", (_how, configuration, table) => {
    const again = edited((_source, _table, all) => {
      all.sources.push({
        ...{ name: "theirs", kind: "snowflake", configuration },
        tables: [{ table, select_permissions: [{ role: "analyst", permission: {} }] }],
      });
    });
    const [found, ...more] = differences(again);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ kind: "EXPOSURE", portId: PORT_ID, source: "theirs" });
    expect(found?.message).toContain("for the role(s) analyst");
  });

  it.each([
    ["another view", { jdbc_url: `${URL}&schema=VACCINATIONS_0` }, ["OTHER"]],
    [
      "another account",
      { jdbc_url: URL.replace("acme", "other") },
      ["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"],
    ],
    ["a place nobody can tell", { template: "{{$vars['url']}}" }, ["VACCINATIONS_CLEAN_VIEW"]],
  ])("is none: %s", (_what, configuration, table) => {
    const other = edited((_source, _table, all) => {
      all.sources.push({ name: "theirs", kind: "snowflake", configuration, tables: [{ table }] });
    });
    expect(differences(other)).toEqual([]);
  });
});

describe("what does not work in Hasura", () => {
  const reason = "Inconsistent object: no such table/view exists";
  const table = applied.objects.table;

  it("is told of for our table, our permission and our source, and for nobody else's", () => {
    const records = [
      { type: "table", definition: table, name: `table ${table.join(".")} in source ours`, reason },
      {
        type: "select_permission",
        name: "select_permission",
        reason,
        definition: { source: "ours", table, role: port.role },
      },
      { type: "source", definition: "ours", name: "source ours", reason },
      { type: "source", definition: "theirs", name: "source theirs", reason },
      { reason: "Ambiguous URL paths", conflicts: [] },
    ];
    const found = differences(LIVE, { inconsistent: records });
    expect(found.map(({ kind, object }) => `${kind} ${object}`)).toEqual([
      "INCONSISTENT TABLE",
      "INCONSISTENT SELECT_PERMISSION",
      "INCONSISTENT SOURCE",
    ]);
    expect(found[0]?.message).toContain("no such table/view exists");
  });
});

describe("what is left behind", () => {
  const gone = { ports: [] };

  it("is told of by its mark, unless its port is on its way", () => {
    const [found] = differences(LIVE, gone);
    expect(found).toMatchObject({ kind: "ORPHAN", environment: port.environment });
    expect(found?.message).toContain(port.componentId);
    const own = { unsettledMarks: new Set([applied.objects.comment]) };
    expect(differences(LIVE, { ...gone, own })).toEqual([]);
  });

  it("is told of for a source of ours that holds nothing, and not for one of others", () => {
    const empty = {
      version: 3,
      sources: [{ name: "ours", kind: "snowflake" }, { name: "theirs" }],
    };
    expect(differences(empty, gone).map(({ name }) => name)).toEqual(["source ours"]);
  });
});
