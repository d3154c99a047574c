import { describe, expect, it } from "vitest";
import { portSpec, readDescriptor } from "../../../src/domain/descriptor.ts";
import { portSpecSchema } from "../../../src/domain/output-port.ts";
import {
  accepted,
  descriptorText,
  type Fixture,
  faults,
  fixture,
  PREFIX,
  PRODUCT_ID,
  SOURCE_ID,
  TARGET_ID,
  TARGET_PATH,
} from "./descriptor-fixture.ts";

describe("a well-formed descriptor", () => {
  it("gives the data product, the port, its names, its columns and its source", () => {
    const target = accepted();
    expect(target).toMatchObject({
      dataProduct: {
        id: PRODUCT_ID,
        name: "Shipments",
        domain: "logistics",
        version: "1.2.0",
        major: "1",
        environment: "development",
      },
      id: TARGET_ID,
      path: TARGET_PATH,
      name: "Parcel API",
      description: "Parcels by day",
      names: fixture().target.specific,
      namePrefix: { prefix: PREFIX, from: "name" },
      columns: [
        { name: "parcel_id", dataType: "TEXT", constraint: "PRIMARY_KEY" },
        { name: "day", dataType: "DATE", constraint: null },
      ],
      source: {
        id: SOURCE_ID,
        path: `dataProduct.components.${SOURCE_ID}`,
        sourceKind: "snowflake",
        technology: "Snowflake",
        record: fixture().source,
      },
    });
  });

  it("gives the same facts as JSON, with CRLF, with a byte order mark, and without a kind", () => {
    const expected = accepted();
    const text = descriptorText();
    for (const descriptor of [
      JSON.stringify(fixture().root),
      JSON.stringify(fixture().root, null, "\t"),
      text.replaceAll("\n", "\r\n"),
      `\ufeff${text}`,
      `---\n${text}...\n`,
    ]) {
      expect(readDescriptor({ descriptor })).toEqual({ ok: true, target: expected });
    }
  });

  it("gives facts that a revision can keep", () => {
    const source = {
      componentId: SOURCE_ID,
      kind: "snowflake" as const,
      database: "LOGISTICS",
      schema: "SHIPMENTS_1",
      relation: "PARCELS",
    };
    const spec = portSpec(accepted(), source);
    expect(portSpecSchema.parse(spec)).toEqual(spec);
    expect(spec).toMatchObject({ componentId: TARGET_ID, environment: "development", source });
  });
});

describe("what strict parsers choke on is read", () => {
  const same = accepted();
  const tolerated: [string, (parts: Fixture) => void][] = [
    [
      "null where text or lists are usual",
      ({ product, target }) => {
        Object.assign(product, {
          fullyQualifiedName: null,
          description: null,
          tags: null,
          specific: null,
        });
        Object.assign(target, {
          fullyQualifiedName: null,
          tags: null,
          startDate: null,
          creationDate: "",
        });
      },
    ],
    [
      "objects for lists and lists for objects",
      ({ product, target, workload }) => {
        Object.assign(product, { tags: {}, billing: [] });
        Object.assign(target, { tags: {}, sampleData: [], semanticLinking: {} });
        Object.assign(workload, { components: {}, specific: [], dependsOn: {} });
      },
    ],
    [
      "a number for the version",
      ({ product, root }) => {
        product.version = 1.2;
        root.extra = 1;
      },
    ],
    [
      "a scalar in dependsOn",
      ({ target }) => {
        target.dependsOn = SOURCE_ID;
      },
    ],
    [
      "dependsOn twice the same",
      ({ target }) => {
        target.dependsOn = [SOURCE_ID, SOURCE_ID];
      },
    ],
    [
      "dependsOn in another case",
      ({ target }) => {
        target.dependsOn = [SOURCE_ID.toUpperCase()];
      },
    ],
    [
      "a mixed-case kind and technology",
      ({ target, source }) => {
        Object.assign(target, { kind: "outputPort", technology: "HASURA", platform: null });
        Object.assign(source, { kind: "OutputPort", technology: "SNOWFLAKE" });
      },
    ],
    [
      "unknown keys at every level",
      ({ root, product, target, specific }) => {
        root.more = [1, { two: 2 }];
        product.__dataContractEnabled = true;
        Object.assign(target, { info: { publicInfo: {}, privateInfo: {} } });
        specific.other = { deep: [] };
      },
    ],
    [
      "components of any shape beside it",
      ({ components }) => {
        components.unshift(
          null,
          "text",
          7,
          [],
          {},
          { id: null },
          { id: {} },
          { kind: "observability", name: 3 },
          { id: "Ünï cödé", kind: ["x"], components: "none" },
        );
      },
    ],
    [
      "a date, as text",
      ({ target }) => {
        target.creationDate = "05-04-2022T16:53:00.000Z";
      },
    ],
    [
      "a target id in another case",
      ({ root }) => {
        root.componentIdToProvision = TARGET_ID.toUpperCase();
      },
    ],
  ];
  it.each(tolerated)("%s", (_, change) => {
    const { names, columns, source, id } = accepted(change);
    expect({ names, columns, id, source: source.id }).toEqual({
      names: same.names,
      columns: same.columns,
      id: same.id,
      source: same.source.id,
    });
  });

  it("a plain version keeps its text: 1.10 is no 1.1", () => {
    const text = descriptorText().replace(/version: .*/, "version: 1.10");
    const result = readDescriptor({ descriptor: text });
    expect(result.ok && result.target.dataProduct.version).toBe("1.10");
  });

  it.each([undefined, null, "", "  "])("environment %j is `default`", (environment) => {
    expect(
      accepted(({ product }) => {
        product.environment = environment;
      }).dataProduct.environment,
    ).toBe("default");
  });

  it("a name in any script, with the prefix of the ids", () => {
    const target = accepted(({ product }) => {
      product.name = "Отправления";
    });
    expect(target.dataProduct.name).toBe("Отправления");
    expect(target.namePrefix).toEqual({ prefix: PREFIX, from: "id" });
  });

  it("a target that is a subcomponent", () => {
    const target = accepted(({ target, storage, components }) => {
      components.splice(components.indexOf(target), 1);
      storage.components = [{ id: "x", components: [target] }];
    });
    expect(target.id).toBe(TARGET_ID);
  });

  it("the component with the exact id when another differs by case only", () => {
    const twin = { id: TARGET_ID.toUpperCase(), kind: "workload" };
    expect(
      accepted(({ components }) => {
        components.unshift(twin);
      }).id,
    ).toBe(TARGET_ID);
  });

  it.each([null, undefined, "", "\u0007"])("description %j is none", (description) => {
    expect(
      accepted(({ target }) => {
        target.description = description;
      }).description,
    ).toBeNull();
  });

  it("a description over several lines, without control characters", () => {
    const target = accepted(({ target }) => {
      target.description = "one\ntwo\u0000\u001b[31m";
    });
    expect(target.description).toBe("one\ntwo[31m");
  });

  it("a port without a stream field", () => {
    for (const selectStream of [undefined, null, ""]) {
      expect(
        accepted(({ specific }) => {
          specific.selectStream = selectStream;
        }).names.selectStream,
      ).toBeNull();
    }
  });
});

describe("faults in the request's frame", () => {
  it.each([
    "DATAPRODUCT_DESCRIPTOR",
    "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS",
    "component_descriptor",
    "",
  ])("descriptor kind %j is refused at `descriptorKind`", (kind) => {
    expect(faults(undefined, kind)).toMatchObject([
      { path: "descriptorKind", suggestion: "COMPONENT_DESCRIPTOR" },
    ]);
  });

  it.each(["", "# nothing", "[]", "text", "42", "null"])(
    "the descriptor %j is no object",
    (descriptor) => {
      expect(readDescriptor({ descriptor })).toMatchObject({
        ok: false,
        problems: [{ path: "descriptor" }],
      });
    },
  );

  it("unparsable text is told of at `descriptor`, with the line", () => {
    expect(readDescriptor({ descriptor: "dataProduct:\n\tid: x" })).toMatchObject({
      ok: false,
      target: null,
      problems: [{ path: "descriptor", message: expect.stringContaining("line 2") }],
    });
  });

  it("a data product's own descriptor under the wrong kind lacks both parts", () => {
    const descriptor = JSON.stringify(fixture().product);
    const result = readDescriptor({ descriptor });
    expect(result.ok || result.problems.map((p) => p.path)).toEqual([
      "componentIdToProvision",
      "dataProduct",
    ]);
  });

  it("a misspelt `dataProduct` is named", () => {
    const { root } = fixture();
    const descriptor = JSON.stringify({
      dataproduct: root.dataProduct,
      componentIdToProvision: TARGET_ID,
    });
    expect(readDescriptor({ descriptor })).toMatchObject({
      problems: [{ path: "dataProduct", suggestion: 'rename "dataproduct" to `dataProduct`' }],
    });
  });

  it("an unknown component is refused with the nearest that exists", () => {
    expect(
      faults(({ root }) => {
        root.componentIdToProvision = `${TARGET_ID}x`;
      }),
    ).toEqual([
      {
        path: "componentIdToProvision",
        message: expect.stringContaining("no component"),
        suggestion: TARGET_ID,
      },
    ]);
  });

  it("two components with the target's id are refused", () => {
    expect(
      faults(({ target, components }) => {
        components.push({ ...target });
      }),
    ).toMatchObject([
      { path: "componentIdToProvision", message: expect.stringContaining("2 components") },
    ]);
  });

  it("two that differ from what is asked by case only are refused", () => {
    const change = ({ root, components }: Fixture) => {
      components.push({ id: TARGET_ID.replace("parcel", "Parcel") });
      root.componentIdToProvision = TARGET_ID.toUpperCase();
    };
    expect(faults(change)).toMatchObject([{ path: "componentIdToProvision" }]);
  });
});
