/** Requests that nobody sends: any JSON, any bytes, good bodies with something broken in them. */
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { accessList, changed, provisioning, set } from "../bad-input/row.ts";

export interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** Of a port that can never be provisioned: whatever happens to the body, nothing may come of it. */
const HOPELESS = changed(set("names", "select", "nonsense"));

const ROUTES = [
  "/v1/validate",
  "/v2/validate",
  "/v1/provision",
  "/v1/unprovision",
  "/v1/updateacl",
  "/v1/reverse-provisioning",
] as const;

const GOOD: Readonly<Record<(typeof ROUTES)[number], object>> = {
  "/v1/validate": provisioning(HOPELESS),
  "/v2/validate": { descriptor: HOPELESS },
  "/v1/provision": provisioning(HOPELESS),
  "/v1/unprovision": provisioning(HOPELESS),
  "/v1/updateacl": accessList(["user:alice_example.com", "group:analysts"], HOPELESS),
  "/v1/reverse-provisioning": {
    useCaseTemplateId: "urn:dmb:utm:x:0.0.0",
    environment: "production",
  },
};

/** Texts that have broken something somewhere. */
const nasty = fc.constantFrom(
  "",
  " ",
  "\0",
  "a\0b",
  "\ud83d",
  "\ufeff",
  "\u202e",
  "\u001b[31m",
  "__proto__",
  "constructor",
  "toString",
  "'; DROP TABLE operation; --",
  "X&role=ACCOUNTADMIN",
  "$" + "{jndi:ldap://127.0.0.1/a}",
  "{{7*7}}",
  "../../etc/passwd",
  "%s%s%n",
  "<script>alert(1)</script>",
  "\\",
  '"',
  "user:alice",
  "x".repeat(10_000),
  "é".repeat(300),
  "null",
  "1e999",
  "-0",
);

export const text = fc.oneof(nasty, fc.string({ unit: "binary", maxLength: 40 }), fc.string());

export const value: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.constantFrom(null, true, false, 0, -0, 1e308, 2 ** 60, -1.5, [], {}, [[]], [null]),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A good body with some members left out, renamed or something else. */
const mended = (good: object): fc.Arbitrary<object> =>
  fc
    .array(
      fc.record({
        member: fc.nat(),
        how: fc.constantFrom("drop", "replace", "rename", "add", "within"),
        key: text,
        value,
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes) => {
      let entries = Object.entries(good) as [string, unknown][];
      for (const { member, how, key, value: other } of changes) {
        const index = entries.length === 0 ? -1 : member % entries.length;
        if (how === "add") entries.push([key, other]);
        entries = entries.flatMap(([name, own], at): [string, unknown][] => {
          if (at !== index) return [[name, own]];
          if (how === "drop") return [];
          if (how === "replace") return [[name, other]];
          if (how === "within") return [[name, within(own, key, other)]];
          return [[how === "rename" ? key : name, own]];
        });
      }
      return Object.fromEntries(entries);
    });

function within(own: unknown, key: string, other: unknown): unknown {
  if (Array.isArray(own)) return [...own, other];
  return typeof own === "object" && own !== null ? { ...own, [key]: other } : [own];
}

const JSON_TYPE = { "content-type": "application/json" };

/** Bytes flipped, cut out or put in. */
const damaged = (whole: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.record({ at: fc.nat(), cut: fc.nat({ max: 40 }), put: fc.uint8Array({ maxLength: 20 }) }),
      { minLength: 1, maxLength: 5 },
    )
    .map((wounds) =>
      wounds.reduce((bytes, { at, cut, put }) => {
        const start = bytes.length === 0 ? 0 : at % bytes.length;
        return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(start + cut)]);
      }, whole),
    );

const encoded = (good: Buffer): fc.Arbitrary<Pick<Sent, "headers" | "body">> => {
  const as = (type: string, body: Buffer, encoding?: string) => ({
    headers: {
      "content-type": type,
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    body,
  });
  const asJson = "application/json";
  const utf16 = Buffer.from(good.toString("utf8"), "utf16le");
  const packed: [string, Buffer][] = [
    ["gzip", gzipSync(good)],
    ["deflate", deflateSync(good)],
    ["br", brotliCompressSync(good)],
  ];
  return fc.oneof(
    fc.constantFrom(
      as("application/json; charset=utf-16le", utf16),
      as("application/json; charset=utf-8", utf16),
      as("application/json; charset=latin1", good),
      as("application/json; charset=", good),
      as("application/vnd.api+json", good),
      as("text/plain", good),
      as("", good),
      as("application/json, text/html", good),
      as("multipart/form-data; boundary=x", good),
      as(asJson, Buffer.concat([Buffer.from("\ufeff"), good])),
      as(asJson, good, "gzip"),
      as(asJson, good, "identity"),
      as(asJson, good, "gzip, gzip"),
      ...packed.map(([encoding, bytes]) => as(asJson, bytes, encoding)),
    ),
    fc
      .constantFrom(...packed)
      .chain(([encoding, bytes]) => damaged(bytes).map((body) => as(asJson, body, encoding))),
  );
};

function bodyFor(route: (typeof ROUTES)[number]): fc.Arbitrary<Pick<Sent, "headers" | "body">> {
  const good = GOOD[route];
  const bytes = Buffer.from(JSON.stringify(good));
  const plain = (body: Buffer) => ({ headers: JSON_TYPE, body });
  return fc.oneof(
    { weight: 4, arbitrary: mended(good).map((body) => plain(Buffer.from(JSON.stringify(body)))) },
    { weight: 2, arbitrary: damaged(bytes).map(plain) },
    { weight: 2, arbitrary: encoded(bytes) },
    { weight: 1, arbitrary: fc.json().map((body) => plain(Buffer.from(body))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }).map((b) => plain(Buffer.from(b))) },
  );
}

/** Any body on any route. */
export const anyRequest: fc.Arbitrary<Sent> = fc.oneof(
  ...ROUTES.map((path) => bodyFor(path).map((body): Sent => ({ method: "POST", path, ...body }))),
);

const refs = fc.array(
  fc.oneof(
    text,
    fc
      .tuple(fc.constantFrom("user:", "group:", "User: ", "robot:"), text)
      .map((parts) => parts.join("")),
  ),
  { maxLength: 8 },
);

/** An access list of anybody, for a port that is not there. */
export const anyAccessList: fc.Arbitrary<Sent> = refs.map((list) => ({
  method: "POST",
  path: "/v1/updateacl",
  headers: JSON_TYPE,
  body: Buffer.from(JSON.stringify(accessList(list, HOPELESS))),
}));

/** A token that was never given out, as far as a URL can hold it. */
export const anyToken: fc.Arbitrary<Sent> = fc
  .tuple(
    fc.constantFrom("/v1/provision", "/v2/validate", "/v1/reverse-provisioning"),
    fc.oneof(
      fc.uuid(),
      text.map((token) => encodeURIComponent(Buffer.from(token).toString())),
      fc.constantFrom("%", "%00", "%E0%A4%A", "..", "%2e%2e", "a%2Fb", "%22%22"),
    ),
  )
  .map(([path, token]) => ({
    method: "GET",
    path: `${path}/${token}/status`,
    headers: {},
    body: null,
  }));
