import { describe, expect, it } from "vitest";
import {
  accepted,
  type Fixture,
  faults,
  PREFIX,
  PRODUCT_ID,
  read,
  SOURCE_ID,
  STORAGE_ID,
  TARGET_ID,
  TARGET_PATH,
  WORKLOAD_ID,
} from "./descriptor-fixture.ts";

describe("faults in the data product and the port", () => {
  const cases: [string, (parts: Fixture) => void, string][] = [
    [
      "no product id",
      ({ product }) => {
        delete product.id;
      },
      "dataProduct.id",
    ],
    [
      "no product name",
      ({ product }) => {
        product.name = " ";
      },
      "dataProduct.name",
    ],
    [
      "no domain",
      ({ product }) => {
        product.domain = null;
      },
      "dataProduct.domain",
    ],
    [
      "no version",
      ({ product }) => {
        product.version = "";
      },
      "dataProduct.version",
    ],
    [
      "a version without a major",
      ({ product }) => {
        product.version = ".1";
      },
      "dataProduct.version",
    ],
    [
      "a structure for the domain",
      ({ product }) => {
        product.domain = ["a"];
      },
      "dataProduct.domain",
    ],
    [
      "a structure for the environment",
      ({ product }) => {
        product.environment = {};
      },
      "dataProduct.environment",
    ],
    [
      "a control character in a name",
      ({ product }) => {
        product.name = "a\u0000";
      },
      "dataProduct.name",
    ],
    [
      "a very long name",
      ({ product }) => {
        product.name = "a".repeat(256);
      },
      "dataProduct.name",
    ],
    [
      "another kind",
      ({ target }) => {
        target.kind = "storage";
      },
      `${TARGET_PATH}.kind`,
    ],
    [
      "no kind",
      ({ target }) => {
        delete target.kind;
      },
      `${TARGET_PATH}.kind`,
    ],
    [
      "another technology",
      ({ target }) => {
        target.technology = "Snowflake";
      },
      `${TARGET_PATH}.technology`,
    ],
    [
      "another platform",
      ({ target }) => {
        target.platform = "AWS";
      },
      `${TARGET_PATH}.platform`,
    ],
    [
      "neither",
      ({ target }) => {
        target.platform = target.technology = null;
      },
      `${TARGET_PATH}.technology`,
    ],
    [
      "no port name",
      ({ target }) => {
        target.name = null;
      },
      `${TARGET_PATH}.name`,
    ],
    [
      "names that are no object",
      ({ target }) => {
        target.specific = "x";
      },
      `${TARGET_PATH}.specific`,
    ],
    [
      "a contract that is no object",
      ({ target }) => {
        target.dataContract = "x";
      },
      `${TARGET_PATH}.dataContract`,
    ],
  ];
  it.each(cases)("%s is told of at its path", (_, change, path) => {
    expect(faults(change).map((problem) => problem.path)).toEqual([path]);
  });

  it("an id outside Witboost's grammar is refused", () => {
    const id = "urn:dmb:cmp:a b";
    const change = ({ root, target }: Fixture) => {
      root.componentIdToProvision = target.id = id;
    };
    expect(faults(change)).toMatchObject([{ path: `dataProduct.components.${id}.id` }]);
  });

  it("every fault is told at once", () => {
    const problems = faults(({ product, target, specific }) => {
      product.domain = null;
      target.kind = "workload";
      target.dependsOn = [];
      target.dataContract = { schema: [{ name: "" }, { dataType: "TEXT" }] };
      delete specific.select;
      specific.selectByPk = "1x";
    });
    expect(problems.map(({ path }) => path.replace(`${TARGET_PATH}.`, "")).sort()).toEqual([
      "dataContract.schema.0.name",
      "dataContract.schema.1.name",
      "dataProduct.domain",
      "dependsOn",
      "kind",
      "specific.select",
      "specific.selectByPk",
    ]);
  });

  it("thousands of faults are told of in part", () => {
    const problems = faults(({ target }) => {
      target.dataContract = { schema: Array.from({ length: 3000 }, () => ({ name: "" })) };
    });
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)?.message).toContain("2900 more");
  });
});

describe("faults in the names", () => {
  it.each(["customTableName", "select", "selectByPk", "selectAggregate"])(
    "%s is mandatory",
    (field) => {
      for (const value of [undefined, null, ""]) {
        const problems = faults(({ specific }) => {
          specific[field] = value;
        });
        expect(problems).toMatchObject([{ path: `${TARGET_PATH}.specific.${field}` }]);
        expect(problems[0]?.suggestion).toMatch(new RegExp(`^${field}: ${PREFIX}_\\w+$`));
      }
    },
  );

  it("a misspelt field is named", () => {
    const problems = faults(({ specific }) => {
      specific.selectByPK = specific.selectByPk;
      delete specific.selectByPk;
    });
    expect(problems).toMatchObject([{ suggestion: 'rename "selectByPK" to `selectByPk`' }]);
  });

  it("a structure for a name is refused", () => {
    expect(
      faults(({ specific }) => {
        specific.selectStream = ["x"];
      }),
    ).toMatchObject([
      {
        path: `${TARGET_PATH}.specific.selectStream`,
        message: expect.stringContaining("not text"),
      },
    ]);
  });

  it("a broken rule still gives the facts, to be held against the live port", () => {
    const result = read(({ specific }) => {
      specific.select = "old_name";
    });
    expect(result.ok).toBe(false);
    expect(result.target?.names.select).toBe("old_name");
    expect(result.target?.source.id).toBe(SOURCE_ID);
  });

  it("a missing fact still gives the source and the product, for their own faults", () => {
    const result = read(({ specific }) => {
      delete specific.select;
    });
    expect(result).toMatchObject({
      ok: false,
      target: null,
      source: { id: SOURCE_ID },
      dataProduct: { id: PRODUCT_ID },
    });
  });

  it("a missing fact gives none", () => {
    expect(
      read(({ specific }) => {
        delete specific.select;
      }).target,
    ).toBeNull();
  });

  it("names no part of which can stand in GraphQL are told of at the port's name", () => {
    const problems = faults(({ product, target, root }) => {
      product.id = "продукт";
      product.name = "Отправления";
      target.id = root.componentIdToProvision = "port";
    });
    expect(problems).toMatchObject([{ path: "dataProduct.components.port.name" }]);
  });
});

describe("the source among the dependencies", () => {
  const path = `${TARGET_PATH}.dependsOn`;
  const other = "urn:dmb:cmp:finance:ledger:0:view";

  it.each<[string, unknown, string, string | undefined]>([
    ["an empty list", [], "is empty", undefined],
    ["null", null, "is empty", undefined],
    ["an empty text", "", "is empty", undefined],
    ["itself", [TARGET_ID], "depends on itself", undefined],
    ["itself in another case", [TARGET_ID.toUpperCase()], "depends on itself", undefined],
    ["a storage", [STORAGE_ID], '"storage"', SOURCE_ID],
    ["a workload", [WORKLOAD_ID], '"workload"', SOURCE_ID],
    ["another product's", [other], "another data product", SOURCE_ID],
    ["one that is not there", [`${SOURCE_ID}s`], "no component", SOURCE_ID],
    ["a structure", [{ id: SOURCE_ID }], "expected a list", undefined],
    ["an object", { a: 1 }, "expected a list", undefined],
    ["a very long list", Array.from({ length: 51 }, (_, i) => `x${i}`), "more than 50", undefined],
  ])("%s is refused", (_, dependsOn, message, suggestion) => {
    const problems = faults(({ target }) => {
      target.dependsOn = dependsOn;
    });
    expect(problems).toEqual([{ path, message: expect.stringContaining(message), suggestion }]);
  });

  it("an output port of an unsupported technology is refused", () => {
    const problems = faults(({ source }) =>
      Object.assign(source, { technology: "S3", platform: "AWS" }),
    );
    expect(problems).toMatchObject([
      { path, message: expect.stringContaining("supported sources are snowflake") },
    ]);
  });

  it("several supported sources are refused, naming them", () => {
    const second = `${SOURCE_ID}-2`;
    const problems = faults(({ source, target, components }) => {
      components.push({ ...source, id: second });
      target.dependsOn = [SOURCE_ID, second];
    });
    expect(problems).toMatchObject([{ path, suggestion: SOURCE_ID }]);
    expect(problems[0]?.message).toContain(second);
  });

  it("every unfit dependency is told of when there is no source", () => {
    const problems = faults(({ target }) => {
      target.dependsOn = [STORAGE_ID, WORKLOAD_ID, other];
    });
    expect(problems).toHaveLength(3);
  });

  it("storages, workloads and other products' ports may stand beside the source", () => {
    const target = accepted(({ target }) => {
      target.dependsOn = [STORAGE_ID, SOURCE_ID, other, WORKLOAD_ID];
    });
    expect(target.source.id).toBe(SOURCE_ID);
  });

  it("the port itself may not stand beside the source", () => {
    expect(
      faults(({ target }) => {
        target.dependsOn = [SOURCE_ID, TARGET_ID];
      }),
    ).toHaveLength(1);
  });

  it("a source is known by its platform when it names no technology", () => {
    expect(
      accepted(({ source }) => {
        source.technology = null;
      }).source.sourceKind,
    ).toBe("snowflake");
  });
});
