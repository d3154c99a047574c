import { describe, expect, it } from "vitest";
import {
  checkPortNames,
  derivedNames,
  expectedPrefixes,
  grammarFaults,
  normalizeName,
  prefixOf,
  RESERVED_NAMES,
  roleName,
} from "../../../src/domain/names.ts";
import { fixture, PREFIX, PRODUCT_ID, TARGET_ID } from "./descriptor-fixture.ts";

const product = { id: PRODUCT_ID, name: "Shipments", domain: "logistics", major: "1" };
const port = { id: TARGET_ID, name: "Parcel API" };

function prefixes(change: Partial<typeof product> & { port?: string } = {}) {
  const { port: name, ...rest } = change;
  return expectedPrefixes({ ...product, ...rest }, { ...port, name: name ?? port.name });
}

describe("the prefix of a port's names", () => {
  it.each([
    ["public-health", "publichealth"],
    ["My-Port", "myport"],
    ["Vaccinations (EU)", "vaccinationseu"],
    ["v1.2 port", "v12port"],
    ["Santé", "sant"],
    ["a_b", "a_b"],
    ["\u212Aelvin", "elvin"],
    ["продукт", ""],
  ])("%j becomes %j", (text, expected) => {
    expect(normalizeName(text)).toBe(expected);
  });

  it("is one when names and ids agree", () => {
    expect(prefixes()).toEqual([{ prefix: PREFIX, from: "name" }]);
  });

  it("is made of the names or of the ids, and says which", () => {
    expect(prefixes({ name: "Deliveries", port: "Boxes" })).toEqual([
      { prefix: "logistics_deliveries_1_boxes", from: "name" },
      { prefix: "logistics_shipments_1_boxes", from: "id" },
      { prefix: "logistics_shipments_1_parcelapi", from: "id" },
    ]);
  });

  it.each([
    ["domain:logistics", "logistics_shipments_1_parcelapi"],
    ["urn:dmb:dmn:logistics", "logistics_shipments_1_parcelapi"],
    ["3pl", "_3pl_shipments_1_parcelapi"],
    ["__x", "_x_shipments_1_parcelapi"],
  ])("domain %j gives %j", (domain, expected) => {
    expect(prefixes({ domain })[0]?.prefix).toBe(expected);
  });

  it("is read from the older form of a product's id too", () => {
    expect(prefixes({ id: "system:default/sales.orders.2" })).toContainEqual({
      prefix: "sales_orders_2_parcelapi",
      from: "id",
    });
  });

  it("is not made of names that leave nothing", () => {
    const nothing = expectedPrefixes(
      { ...product, id: "x", name: "продукт" },
      { id: "y", name: "z" },
    );
    expect(nothing).toEqual([]);
  });

  it.each([PREFIX, `${PREFIX}_`, `${PREFIX.toUpperCase()}_x`, `x${PREFIX}_x`, `${PREFIX}x`])(
    "is not carried by %j",
    (name) => {
      expect(prefixOf(name, prefixes())).toBeNull();
    },
  );
});

describe("GraphQL's grammar", () => {
  it.each([
    "a-b",
    "é",
    "1a",
    "",
    "a b",
    "a.b",
    "a\n",
    "ａ",
    "__typename",
    ...RESERVED_NAMES,
    "a".repeat(129),
  ])("refuses %j", (name) => {
    expect(grammarFaults(name)).not.toEqual([]);
  });

  it.each(["a", "_", "_3pl", "A_1", "a".repeat(128)])("allows %j", (name) => {
    expect(grammarFaults(name)).toEqual([]);
  });
});

describe("the names of one port", () => {
  const good = {
    customTableName: `${PREFIX}_t`,
    select: `${PREFIX}_s`,
    selectByPk: `${PREFIX}_p`,
    selectAggregate: `${PREFIX}_a`,
    selectStream: null,
  };
  const check = (names: Partial<Record<keyof typeof good, string>>, wanted = prefixes()) =>
    checkPortNames({ ...good, ...names }, { path: "p", prefixes: wanted });

  it("have no fault when each carries the prefix and a word of its own", () => {
    expect(check({})).toEqual([]);
    expect(check({ select: `${PREFIX}_Upper` })).toEqual([]);
  });

  it.each([
    [`${PREFIX}_par-cels`, `${PREFIX}_par_cels`],
    [`${PREFIX}_é`, `${PREFIX}_select`],
    [`${PREFIX.toUpperCase()}_ROWS`, `${PREFIX}_rows`],
    [`logistics_ship-ments_1_parcel-api_rows`, `${PREFIX}_rows`],
    ["9rows", `${PREFIX}_9rows`],
    ["rows", `${PREFIX}_rows`],
    ["other_product_1_port_select", `${PREFIX}_select`],
    [PREFIX, `${PREFIX}_select`],
    [`${PREFIX}_`, `${PREFIX}_select`],
    ["__typename", `${PREFIX}_typename`],
    ["node", `${PREFIX}_node`],
    [`${PREFIX}_${"x".repeat(200)}`, `${PREFIX}_${"x".repeat(127 - PREFIX.length)}`],
  ])("select %j is refused for %j", (select, suggestion) => {
    expect(check({ select })).toEqual([
      { path: "p.select", message: expect.any(String), suggestion },
    ]);
  });

  it("says every rule that a name breaks, with the prefixes it may carry", () => {
    const [problem] = check({ select: "é-" }, prefixes({ name: "Deliveries" }));
    expect(problem?.message).toContain("letters");
    expect(problem?.message).toContain("`logistics_deliveries_1_parcelapi_` (by the name)");
    expect(problem?.message).toContain(`\`${PREFIX}_\` (by the id)`);
  });

  it("must differ among the root fields; both twins are told, with names apart", () => {
    const problems = check({ selectByPk: good.select, selectStream: good.select });
    expect(problems.map(({ path }) => path)).toEqual([
      "p.select",
      "p.selectByPk",
      "p.selectStream",
    ]);
    expect(problems[0]?.message).toContain("`selectByPk`, `selectStream`");
    expect(new Set(problems.map(({ suggestion }) => suggestion)).size).toBe(3);
  });

  it("are suggested apart when two names would be mended to the same", () => {
    const problems = check({ select: "rows", selectByPk: "rows!" });
    expect(problems.map(({ suggestion }) => suggestion)).toEqual([
      `${PREFIX}_rows`,
      `${PREFIX}_select_by_pk`,
    ]);
  });

  it("may give the type the name of a root field", () => {
    expect(check({ customTableName: good.select })).toEqual([]);
  });

  it("follow the prefix that the port's other names carry when one is missing it", () => {
    const wanted = prefixes({ name: "Deliveries" });
    expect(check({ select: "rows" }, wanted)[0]?.suggestion).toBe(`${PREFIX}_rows`);
  });

  it("have no suggestion when the prefix leaves no room", () => {
    const long = [{ prefix: "x".repeat(128), from: "name" as const }];
    expect(check({}, long)[0]?.suggestion).toBeUndefined();
  });

  it("are judged by grammar alone when the prefix is not known", () => {
    expect(check({ select: "rows" }, [])).toEqual([]);
    expect(check({ select: "ro-ws" }, [])).toHaveLength(1);
  });
});

describe("the names Hasura makes of a port's", () => {
  const names = { ...fixture().specific } as unknown as Parameters<typeof derivedNames>[0];
  const derived = derivedNames(names);
  const table = names.customTableName;
  const find = (namespace: string, name: string) =>
    derived.find((entry) => entry.namespace === namespace && entry.name === name)?.purpose;

  it("hold the fields asked for and the defaults of the custom name", () => {
    expect(find("ROOT_FIELD", names.select)).toBe("select");
    expect(find("ROOT_FIELD", names.selectAggregate)).toBe("selectAggregate");
    expect(find("ROOT_FIELD", names.selectStream ?? "")).toBe("selectStream");
    for (const ending of ["", "_aggregate"])
      expect(find("ROOT_FIELD", table + ending)).toBe("derived");
  });

  it("give a name that is both asked for and a default the purpose it is asked for", () => {
    expect(names.selectByPk).toBe(`${table}_by_pk`);
    expect(find("ROOT_FIELD", names.selectByPk)).toBe("selectByPk");
  });

  it.each([
    "_bool_exp",
    "_order_by",
    "_aggregate",
    "_aggregate_fields",
    "_aggregate_bool_exp",
    "_select_column",
    "_stream_cursor_input",
    "_stream_cursor_value_input",
    "_avg_fields",
    "_sum_fields",
    "_max_fields",
    "_min_fields",
    "_stddev_fields",
    "_stddev_pop_fields",
    "_stddev_samp_fields",
    "_var_pop_fields",
    "_var_samp_fields",
    "_variance_fields",
  ])("hold the type %s", (ending) => {
    expect(find("TYPE", table + ending)).toBe("derived");
  });

  it("keep types and root fields apart, and each name once", () => {
    expect(find("TYPE", table)).toBe("customTableName");
    expect(find("TYPE", names.select)).toBeUndefined();
    expect(find("ROOT_FIELD", `${table}_bool_exp`)).toBeUndefined();
    expect(new Set(derived.map(({ namespace, name }) => `${namespace} ${name}`)).size).toBe(
      derived.length,
    );
  });

  it("hold nothing for a stream that is not asked for but the default", () => {
    const without = derivedNames({ ...names, selectStream: null });
    expect(without.filter(({ purpose }) => purpose === "selectStream")).toEqual([]);
  });
});

describe("the role of a port", () => {
  const identity = {
    environment: "development",
    componentId: TARGET_ID,
    name: port.name,
    dataProduct: product,
  };

  it("is readable and ends in eight hex digits of its identity", () => {
    expect(roleName(identity)).toMatch(new RegExp(`^${PREFIX}_role_[0-9a-f]{8}$`));
  });

  it("is the same however the identity is spelt", () => {
    const spelt = {
      ...identity,
      environment: " DEVELOPMENT ",
      componentId: TARGET_ID.toUpperCase(),
    };
    expect(roleName(spelt)).toMatch(new RegExp(roleName(identity).slice(-8)));
  });

  it("differs by environment, by component and by attempt", () => {
    const roles = [
      roleName(identity),
      roleName({ ...identity, environment: "production" }),
      roleName({ ...identity, componentId: `${TARGET_ID}2` }),
      roleName(identity, 1),
      roleName(identity, 2),
    ];
    expect(new Set(roles).size).toBe(roles.length);
  });

  it.each([
    { ...identity, name: "x".repeat(300) },
    {
      ...identity,
      componentId: "admin",
      name: "админ",
      dataProduct: { ...product, id: "x", name: "ы" },
    },
    { ...identity, dataProduct: { ...product, domain: "3pl" } },
  ])("is a GraphQL name and never admin", (odd) => {
    expect(grammarFaults(roleName(odd))).toEqual([]);
    expect(roleName(odd)).not.toBe("admin");
  });
});
