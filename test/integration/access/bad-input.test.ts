/** Whatever is sent to the webhook: 401, soon, with others served meanwhile and nothing of it in the log. */
import { createHmac } from "node:crypto";
import type { ServerResponse } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { startHook, type TestHook } from "./hook.ts";
import { ANN, createInventory, type TestInventory } from "./inventory.ts";

/** Far more than any of these needs, and far less than a hang. */
const WITHIN_MS = 5_000;
/** In every token and query here; never in the log. */
const CANARY = "canary7f3a";

let inventory: TestInventory;
let issuer: TestIssuer;
let hook: TestHook;
let ann: string;
let slowest = { name: "", ms: 0 };

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);
const sign = (claims: object = {}, header = {}) =>
  issuer.sign({ unique_name: "ann@example.com", note: CANARY, ...claims }, header);
const claims = () => ({
  iss: ISSUER,
  aud: AUDIENCE,
  exp: now() + 600,
  unique_name: "ann@example.com",
  note: CANARY,
});

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  await inventory.grant(inventory.ports.health, ANN);
  hook = await startHook({ issuer, db: inventory.db, databaseUrl: inventory.database.url });
  await hook.snapshot.refresh();
  ann = await sign();
});
afterAll(async () => {
  process.stdout.write(
    `slowest answer to bad input: ${slowest.name}, ${Math.round(slowest.ms)} ms\n`,
  );
  await hook.stop();
  await Promise.all([issuer.stop(), inventory.stop()]);
});

const good = { query: `{ vaccinations { id } } # ${CANARY}` };
const asAnn = () => ({ Authorization: `Bearer ${ann}` });

async function expectServed(): Promise<void> {
  const { status, body } = await hook.post(asAnn(), good);
  expect({ status, role: body["X-Hasura-Role"] }).toEqual({ status: 200, role: "health_role" });
}

/** The bad one and good ones beside it. @returns the reason */
async function expectRefused(
  name: string,
  headers: Record<string, unknown>,
  request: unknown,
): Promise<string | undefined> {
  const began = performance.now();
  const refused = hook.post(headers, request).then((answer) => {
    const ms = performance.now() - began;
    if (ms > slowest.ms) slowest = { name, ms };
    return { answer, ms };
  });
  await Promise.all([expectServed(), expectServed(), refused]);
  const { answer, ms } = await refused;
  expect(answer.status, name).toBe(401);
  expect(ms).toBeLessThan(WITHIN_MS);
  await expectServed();
  return answer.body.reason;
}

const TOKENS: readonly [name: string, token: () => Promise<string> | string][] = [
  ["expired", () => sign({ exp: now() - 1 })],
  ["not valid yet", () => sign({ nbf: now() + 60 })],
  ["without an end", () => sign({ exp: undefined })],
  ["of another issuer", () => sign({ iss: "https://other.test/" })],
  ["of no issuer", () => sign({ iss: undefined })],
  ["for another audience", () => sign({ aud: "https://management.core.windows.net/" })],
  ["for no audience", () => sign({ aud: undefined })],
  ["with alg none", () => `${encode({ alg: "none" })}.${encode(claims())}.`],
  [
    "signed with the public key as a secret",
    () => {
      const text = `${encode({ alg: "HS256", kid: "key-0" })}.${encode(claims())}`;
      return `${text}.${createHmac("sha256", issuer.publicKey).update(text).digest("base64url")}`;
    },
  ],
  ["with a kid that is a path", () => sign({}, { kid: "../../../../dev/null" })],
  ["with a kid that is SQL", () => sign({}, { kid: "key-0' OR '1'='1" })],
  ["with an unknown kid", () => sign({}, { kid: "unknown" })],
  [
    "that brings its own key",
    async () => {
      const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
      const jwk = await exportJWK(publicKey);
      const jku = "http://127.0.0.1:9/keys";
      return new SignJWT(claims())
        .setProtectedHeader({ alg: "RS256", kid: "key-0", jwk, jku, x5u: jku })
        .sign(privateKey);
    },
  ],
  ["cut short", async () => (await sign()).slice(0, -10)],
  ["without a signature", async () => (await sign()).replace(/\.[^.]*$/, ".")],
  ["changed after it was signed", async () => (await sign()).replace(/^[^.]+\.[^.]{8}/, "$&x")],
  ["of 1 MB", () => `${"x".repeat(1_000_000)}.y.z`],
  ["of no form", () => CANARY],
  ["that names nobody", () => sign({ unique_name: undefined })],
  ["that names somebody else", () => sign({ unique_name: "eve@example.com" })],
  // A Cyrillic letter that looks like Ann's first.
  ["that looks like another's name", () => sign({ unique_name: "\u0430nn@example.com" })],
  ["with full-width letters", () => sign({ unique_name: "\uff41nn@example.com" })],
  ["with a name that collides", () => sign({ unique_name: "ann_example.com" })],
  ["with two at signs", () => sign({ unique_name: "ann@x@example.com" })],
];

describe("a token", () => {
  it.each(TOKENS)("%s is refused", async (name, token) => {
    await expectRefused(name, { Authorization: `Bearer ${await token()}` }, good);
  });

  it("beside another in a second header is refused", async () => {
    const headers = { ...asAnn(), authorization: `Bearer ${await sign({ exp: now() - 1 })}` };
    expect(await expectRefused("two headers", headers, good)).toBe("TOKEN_MISSING");
  });

  it("of an unknown kid makes the keys be fetched no more often, however many come", async () => {
    const before = issuer.fetches();
    const tokens = await Promise.all(
      Array.from({ length: 200 }, (_, n) => sign({ n }, { kid: `flood-${n}` })),
    );
    const answers = await Promise.all([
      ...tokens.map((token) => hook.post({ Authorization: `Bearer ${token}` }, good)),
      expectServed(),
      expectServed(),
    ]);
    expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([401, undefined]));
    await expectServed();
    expect(issuer.fetches() - before).toBeLessThanOrEqual(1);
  });

  it.each([
    ["cannot be had", (response: ServerResponse) => void response.destroy()],
    ["are a page", (response: ServerResponse) => void response.end(`<html>${CANARY}</html>`)],
    ["are none", (response: ServerResponse) => void response.end('{"keys":"none"}')],
    ["never come", () => undefined],
  ])("is refused while the keys %s", async (_, breaking) => {
    const other = await startIssuer();
    other.breakWith(breaking);
    const { db, database } = inventory;
    const lost = await startHook({ issuer: other, db, databaseUrl: database.url });
    await lost.snapshot.refresh();
    const token = await other.sign({ unique_name: "ann@example.com", note: CANARY });
    const asked = lost.post({ Authorization: `Bearer ${token}` }, good);
    await expectServed();
    expect((await asked).status).toBe(401);
    expect(lost.log()).not.toContain(CANARY);
    await lost.stop();
    await other.stop();
  });
});

const many = (count: number, each: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => each(n)).join(" ");

const REQUESTS: readonly [name: string, request: unknown][] = [
  ["a query of 1 MB", { query: `{ vaccinations { id } } #${CANARY}${"x".repeat(1_000_000)}` }],
  ["10,000 aliases", { query: `{ ${many(10_000, (n) => `a${n}: vaccinations { id }`)} }` }],
  [
    "a cycle of fragments",
    { query: "{ ...A } fragment A on query_root { ...B } fragment B on query_root { ...A }" },
  ],
  ["a fragment that spreads itself", { query: "{ ...A } fragment A on query_root { ...A }" }],
  [
    "fragments that double, 1,000 deep",
    {
      query: `{ ...F0 } ${many(1_000, (n) => `fragment F${n} on query_root { ...F${n + 1} ...F${n + 1} }`)} fragment F1000 on query_root { vaccinations }`,
    },
  ],
  [
    "an operation that is not there",
    { query: `query A { vaccinations } # ${CANARY}`, operationName: "B" },
  ],
  [
    "an operation's name of 1 MB",
    { query: "query A { vaccinations }", operationName: "x".repeat(1_000_000) },
  ],
  ["an empty query", { query: "" }],
  ["only white space", { query: " \n\t" }],
  ["only a comment", { query: `# ${CANARY}` }],
  ["selections 50,000 deep", { query: "{a".repeat(49_000) }],
  ["lists 50,000 deep", { query: `{ vaccinations(x: ${"[".repeat(50_000)}` }],
  ["a string without an end", { query: `{ vaccinations(x: "${CANARY}` }],
  ["a NUL character", { query: "{ vaccinations\u0000 { id } }" }],
  ["a lone surrogate as a name", { query: "{ \ud800 }" }],
  ["a mutation", { query: "mutation { delete_vaccinations(where: {}) { affected_rows } }" }],
  ["a subscription", { query: "subscription { vaccinations { id } }" }],
  ["a subscription in a batch", [good, { query: "subscription { vaccinations { id } }" }]],
  ["a batch of 10,000", Array.from({ length: 10_000 }, () => good)],
  [
    "a batch that adds up",
    Array.from({ length: 90 }, (_, n) => ({
      query: `{ vaccinations { id } } #${n}${"x".repeat(2_000)}`,
    })),
  ],
  ["a batch in a batch", [[good]]],
  ["a query that is an object", { query: { vaccinations: 1 } }],
  ["a number", 7],
  ["a field of somebody else", { query: "{ orders { id } }" }],
  ["a field of somebody else behind an alias", { query: "{ vaccinations: orders { id } }" }],
  [
    "a field of somebody else in an inline fragment",
    { query: "{ vaccinations { id } ... on query_root { orders { id } } }" },
  ],
  ["a look-alike of a field", { query: "{ v\u0430ccinations { id } }" }],
  [
    "fields named as what every object has",
    { query: "{ constructor __proto__ toString hasOwnProperty }" },
  ],
];

describe("a request", () => {
  it.each(REQUESTS)("with %s is refused", async (name, request) => {
    await expectRefused(name, asAnn(), request);
  });

  it.each(["{", '{"headers":{},"request":{"query":"{a}"}', "\u0000", "[1,2", '"x"', "null", "{}"])(
    "whose body is %j is refused",
    async (body) => {
      const response = await fetch(hook.url, { method: "POST", body });
      expect(response.status).toBe(401);
      await response.arrayBuffer();
      await expectServed();
    },
  );

  it("with a header named as what every object has is read as it is", async () => {
    const headers = JSON.parse(`{"__proto__":{"authorization":"Bearer x"},"constructor":"y"}`);
    expect((await hook.post(headers, good)).body.reason).toBe("TOKEN_MISSING");
    expect((await hook.post({ ...headers, ...asAnn() }, good)).status).toBe(200);
  });
});

describe("the log", () => {
  it("holds nothing of what was sent", () => {
    expect(hook.log()).toContain("refused");
    expect(hook.log()).not.toContain(CANARY);
    expect(hook.log()).not.toContain(ann.split(".")[2]);
    expect(hook.log()).not.toContain(ann.split(".")[1]);
    expect(hook.log()).not.toContain("because of a fault");
  });
});
