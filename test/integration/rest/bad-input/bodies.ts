/** Bodies that are no request of the contract, on each route that takes one. */
import { gzipSync } from "node:zlib";
import { accessList, provisioning, type Row, VACCINATIONS } from "./row.ts";

type Case = Omit<Row, "path" | "status"> & { readonly status?: number };

const good = provisioning(VACCINATIONS);
const gzip = { "content-encoding": "gzip" };
const latin1 = Buffer.from(JSON.stringify(provisioning("# café")), "latin1");

/** Wrong whichever route it is sent to. */
const ANYWHERE: readonly Case[] = [
  { what: "no JSON", body: "{", says: "not JSON" },
  { what: "YAML", body: VACCINATIONS, says: "not JSON" },
  { what: "JSON cut short", body: JSON.stringify(good).slice(0, -1), says: "not JSON" },
  { what: "JSON and more", body: `${JSON.stringify(good)}]`, says: "not JSON" },
  { what: "a JSON text", body: '"descriptor"', says: "not JSON" },
  { what: "a JSON number", body: "1e999", says: "not JSON" },
  { what: "null", body: "null", says: "not JSON" },
  { what: "a list", body: "[]", says: "expected an object" },
  { what: "nested 100,000 deep", body: "[".repeat(100_000) + "]".repeat(100_000), says: "object" },
  {
    what: "another content type",
    body: good,
    headers: { "content-type": "text/yaml" },
    says: "Content-Type: application/json",
  },
  {
    what: "a form",
    body: "descriptor=x",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    says: "Content-Type: application/json",
  },
  {
    what: "an unknown charset",
    body: good,
    headers: { "content-type": "application/json; charset=x-klingon" },
    says: "encoding is not known",
  },
  {
    what: "a charset that sounds like Unicode",
    body: good,
    headers: { "content-type": "application/json; charset=utf-99" },
    says: "encoding is not known",
  },
  {
    what: "an unknown encoding",
    body: good,
    headers: { "content-encoding": "zip" },
    says: "encoding is not known",
  },
  { what: "bytes that are no UTF-8", body: latin1, says: "not UTF-8" },
  { what: "no gzip at all", body: good, headers: gzip, says: "cannot be read" },
  {
    what: "gzip cut short",
    body: gzipSync(JSON.stringify(good)).subarray(0, 200),
    headers: gzip,
    says: "cannot be read",
  },
  {
    what: "a gzip bomb",
    body: gzipSync(Buffer.alloc(50 * 1024 * 1024, " ")),
    headers: gzip,
    status: 413,
    says: "too large",
  },
  { what: "3 MiB", body: `"${"x".repeat(3 * 1024 * 1024)}"`, status: 413, says: "too large" },
];

const field = (name: string, says: string, body: object): Case => ({
  what: `${name} that ${says}`,
  body,
  field: name,
  says,
});

const without = (body: object, member: string): object =>
  Object.fromEntries(Object.entries(body).filter(([key]) => key !== member));

const LARGE = `# ${"x".repeat(1024 * 1024)}\n`;

const PROVISIONING: readonly Case[] = [
  { what: "an empty body", body: "", field: "descriptorKind", says: "is missing" },
  field("descriptor", "is missing", without(good, "descriptor")),
  field("descriptor", "expected text", provisioning(null)),
  field("descriptor", "expected text", provisioning({ dataProduct: {} })),
  field("descriptor", "expected text", provisioning([VACCINATIONS])),
  field("descriptor", "expected text", provisioning(42)),
  field("descriptorKind", "is missing", without(good, "descriptorKind")),
  field(
    "descriptorKind",
    "expected COMPONENT_DESCRIPTOR",
    provisioning(VACCINATIONS, { descriptorKind: "SOMETHING" }),
  ),
  field(
    "descriptorKind",
    "expected COMPONENT_DESCRIPTOR",
    provisioning(VACCINATIONS, { descriptorKind: "component_descriptor" }),
  ),
  field(
    "descriptorKind",
    "expected COMPONENT_DESCRIPTOR",
    provisioning(VACCINATIONS, { descriptorKind: null }),
  ),
  field(
    "descriptorKind",
    "expected COMPONENT_DESCRIPTOR",
    provisioning(VACCINATIONS, { descriptorKind: ["COMPONENT_DESCRIPTOR"] }),
  ),
  field("removeData", "expected true or false", provisioning(VACCINATIONS, { removeData: "yes" })),
  field("removeData", "expected true or false", provisioning(VACCINATIONS, { removeData: 1 })),
];

const TOO_LARGE: Case = {
  what: "a descriptor of more than 1 MiB",
  body: provisioning(LARGE),
  status: 413,
  field: "descriptor",
  says: "larger than 1 MiB",
};

const ACCESS: readonly Case[] = [
  { what: "an empty body", body: "", field: "refs", says: "is missing" },
  field("refs", "is missing", without(accessList([]), "refs")),
  field("refs", "expected a list of texts", accessList("user:alice")),
  field("refs", "expected a list of texts", accessList({ 0: "user:alice" })),
  field("refs", "expected a list of texts", accessList(null)),
  field("refs.1", "expected text", accessList(["user:alice", 7])),
  field("refs.0", "expected text", accessList([null])),
  field("refs.0", "expected text", accessList([{ kind: "user", name: "alice" }])),
  field("refs", "holds more than 10000 refs", accessList(Array(10_001).fill("user:a"))),
  field("refs", "holds more than 10000 refs", accessList(Array(300_000).fill(1))),
  field("provisionInfo", "is missing", { refs: [] }),
  field("provisionInfo", "expected an object", { refs: [], provisionInfo: VACCINATIONS }),
  field("provisionInfo.request", "is missing", { refs: [], provisionInfo: { result: "" } }),
  field("provisionInfo.request", "expected text", accessList([], { dataProduct: {} })),
  field("provisionInfo.result", "is missing", { refs: [], provisionInfo: { request: "x" } }),
  {
    what: "a descriptor of more than 1 MiB",
    body: accessList([], LARGE),
    status: 413,
    field: "provisionInfo.request",
    says: "larger than 1 MiB",
  },
];

const REVERSE: readonly Case[] = [
  field("useCaseTemplateId", "is missing", { environment: "production" }),
  field("environment", "expected text", { useCaseTemplateId: "x", environment: 1 }),
  field("params", "expected an object", { useCaseTemplateId: "x", environment: "y", params: "z" }),
  {
    what: "a good request, for it is not there yet",
    body: { useCaseTemplateId: "x", environment: "y" },
    says: "not available yet",
  },
];

const on = (path: string, cases: readonly Case[]): Row[] =>
  cases.map((each) => ({ status: 400, ...each, path }));

/** v1/validate has no 400: the same fault makes the descriptor invalid. */
const asVerdict = (cases: readonly Case[]): Row[] =>
  cases.map((each) => ({ ...each, path: "/v1/validate", status: 200, field: undefined }));

/** v2/validate takes the descriptor alone. */
const kindLeftOut = ({ what }: Case) => !/descriptorKind that is missing|an empty body/.test(what);

export const BODIES: readonly Row[] = [
  ...["/v1/provision", "/v1/unprovision"].flatMap((path) =>
    on(path, [...ANYWHERE, ...PROVISIONING, TOO_LARGE]),
  ),
  ...asVerdict([...ANYWHERE, ...PROVISIONING, TOO_LARGE]),
  ...on("/v2/validate", [...ANYWHERE, ...PROVISIONING.filter(kindLeftOut), TOO_LARGE]),
  ...on("/v1/updateacl", [...ANYWHERE, ...ACCESS]),
  ...on("/v1/reverse-provisioning", [...ANYWHERE, ...REVERSE]),
];
