import { createHmac, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importSPKI, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTokenVerifier, type TokenSettings } from "../../../src/access/verify.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "./token-issuer.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const ann = { unique_name: "ann@example.com" };
const good = () => ({ iss: ISSUER, aud: AUDIENCE, exp: inSeconds(600), ...ann });

let issuer: TestIssuer;
const settings = (more: Partial<TokenSettings> = {}): TokenSettings => ({
  jwksUrl: issuer.jwksUrl,
  audiences: [AUDIENCE, "another-audience"],
  issuers: [ISSUER],
  algorithms: ["RS256", "ES256"],
  ...more,
});
/** What a verifier of its own, with nothing remembered, says of the token. */
async function verdict(token: string, more: Partial<TokenSettings> = {}) {
  const result = await createTokenVerifier(settings(more))(token);
  if (result.ok) return "ok";
  return result.reason === "TOKEN_REFUSED" ? result.fault : result.reason;
}

/** Answers for ever, a space at a time. */
function dripOnto(response: ServerResponse): void {
  const drops = setInterval(() => response.write(" "), 20);
  response.on("close", () => clearInterval(drops));
}

beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(async () => await issuer.stop());
afterEach(() => issuer.breakWith(null));

describe("createTokenVerifier", () => {
  it("takes a token that was signed for us by a published key", async () => {
    const expires = inSeconds(600);
    const token = await issuer.sign({ ...ann, exp: expires });
    const result = await createTokenVerifier(settings())(token);
    expect(result).toMatchObject({ ok: true, claims: ann, expiresAt: expires * 1000 });
    expect(await verdict(await issuer.sign({ ...ann, aud: ["x", "another-audience"] }))).toBe("ok");
  });

  it.each(["RS512", "PS256", "PS384", "ES256", "ES384", "ES512"])(
    "takes %s, and nothing else that the same key could sign, when that is what is configured",
    async (alg) => {
      const provider = await startIssuer(alg);
      try {
        const { jwksUrl } = provider;
        const token = await provider.sign(ann);
        expect(await verdict(token, { jwksUrl, algorithms: [alg] })).toBe("ok");
        expect(await verdict(token, { jwksUrl, algorithms: ["RS256"] })).toBe("ALGORITHM");
      } finally {
        await provider.stop();
      }
    },
  );

  it("refuses a token that has expired, is not valid yet, or never expires", async () => {
    expect(await verdict(await issuer.sign({ exp: inSeconds(-1) }))).toBe("EXPIRED");
    expect(await verdict(await issuer.sign({ exp: inSeconds(-365 * 86_400) }))).toBe("EXPIRED");
    expect(await verdict(await issuer.sign({ nbf: inSeconds(60) }))).toBe("EARLY");
    expect(await verdict(await issuer.sign({ exp: undefined }))).toBe("MALFORMED");
    const { exp: _, ...claims } = good();
    for (const exp of ["never", null, { $gt: 0 }, Number.MAX_VALUE.toString()])
      expect(await verdict(await issuer.signText(JSON.stringify({ ...claims, exp })))).toBe(
        "MALFORMED",
      );
    expect(await verdict(await issuer.signText(JSON.stringify({ ...good(), nbf: "0" })))).toBe(
      "EARLY",
    );
  });

  it("bears with a provider whose clock is a little ahead", async () => {
    expect(await verdict(await issuer.sign({ nbf: inSeconds(3) }))).toBe("ok");
  });

  it("refuses a token of another issuer, or of none", async () => {
    expect(await verdict(await issuer.sign({ iss: "https://other.test/" }))).toBe("ISSUER");
    expect(await verdict(await issuer.sign({ iss: ISSUER.slice(0, -1) }))).toBe("ISSUER");
    expect(await verdict(await issuer.sign({ iss: undefined }))).toBe("ISSUER");
  });

  it("refuses a token for another audience, for none, or for another zone as well", async () => {
    expect(await verdict(await issuer.sign({ aud: "https://management.core.windows.net/" }))).toBe(
      "AUDIENCE",
    );
    expect(await verdict(await issuer.sign({ aud: undefined }))).toBe("AUDIENCE");
    expect(await verdict(await issuer.sign({ aud: [] }))).toBe("AUDIENCE");
    const both = await issuer.sign({ aud: [AUDIENCE, "admins"] });
    expect(await verdict(both)).toBe("ok");
    expect(await verdict(both, { foreignAudiences: ["admins"] })).toBe("AUDIENCE");
  });

  it("refuses a token that nobody signed", async () => {
    const claims = encode(good());
    for (const alg of ["none", "None", "NONE", "nOnE", "", undefined])
      expect(await verdict(`${encode({ alg, kid: "key-0" })}.${claims}.`)).not.toBe("ok");
    expect(await verdict(`${encode({ alg: "RS256", kid: "key-0" })}.${claims}.`)).toBe("SIGNATURE");
    expect(await verdict(`${encode({ alg: "RS256", kid: "key-0" })}.${claims}.AAAA`)).toBe(
      "SIGNATURE",
    );
  });

  it.each(["HS256", "HS384", "HS512"])(
    "refuses a token that was signed with the public key as a shared secret: %s",
    async (alg) => {
      const jwk = JSON.stringify(await exportJWK(await importSPKI(issuer.publicKey, "RS256")));
      for (const secret of [issuer.publicKey, issuer.publicKey.trim(), jwk]) {
        const signed = `${encode({ alg, kid: "key-0" })}.${encode(good())}`;
        const signature = createHmac(`sha${alg.slice(2)}`, secret)
          .update(signed)
          .digest("base64url");
        expect(await verdict(`${signed}.${signature}`)).toBe("ALGORITHM");
      }
    },
  );

  it("refuses a token that brings its own key, or names where to fetch it, and fetches nothing from there", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const strange = await startIssuer();
    const jwk = { ...(await exportJWK(publicKey)), kid: "key-0" };
    const forged = async (header: object) =>
      await new SignJWT(good()).setProtectedHeader({ alg: "RS256", ...header }).sign(privateKey);
    try {
      for (const header of [
        { jwk },
        { kid: "key-0", jwk },
        { kid: "key-0", jku: strange.jwksUrl },
        { kid: "key-0", x5u: strange.jwksUrl },
        { kid: strange.jwksUrl, jku: strange.jwksUrl },
        { x5c: [randomBytes(300).toString("base64")] },
        { kid: "key-0" },
        {},
      ])
        expect(await verdict(await forged(header))).toMatch(/^(SIGNATURE|KEY_UNKNOWN)$/);
      expect(strange.fetches()).toBe(0);
    } finally {
      await strange.stop();
    }
  });

  it("refuses key ids that are made to do something", async () => {
    const { privateKey } = await generateKeyPair("RS256");
    const before = issuer.fetches();
    const verify = createTokenVerifier(settings());
    for (const kid of [
      "",
      "../../../../dev/null",
      "key-0' OR '1'='1",
      "file:///etc/passwd",
      "__proto__",
      "constructor",
      "x".repeat(10_000),
      7,
      null,
      ["key-0"],
      { toString: "key-0" },
    ]) {
      const token = `${encode({ alg: "RS256", kid })}.${encode(good())}.${randomBytes(256).toString("base64url")}`;
      expect(await verify(token)).toMatchObject({ ok: false, reason: "TOKEN_REFUSED" });
    }
    const wrongKey = await new SignJWT(good())
      .setProtectedHeader({ alg: "RS256", kid: "key-0" })
      .sign(privateKey);
    expect(await verify(wrongKey)).toMatchObject({ fault: "SIGNATURE" });
    expect(issuer.fetches() - before).toBe(1);
  });

  it("refuses extensions that it must understand and does not", async () => {
    for (const header of [
      { crit: ["exp2"], exp2: 1 },
      { crit: [] },
      { crit: "b64", b64: false },
      { crit: ["alg"] },
    ]) {
      const [, claims = "", signature = ""] = (await issuer.sign(ann)).split(".");
      const token = `${encode({ alg: "RS256", kid: "key-0", ...header })}.${claims}.${signature}`;
      expect(await verdict(token)).toMatch(/^(MALFORMED|ALGORITHM)$/);
    }
  });

  it("refuses a token that was changed after it was signed", async () => {
    const [header = "", , signature = ""] = (await issuer.sign(ann)).split(".");
    const claims = encode({ ...good(), unique_name: "bob@example.com" });
    expect(await verdict(`${header}.${claims}.${signature}`)).toBe("SIGNATURE");
  });

  it("refuses a token that is cut off anywhere", async () => {
    const verify = createTokenVerifier(settings());
    const token = await issuer.sign(ann);
    for (let length = 0; length < token.length; length += 7)
      expect(await verify(token.slice(0, length))).toMatchObject({ ok: false });
    expect(await verify(token)).toMatchObject({ ok: true });
  });

  it("refuses a token that is larger than any that a provider makes", async () => {
    const verify = createTokenVerifier(settings());
    const large = await issuer.sign({ ...ann, filler: "x".repeat(30_000) });
    expect(await verify(large)).toMatchObject({ fault: "MALFORMED" });
    const usual = await issuer.sign({ ...ann, filler: "x".repeat(20_000) });
    expect(await verify(usual)).toMatchObject({ ok: true });
  });

  it.each(["", ".", "..", "a.b.c", "eyJ", "....", `${"x".repeat(40_000)}`, "\0.\0.\0", "🙂.🙂.🙂"])(
    "refuses garbage (%#)",
    async (token) => {
      expect(await verdict(token)).toBe("MALFORMED");
    },
  );

  it("is not made with settings under which a token would prove nothing", () => {
    for (const algorithms of [["HS256"], ["none"], ["RS256", "HS512"], []])
      expect(() => createTokenVerifier(settings({ algorithms }))).toThrow(/RS, PS and ES/);
    expect(() => createTokenVerifier(settings({ audiences: [] }))).toThrow(/audience/);
    expect(() => createTokenVerifier(settings({ issuers: [] }))).toThrow(/issuer/);
  });
});

describe("the memory of verified tokens", () => {
  it("answers a token of a moment ago without looking at the keys, and not past its end", async () => {
    const verify = createTokenVerifier(settings());
    const token = await issuer.sign({ ...ann, exp: inSeconds(2) });
    const first = await verify(token);
    expect(verify(token)).toBe(first);
    await expect.poll(async () => (await verify(token)).ok, { timeout: 5_000 }).toBe(false);
    expect(await verify(token)).toMatchObject({ fault: "EXPIRED" });
  });

  it("keeps nothing of a token that was refused", async () => {
    const verify = createTokenVerifier(settings());
    const [header, claims] = (await issuer.sign(ann)).split(".");
    const forged = `${header}.${claims}.${randomBytes(256).toString("base64url")}`;
    expect(await verify(forged)).toMatchObject({ fault: "SIGNATURE" });
    expect(verify(forged)).toBeInstanceOf(Promise);
    expect(await verify(forged)).toMatchObject({ fault: "SIGNATURE" });
  });
});

describe("the provider's keys", () => {
  it("are fetched once for many tokens at once, and not again for a flood of unknown key ids", async () => {
    const before = issuer.fetches();
    const verify = createTokenVerifier(settings());
    const sign = (index: number) => issuer.sign({ jti: String(index) });
    const tokens = await Promise.all(Array.from({ length: 10 }, (_, index) => sign(index)));
    const results = await Promise.all(tokens.map(verify));
    expect(results.every((result) => result.ok)).toBe(true);
    const flood = Array.from(
      { length: 500 },
      (_, index) => `${encode({ alg: "RS256", kid: `unknown-${index}` })}.${encode(good())}.AAAA`,
    );
    const [known, ...unknown] = await Promise.all([
      verify(await sign(99)),
      ...flood.map((token) => verify(token)),
    ]);
    expect(known).toMatchObject({ ok: true });
    for (const result of unknown) expect(result).toMatchObject({ fault: "KEY_UNKNOWN" });
    expect(issuer.fetches() - before).toBe(1);
  });

  it("may be renewed without a restart", async () => {
    const provider = await startIssuer();
    try {
      const { jwksUrl } = provider;
      const verify = createTokenVerifier(settings({ jwksUrl, keyTiming: { pause: 100 } }));
      const old = await provider.sign(ann);
      expect(await verify(old)).toMatchObject({ ok: true });
      await provider.rotate({ keep: false });
      const fresh = await provider.sign(ann);
      await expect.poll(async () => (await verify(fresh)).ok).toBe(true);
      expect(provider.fetches()).toBe(2);
      const again = await provider.sign({ ...ann, jti: "another" }, { kid: "key-0" });
      expect(await verify(again)).toMatchObject({ fault: "KEY_UNKNOWN" });
    } finally {
      await provider.stop();
    }
  });

  it("are fetched again in the background after a while, and a key taken back is forgotten", async () => {
    const provider = await startIssuer();
    try {
      const { jwksUrl } = provider;
      const keyTiming = { pause: 50, fresh: 100 };
      const verify = createTokenVerifier(settings({ jwksUrl, keyTiming }));
      const before = await Promise.all([1, 2].map((jti) => provider.sign({ jti: String(jti) })));
      expect(await verify(before[0] ?? "")).toMatchObject({ ok: true });
      await provider.rotate({ keep: false });
      await expect
        .poll(async () => await verify(await provider.sign({ jti: "n" }, { kid: "key-0" })))
        .toMatchObject({ fault: "KEY_UNKNOWN" });
      expect(await verify(before[1] ?? "")).toMatchObject({ fault: "KEY_UNKNOWN" });
    } finally {
      await provider.stop();
    }
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["an error", (response) => response.writeHead(500).end()],
    [
      "an error with what looks like keys",
      (response) => response.writeHead(503).end('{"keys":[]}'),
    ],
    ["a redirect", (response) => response.writeHead(302, { location: issuer.jwksUrl }).end()],
    ["no JSON", (response) => response.end("<html>login</html>")],
    ["other JSON", (response) => response.end('{"keys":"all of them"}')],
    ["null", (response) => response.end("null")],
    ["a connection that breaks", (response) => response.destroy()],
    [
      "a huge document",
      (response) => response.end(`{"keys":[{"kty":"RSA","n":"${"A".repeat(2_000_000)}"}]}`),
    ],
    ["nothing", () => undefined],
    ["drop by drop", dripOnto],
  ])("are missing when the provider answers %s: refused, and mended later", async (_, answer) => {
    issuer.breakWith(answer);
    const before = issuer.fetches();
    const keyTiming = { wait: 200, timeout: 400, pauseAfterFailure: 300 };
    const told: string[] = [];
    const log = createLogger({ level: "info" }, { write: (line) => void told.push(line) });
    const verify = createTokenVerifier(settings({ keyTiming, log }));
    const token = await issuer.sign(ann);
    const results = await Promise.all(Array.from({ length: 20 }, () => verify(token)));
    for (const result of results)
      expect(result).toEqual({ ok: false, reason: "TOKEN_KEYS_UNAVAILABLE" });
    expect(issuer.fetches() - before).toBe(1);
    issuer.breakWith(null);
    await expect.poll(async () => (await verify(token)).ok, { timeout: 5_000 }).toBe(true);
    expect(told.map((line) => JSON.parse(line).msg)).toEqual([
      "the identity provider's keys cannot be had",
      "the identity provider's keys can be had again",
    ]);
  });

  it("are not waited for longer than a request can wait", async () => {
    issuer.breakWith(() => undefined);
    const keyTiming = { wait: 50, timeout: 600_000 };
    const verify = createTokenVerifier(settings({ keyTiming }));
    expect(await verify(await issuer.sign(ann))).toMatchObject({
      reason: "TOKEN_KEYS_UNAVAILABLE",
    });
  });

  it("that are known go on being used while the provider fails, whatever strangers send", async () => {
    const verify = createTokenVerifier(settings({ keyTiming: { pause: 0, wait: 300 } }));
    expect(await verify(await issuer.sign(ann))).toMatchObject({ ok: true });
    issuer.breakWith(() => undefined);
    const stranger = `${encode({ alg: "RS256", kid: "unknown" })}.${encode(good())}.AAAA`;
    const flood = Array.from({ length: 100 }, () => verify(stranger));
    for (let index = 0; index < 20; index += 1)
      expect(await verify(await issuer.sign({ jti: String(index) }))).toMatchObject({ ok: true });
    for (const result of await Promise.all(flood)) expect(result.ok).toBe(false);
  });

  it("that are too short, of another kind or for another use are not used", async () => {
    const short = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const published = short.publicKey.export({ format: "jwk" });
    const elliptic = await generateKeyPair("ES256", { extractable: true });
    const encryption = await generateKeyPair("RS256", { extractable: true });
    const keys = [
      { ...published, kid: "short" },
      { ...(await exportJWK(elliptic.publicKey)), kid: "elliptic" },
      { ...(await exportJWK(encryption.publicKey)), kid: "encryption", use: "enc" },
      { kty: "oct", kid: "shared", k: Buffer.from("a shared secret").toString("base64url") },
    ];
    const server = createServer((_, response) => response.end(JSON.stringify({ keys })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      const signed = async (kid: string, alg: string, key: CryptoKey) =>
        await new SignJWT(good()).setProtectedHeader({ alg, kid }).sign(key);
      const head = `${encode({ alg: "RS256", kid: "short" })}.${encode(good())}`;
      const signature = createSign("sha256").update(head).sign(short.privateKey, "base64url");
      expect(await verdict(`${head}.${signature}`, { jwksUrl })).toBe("SIGNATURE");
      const tokens = [
        await signed("encryption", "RS256", encryption.privateKey),
        `${encode({ alg: "RS256", kid: "elliptic" })}.${encode(good())}.AAAA`,
        `${encode({ alg: "RS256", kid: "shared" })}.${encode(good())}.AAAA`,
      ];
      for (const token of tokens) expect(await verdict(token, { jwksUrl })).toBe("KEY_UNKNOWN");
      const elliptical = await signed("elliptic", "ES256", elliptic.privateKey);
      expect(await verdict(elliptical, { jwksUrl })).toBe("ok");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
