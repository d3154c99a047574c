/** Refs that name nobody. */
import { accessList, type Row } from "./row.ts";

const REFS: readonly [ref: string, says: string][] = [
  ["", "a ref is empty"],
  ["   ", "a ref is empty"],
  ["alice", "Suggestion: `user:alice`"],
  ["user:", "has no name"],
  ["group:default/", "has no name"],
  ["robot:r2d2", "unknown kind"],
  ["users:alice", "Suggestion: user:alice"],
  [":alice", "unknown kind"],
  ["user:user:alice", "names the kind twice"],
  ["user:al\0ice", "control or invisible"],
  ["user:al\nice", "control or invisible"],
  ["user:al\u200bice", "control or invisible"],
  ["user:al\u202eeci", "control or invisible"],
  ["user:\ud83d", "control or invisible"],
  ["user:al\u00a0ice", "a space"],
  ["ｕｓｅｒ:alice", "look like others"],
  ["user:аlice", "several alphabets"],
  [`user:${"a".repeat(300)}`, "longer than 256"],
  ["urn:dmb:cmp:healthcare:vaccinations:0:x", "unknown kind"],
];

export const REF_ROWS: readonly Row[] = REFS.map(([ref, says]) => ({
  what: `the ref ${JSON.stringify(ref).slice(0, 40)}`,
  path: "/v1/updateacl",
  body: accessList(["user:good_example.com", ref, "group:good"]),
  status: 400,
  field: "refs.1",
  says,
}));

/** Descriptors that do not say which port is meant, for a teardown and an access list. */
const NAMELESS: readonly [what: string, text: unknown, field: string | null, says: string][] = [
  ["empty", "", "componentIdToProvision", "is missing"],
  ["unreadable", "\ta: [", null, "descriptor"],
  ["two documents", "a: 1\n---\nb: 2", null, "several documents"],
  ["without a component", "dataProduct: {}", "componentIdToProvision", "is missing"],
  [
    "whose component is a list",
    "dataProduct: {}\ncomponentIdToProvision: [x]",
    "componentIdToProvision",
    "is not text",
  ],
  [
    "whose component holds NUL",
    'dataProduct: {}\ncomponentIdToProvision: "a\\0b"',
    "componentIdToProvision",
    "control or invisible",
  ],
  [
    "whose component is long",
    `dataProduct: {}\ncomponentIdToProvision: ${"x".repeat(300)}`,
    "componentIdToProvision",
    "longer than 255",
  ],
  ["without a product", "componentIdToProvision: x", "dataProduct", "is missing"],
  [
    "whose environment is an object",
    "dataProduct: {environment: {a: 1}}\ncomponentIdToProvision: x",
    "dataProduct.environment",
    "at most 63",
  ],
  [
    "whose environment holds NUL",
    'dataProduct: {environment: "a\\0"}\ncomponentIdToProvision: x',
    "dataProduct.environment",
    "at most 63",
  ],
];

export const NAMELESS_ROWS: readonly Row[] = NAMELESS.flatMap(
  ([what, text, field, says]): Row[] => [
    {
      what: `a descriptor ${what}`,
      path: "/v1/unprovision",
      body: { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor: text },
      status: 400,
      field: field ?? "descriptor",
      says,
    },
    {
      what: `a descriptor ${what}`,
      path: "/v1/updateacl",
      body: accessList(["user:good_example.com"], text),
      status: 400,
      field: field ?? "provisionInfo.request",
      says: says === "descriptor" ? "provisionInfo.request" : says,
    },
  ],
);
