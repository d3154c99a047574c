/** What strict parsers choke on, and what is right all the same. */
import { parse } from "yaml";
import {
  all,
  type Change,
  changed,
  drop,
  PREFIX,
  renamed,
  SOURCE,
  set,
  TARGET,
  VACCINATIONS,
} from "./row.ts";

const USUAL = ["fullyQualifiedName", "description", "tags", "status", "creationDate", "startDate"];
const ODCS = {
  apiVersion: "v3.0.0",
  kind: "DataContract",
  schema: [{ name: "t", properties: [{ name: "date", logicalType: "date", primaryKey: true }] }],
};
const STRANGE = { "": 1, constructor: 2, toString: null, "a.b": {}, "☃": [] };
const WITHIN: Change = ({ product, components, target }) => {
  const others = components.filter((component) => component !== target);
  product.components = [
    { id: "holder", kind: "x", components: others },
    { id: "other", components: [target] },
  ];
};
const BESIDE: Change = ({ product, components }) => {
  const strange = [{}, { id: 7 }, { kind: "observability" }, { id: "x", components: { a: 1 } }];
  product.components = [...strange, ["list"], null, "text", ...components];
};

const CHANGES: readonly [what: string, change: Change][] = [
  [
    "nulls where text or lists are usual",
    all(...USUAL.flatMap((key) => [set("product", key, null), set("target", key, null)])),
  ],
  [
    "numbers for the versions",
    all(set("product", "version", 0.1), set("target", "version", 1), set("source", "version", 0)),
  ],
  ["a whole number for the version", set("product", "version", 0)],
  ["a snapshot version", set("product", "version", "0.1.0-SNAPSHOT-2")],
  [
    "a name that is a number",
    all(set("product", "name", 2024), renamed("healthcare_2024_0_vaccinationsgraphql")),
  ],
  ["a port's name without a letter, with names by its id", set("target", "name", "!!!")],
  [
    "names by the port's name",
    all(
      set("target", "name", "Own, for all"),
      renamed(PREFIX.replace("vaccinationsgraphql", "ownforall")),
    ),
  ],
  ["dependsOn a text", set("target", "dependsOn", SOURCE)],
  [
    "dependsOn in another case, and twice",
    set("target", "dependsOn", [SOURCE.toUpperCase(), SOURCE.toUpperCase()]),
  ],
  [
    "the component's id in another case",
    set("root", "componentIdToProvision", TARGET.toUpperCase()),
  ],
  [
    "an object where a list is usual, and the other way round",
    all(
      set("product", "tags", {}),
      set("target", "semanticLinking", {}),
      set("target", "sampleData", []),
      set("product", "specific", []),
    ),
  ],
  [
    "no template, environment or groups",
    all(
      ...["useCaseTemplateId", "environment", "devGroup", "ownerGroup"].map((key) =>
        drop("product", key),
      ),
    ),
  ],
  [
    "kinds in mixed case",
    all(set("target", "kind", "outputPort"), set("source", "kind", "OutputPort")),
  ],
  [
    "technologies in another case",
    all(set("target", "technology", "HASURA"), set("source", "technology", "snowflake")),
  ],
  ["no platform", all(drop("target", "platform"), drop("source", "platform"))],
  ["components of any shape beside it", BESIDE],
  ["the port within another component", WITHIN],
  ["an empty contract", set("target", "dataContract", { schema: [] })],
  ["no contract", drop("target", "dataContract")],
  ["an ODCS contract of one table", set("target", "dataContract", ODCS)],
  ["no selectStream", drop("names", "selectStream")],
  [
    "database and schema left to their defaults",
    all(drop("view", "database"), drop("view", "schema")),
  ],
  [
    "a customView that names the view",
    set(
      "view",
      "customView",
      'CREATE OR REPLACE VIEW HEALTHCARE.VACCINATIONS_0."clean view" AS SELECT 1',
    ),
  ],
  ["a customView behind 200,000 comments", set("view", "customView", "/**/".repeat(200_000))],
  [
    "members nobody knows, whatever they are called",
    all(
      ...(["root", "product", "target"] as const).flatMap((part) =>
        Object.entries(STRANGE).map(([key, value]) => set(part, key, value)),
      ),
    ),
  ],
  [
    "owners of any form",
    all(
      set("product", "dataProductOwner", "user:default/x"),
      set("product", "ownerGroup", 7),
      set("product", "devGroup", {}),
    ),
  ],
];

const asJson = (text: string): string => JSON.stringify(parse(text));

const TEXTS: readonly [what: string, text: string][] = [
  ["JSON", asJson(VACCINATIONS)],
  ["JSON with a byte order mark", `\ufeff${asJson(VACCINATIONS)}`],
  ["Windows line ends and a byte order mark", `\ufeff${VACCINATIONS.replaceAll("\n", "\r\n")}`],
  ["a document start and end", `---\n${VACCINATIONS}...\n`],
  ["a directive of YAML 1.1", `%YAML 1.1\n---\n${VACCINATIONS}`],
  ["Yes, No and ~ where nobody looks", `${VACCINATIONS}\ngdpr: Yes\nother: ~\nthird: NULL\n`],
  ["a date without quotes", `${VACCINATIONS}\nday: 2026-02-03\n`],
  [
    "anchors and aliases",
    VACCINATIONS.replace("billing: {}", "billing: &none {}\n  another: *none"),
  ],
  ["a merge key", `${VACCINATIONS}\nbase: &base {a: 1}\nderived: {<<: *base, b: 2}\n`],
  [
    "tags of other languages",
    `${VACCINATIONS}\nx: !!python/object/apply:os.system ["ls"]\ny: !!binary aGk=\nz: !custom {a: 1}\n`,
  ],
  ["__proto__", `${VACCINATIONS}\n__proto__: {dataProduct: 1, polluted: true}\n`],
  ["a mebibyte, nearly", `${VACCINATIONS}# ${"x".repeat(1000 * 1000)}\n`],
  ["comments in Chinese", `# 疫苗接种\n${VACCINATIONS}`],
];

export const ACCEPTED: readonly { readonly what: string; readonly descriptor: string }[] = [
  ...CHANGES.map(([what, change]) => ({ what, descriptor: changed(change) })),
  ...TEXTS.map(([what, descriptor]) => ({ what, descriptor })),
];
