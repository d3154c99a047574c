import { describe, expect, it } from "vitest";
import { portSpec, readDescriptor } from "../../../src/domain/descriptor.ts";
import type { PortSpec } from "../../../src/domain/output-port.ts";
import { splitFaults } from "../../../src/domain/warnings.ts";
import {
  descriptorText,
  type Fixture,
  PREFIX,
  SOURCE_ID,
  TARGET_PATH,
} from "./descriptor-fixture.ts";

const source = {
  componentId: SOURCE_ID,
  kind: "snowflake" as const,
  database: "LOGISTICS",
  schema: "SHIPMENTS_1",
  relation: "PARCELS",
};

/** What a request asks for and which rules it breaks. */
function ask(change?: (parts: Fixture) => void) {
  const read = readDescriptor({ descriptor: descriptorText(change) });
  const problems = read.ok ? [] : read.problems;
  if (read.target === null) throw new Error(JSON.stringify(problems));
  return { spec: portSpec(read.target, source), problems };
}

function split(live: PortSpec | null, asked: ReturnType<typeof ask>) {
  const { problems, warnings } = splitFaults(asked.problems, live, asked.spec);
  const paths = (list: readonly { path: string }[]) =>
    list.map(({ path }) => path.replace(`${TARGET_PATH}.`, ""));
  return { problems: paths(problems), warnings: paths(warnings) };
}

const oldNames = ({ specific }: Fixture) => {
  specific.select = "parcels";
  specific.selectByPk = "parcels-by-pk";
};

describe("faults against the live port", () => {
  it("block when there is no live port", () => {
    expect(split(null, ask(oldNames))).toEqual({
      problems: ["specific.select", "specific.selectByPk"],
      warnings: [],
    });
  });

  it("warn when the live port has the same value", () => {
    expect(split(ask(oldNames).spec, ask(oldNames))).toEqual({
      problems: [],
      warnings: ["specific.select", "specific.selectByPk"],
    });
  });

  it("block where the request changes the value", () => {
    const changed = ask((parts) => {
      oldNames(parts);
      parts.specific.select = "other_parcels";
    });
    expect(split(ask(oldNames).spec, changed)).toEqual({
      problems: ["specific.select"],
      warnings: ["specific.selectByPk"],
    });
  });

  it("warn for names that a renamed product no longer explains", () => {
    const renamed = ask(({ product, target, root }) => {
      product.id = "urn:dmb:dp:logistics:deliveries:1";
      product.name = "Deliveries";
      target.id = root.componentIdToProvision = "parcel-api";
    });
    const live = { ...ask().spec, componentId: "parcel-api" };
    const { problems, warnings } = splitFaults(renamed.problems, live, renamed.spec);
    expect(problems).toEqual([]);
    expect(warnings).toHaveLength(5);
  });

  it("block for a field that is made the twin of an unchanged one", () => {
    const twin = ask(({ specific }) => {
      specific.select = specific.selectAggregate;
    });
    expect(split(ask().spec, twin)).toEqual({
      problems: ["specific.select"],
      warnings: ["specific.selectAggregate"],
    });
  });

  it("warn for a column that stands twice in the live contract as often", () => {
    const twice = ({ target }: Fixture) => {
      target.dataContract = { schema: [{ name: "a" }, { name: "A" }, { name: "b" }] };
    };
    const thrice = ({ target }: Fixture) => {
      target.dataContract = {
        schema: [{ name: "b" }, { name: "a" }, { name: "A" }, { name: "a" }],
      };
    };
    expect(split(ask(twice).spec, ask(twice)).problems).toEqual([]);
    expect(split(ask(twice).spec, ask(thrice)).warnings).toEqual([]);
    expect(split(ask().spec, ask(twice)).warnings).toEqual([]);
  });

  it("of the source warn when the source is the same, and block when anything of it is not", () => {
    const { spec } = ask();
    const problem = { path: `dataProduct.components.${SOURCE_ID}.specific.viewName`, message: "x" };
    expect(splitFaults([problem], spec, spec).warnings).toEqual([problem]);
    const moved = { ...spec, source: { ...source, relation: "OTHER" } };
    expect(splitFaults([problem], spec, moved).problems).toEqual([problem]);
  });

  it("of a source whose id begins with the port's id and a dot are the source's", () => {
    const { spec } = ask();
    const nested = { ...spec, source: { ...source, componentId: `${spec.componentId}.view` } };
    const problem = { path: `${TARGET_PATH}.view.specific.viewName`, message: "x" };
    expect(splitFaults([problem], nested, nested).warnings).toEqual([problem]);
  });

  it.each([
    `${TARGET_PATH}.kind`,
    `${TARGET_PATH}.dependsOn`,
    "componentIdToProvision",
    "descriptor",
    "",
    `${TARGET_PATH}.specific.constructor`,
    `${TARGET_PATH}x.specific.select`,
  ])("at %j block always", (path) => {
    const { spec } = ask();
    expect(splitFaults([{ path, message: "x" }], spec, spec).warnings).toEqual([]);
  });

  it.each(["id", "name", "domain", "version", "environment"])(
    "at dataProduct.%s warn when it is unchanged",
    (key) => {
      const { spec } = ask();
      const problem = { path: `dataProduct.${key}`, message: "x" };
      expect(splitFaults([problem], spec, spec).warnings).toEqual([problem]);
      const changed = {
        ...spec,
        environment: "x",
        dataProduct: { id: "x", name: "x", domain: "x", major: "x" },
      };
      expect(splitFaults([problem], changed, spec).problems).toEqual([problem]);
    },
  );

  it("warn for a stream field that neither has", () => {
    const without = ask(({ specific }) => {
      delete specific.selectStream;
      specific.select = `${PREFIX}_x`;
    });
    const problem = { path: `${TARGET_PATH}.specific.selectStream`, message: "x" };
    expect(splitFaults([problem], without.spec, without.spec).warnings).toEqual([problem]);
  });
});
