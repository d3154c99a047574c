import { describe, expect, it } from "vitest";
import {
  componentKey,
  environmentKey,
  isOfAnotherProduct,
  parseComponentUrn,
  parseDataProductUrn,
} from "../../../src/domain/urn.ts";

describe("the key of a component", () => {
  it("ignores ASCII case and nothing else", () => {
    expect(componentKey("URN:dmb:CMP:Ünï:İ\u212A")).toBe("urn:dmb:cmp:Ünï:İ\u212A");
  });
});

describe("the environment", () => {
  it.each([
    [undefined, "default"],
    [null, "default"],
    [" ", "default"],
    [" Development ", "development"],
  ])("%j is kept as %j", (environment, expected) => {
    expect(environmentKey(environment)).toBe(expected);
  });
});

describe("what an id says", () => {
  it.each([
    [
      "urn:dmb:dp:public-health:vaccinations:0",
      { domain: "public-health", name: "vaccinations", major: "0" },
    ],
    ["URN:DMB:DP:a:b:1", { domain: "a", name: "b", major: "1" }],
    ["healthcare.vaccinations.0", { domain: "healthcare", name: "vaccinations", major: "0" }],
    ["system:default/a.b.1", { domain: "a", name: "b", major: "1" }],
    [
      "domain:marketing.Marketing-Invoice-1.1",
      { domain: "marketing", name: "Marketing-Invoice-1", major: "1" },
    ],
    ["urn:dmb:dp:a:b", null],
    ["anything", null],
    ["", null],
  ])("data product %j", (id, expected) => {
    expect(parseDataProductUrn(id)).toEqual(expected);
  });

  it.each([
    [
      "urn:dmb:cmp:a:b:0:c",
      { domain: "a", name: "b", major: "0", component: "c", subcomponents: [] },
    ],
    [
      "urn:dmb:cmp:a:b:0:c:d:e",
      { domain: "a", name: "b", major: "0", component: "c", subcomponents: ["d", "e"] },
    ],
    ["urn:dmb:cmp:a:b:0", null],
    ["urn:dmb:dp:a:b:0", null],
  ])("component %j", (id, expected) => {
    expect(parseComponentUrn(id)).toEqual(expected);
  });

  it.each([
    ["urn:dmb:cmp:a:b:0:c", "urn:dmb:dp:a:b:0", false],
    ["URN:dmb:cmp:A:B:0:c", "urn:dmb:dp:a:b:0", false],
    ["urn:dmb:cmp:a:b:1:c", "urn:dmb:dp:a:b:0", true],
    ["urn:dmb:cmp:x:b:0:c", "urn:dmb:dp:a:b:0", true],
    ["legacy", "urn:dmb:dp:a:b:0", false],
    ["urn:dmb:cmp:x:b:0:c", "legacy", false],
  ])("%j against product %j is of another one: %j", (component, product, expected) => {
    expect(isOfAnotherProduct(component, product)).toBe(expected);
  });
});
