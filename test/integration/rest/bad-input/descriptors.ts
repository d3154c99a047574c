/** Descriptors that can be read, and describe nothing that can be provisioned. */
import {
  at,
  type Change,
  changed,
  type DescriptorRow,
  drop,
  SOURCE,
  STORAGE,
  set,
  TARGET,
  WORKLOAD,
} from "./row.ts";

type Line = [what: string, change: Change, field: string, says: string | RegExp];

const ROOT: Line[] = [
  [
    "no componentIdToProvision",
    drop("root", "componentIdToProvision"),
    "componentIdToProvision",
    "is missing",
  ],
  [
    "componentIdToProvision null",
    set("root", "componentIdToProvision", null),
    "componentIdToProvision",
    "is missing",
  ],
  [
    "componentIdToProvision an object",
    set("root", "componentIdToProvision", { id: TARGET }),
    "componentIdToProvision",
    "is not text",
  ],
  [
    "componentIdToProvision of nobody",
    set("root", "componentIdToProvision", `${TARGET}x`),
    "componentIdToProvision",
    `Suggestion: ${TARGET}`,
  ],
  [
    "componentIdToProvision with NUL",
    set("root", "componentIdToProvision", `${TARGET}\0`),
    "componentIdToProvision",
    "control or invisible",
  ],
  [
    "componentIdToProvision of 300 characters",
    set("root", "componentIdToProvision", "x".repeat(300)),
    "componentIdToProvision",
    "longer than 255",
  ],
  ["no dataProduct", drop("root", "dataProduct"), "dataProduct", "expected an object"],
  [
    "dataProduct a list",
    (parts) => set("root", "dataProduct", [parts.product])(parts),
    "dataProduct",
    "expected an object",
  ],
  [
    "dataProduct text",
    set("root", "dataProduct", "vaccinations"),
    "dataProduct",
    "expected an object",
  ],
  [
    "dataProduct misspelt",
    (parts) => {
      set("root", "dataproduct", parts.product)(parts);
      drop("root", "dataProduct")(parts);
    },
    "dataProduct",
    "rename",
  ],
];

const PRODUCT: Line[] = [
  ...["id", "name", "domain", "version"].flatMap((member): Line[] => [
    [
      `the product's ${member} missing`,
      drop("product", member),
      `dataProduct.${member}`,
      "is missing",
    ],
    [
      `the product's ${member} null`,
      set("product", member, null),
      `dataProduct.${member}`,
      "is missing",
    ],
    [
      `the product's ${member} an object`,
      set("product", member, { a: 1 }),
      `dataProduct.${member}`,
      "is not text",
    ],
    [
      `the product's ${member} blank`,
      set("product", member, "  "),
      `dataProduct.${member}`,
      "is missing",
    ],
  ]),
  [
    "a line break in the product's name",
    set("product", "name", "Vacci\nnations"),
    "dataProduct.name",
    "control or invisible",
  ],
  [
    "an invisible character in the domain",
    set("product", "domain", "health\u200bcare"),
    "dataProduct.domain",
    "control or invisible",
  ],
  [
    "a version without a major",
    set("product", "version", "?.1"),
    "dataProduct.version",
    "major version",
  ],
  [
    "an environment that is an object",
    set("product", "environment", { name: "development" }),
    "dataProduct.environment",
    "at most 63",
  ],
  [
    "an environment that is a list",
    set("product", "environment", ["development"]),
    "dataProduct.environment",
    "at most 63",
  ],
  [
    "an environment of 64 characters",
    set("product", "environment", "e".repeat(64)),
    "dataProduct.environment",
    "at most 63",
  ],
  [
    "an environment with NUL",
    set("product", "environment", "dev\0"),
    "dataProduct.environment",
    "at most 63",
  ],
  ["no components", drop("product", "components"), "componentIdToProvision", "has no component"],
  [
    "components null",
    set("product", "components", null),
    "componentIdToProvision",
    "has no component",
  ],
  [
    "components text",
    set("product", "components", "none"),
    "componentIdToProvision",
    "has no component",
  ],
  [
    "components a map by id",
    (parts) => set("product", "components", { [TARGET]: parts.target })(parts),
    "componentIdToProvision",
    "has no component",
  ],
  [
    "the port twice",
    (parts) => void parts.components.push(parts.target),
    "componentIdToProvision",
    "2 components",
  ],
];

const PORT: Line[] = [
  [
    "a component of another kind",
    set("root", "componentIdToProvision", WORKLOAD),
    "dataProduct.components.urn:dmb:cmp:healthcare:vaccinations:0:daily-load.kind",
    "outputport",
  ],
  [
    "the Snowflake port itself",
    set("root", "componentIdToProvision", SOURCE),
    "dataProduct.components.urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-view.platform",
    "expected Hasura",
  ],
  ["the port's kind missing", drop("target", "kind"), at("kind"), "is missing"],
  ["the port's kind an object", set("target", "kind", {}), at("kind"), "is missing"],
  [
    "another technology",
    set("target", "technology", "PostgREST"),
    at("technology"),
    "expected Hasura",
  ],
  [
    "neither platform nor technology",
    (parts) => {
      drop("target", "platform")(parts);
      drop("target", "technology")(parts);
    },
    at("technology"),
    "is missing",
  ],
  ["the port's name missing", drop("target", "name"), at("name"), "is missing"],
  ["the port's name a list", set("target", "name", ["x"]), at("name"), "is not text"],
  [
    "the port's id with a quote",
    (parts) => {
      const id = `${TARGET}'; DROP TABLE grant; --`;
      parts.target.id = id;
      parts.root.componentIdToProvision = id;
    },
    `${at("id").replace(TARGET, `${TARGET}'; DROP TABLE grant; --`)}`,
    "is no component id",
  ],
  [
    "the port's id with a slash",
    (parts) => {
      const id = `${TARGET}/../x`;
      parts.target.id = id;
      parts.root.componentIdToProvision = id;
    },
    at("id").replace(TARGET, `${TARGET}/../x`),
    "is no component id",
  ],
];

const CONTRACT: Line[] = [
  [
    "a contract that is text",
    set("target", "dataContract", "see the wiki"),
    at("dataContract"),
    "expected an object",
  ],
  [
    "a schema that is text",
    set("target", "dataContract", { schema: "date" }),
    at("dataContract.schema"),
    "list of columns",
  ],
  [
    "columns that are text",
    set("target", "dataContract", { schema: ["date", "time"] }),
    at("dataContract.schema"),
    "list of columns",
  ],
  [
    "a column without a name",
    set("target", "dataContract", { schema: [{ dataType: "DATE" }] }),
    at("dataContract.schema.0.name"),
    "has no name",
  ],
  [
    "a column whose name is an object",
    set("target", "dataContract", { schema: [{ name: {} }] }),
    at("dataContract.schema.0.name"),
    "has no name",
  ],
  [
    "a column twice, in another case",
    set("target", "dataContract", { schema: [{ name: "date" }, { name: "DATE" }] }),
    at("dataContract.schema.1.name"),
    "each column once",
  ],
  [
    "a column with NUL",
    set("target", "dataContract", { schema: [{ name: "da\0te" }] }),
    at("dataContract.schema.0.name"),
    "control or invisible",
  ],
  [
    "a column of 256 characters",
    set("target", "dataContract", { schema: [{ name: "c".repeat(256) }] }),
    at("dataContract.schema.0.name"),
    "longer than 255",
  ],
  [
    "10,000 columns without a name",
    set("target", "dataContract", { schema: Array.from({ length: 10_000 }, () => ({ a: 1 })) }),
    at("dataContract.schema.0.name"),
    "more faults",
  ],
  [
    "a contract of two tables",
    set("target", "dataContract", {
      apiVersion: "v3.0.0",
      kind: "DataContract",
      schema: [
        { name: "a", properties: [] },
        { name: "b", properties: [] },
      ],
    }),
    at("dataContract.schema"),
    "2 tables",
  ],
];

const dependsOn = (value: unknown) => set("target", "dependsOn", value);
const OTHER = "urn:dmb:cmp:finance:billing:1:invoices-view";

const DEPENDENCIES: Line[] = [
  ["no dependsOn", drop("target", "dependsOn"), at("dependsOn"), "is empty"],
  ["dependsOn null", dependsOn(null), at("dependsOn"), "is empty"],
  ["dependsOn empty", dependsOn([]), at("dependsOn"), "is empty"],
  ["dependsOn an empty map", dependsOn({}), at("dependsOn"), "is empty"],
  ["dependsOn a map", dependsOn({ id: SOURCE }), at("dependsOn"), "list of component ids"],
  ["dependsOn a list of lists", dependsOn([[SOURCE]]), at("dependsOn"), "list of component ids"],
  ["dependsOn with null", dependsOn([SOURCE, null]), at("dependsOn"), "list of component ids"],
  ["dependsOn itself", dependsOn([TARGET]), at("dependsOn"), "depends on itself"],
  [
    "dependsOn itself and the source, in another case",
    dependsOn([SOURCE, TARGET.toUpperCase()]),
    at("dependsOn"),
    "depends on itself",
  ],
  ["dependsOn a storage", dependsOn([STORAGE]), at("dependsOn"), `Suggestion: ${SOURCE}`],
  ["dependsOn a workload", dependsOn(WORKLOAD), at("dependsOn"), `Suggestion: ${SOURCE}`],
  [
    "dependsOn of another product",
    dependsOn([OTHER]),
    at("dependsOn"),
    /another data product.*Suggestion: urn:dmb:cmp:healthcare/,
  ],
  ["dependsOn nobody", dependsOn([`${SOURCE}s`]), at("dependsOn"), `Suggestion: ${SOURCE}`],
  [
    "dependsOn of 51",
    dependsOn(Array.from({ length: 51 }, (_, i) => `${SOURCE}${i}`)),
    at("dependsOn"),
    "more than 50",
  ],
  [
    "dependsOn two sources",
    (parts) => {
      parts.components.push({ ...parts.source, id: `${SOURCE}-2` });
      dependsOn([SOURCE, `${SOURCE}-2`])(parts);
    },
    at("dependsOn"),
    "Expected exactly one",
  ],
  [
    "dependsOn an id that stands twice",
    (parts) => void parts.components.push({ ...parts.source }),
    at("dependsOn"),
    "2 components have the id",
  ],
  [
    "a source of no supported kind",
    (parts) => {
      parts.source.technology = "Oracle";
      parts.source.platform = "Oracle";
    },
    at("dependsOn"),
    "supported sources are snowflake",
  ],
  [
    "a source whose id holds NUL",
    (parts) => {
      parts.source.id = `${SOURCE}\0`;
      dependsOn([`${SOURCE}\0`])(parts);
    },
    at("dependsOn"),
    "is no component id",
  ],
  [
    "a source whose id has 300 characters",
    (parts) => {
      parts.source.id = "s".repeat(300);
      dependsOn(["s".repeat(300)])(parts);
    },
    at("dependsOn"),
    "is no component id",
  ],
];

export const DESCRIPTOR_ROWS: readonly DescriptorRow[] = [
  ...ROOT,
  ...PRODUCT,
  ...PORT,
  ...CONTRACT,
  ...DEPENDENCIES,
].map(([what, change, field, says]) => ({ what, descriptor: changed(change), field, says }));
