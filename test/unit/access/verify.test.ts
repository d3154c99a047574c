import { createHmac } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTokenVerifier, type TokenSettings } from "../../../src/access/verify.ts";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "./token-issuer.ts";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const ann = { unique_name: "ann@example.com" };

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
  return result.ok ? "ok" : result.reason;
}

beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(async () => await issuer.stop());

describe("createTokenVerifier", () => {
  it("takes a token that was signed for us by a published key", async () => {
    const expires = inSeconds(600);
    const token = await issuer.sign({ ...ann, exp: expires });
    const result = await createTokenVerifier(settings())(token);
    expect(result).toMatchObject({ ok: true, claims: ann, expiresAt: expires * 1000 });
    expect(await verdict(await issuer.sign({ ...ann, aud: ["x", "another-audience"] }))).toBe("ok");
  });

  it("refuses a token that has expired, is not valid yet, or never expires", async () => {
    expect(await verdict(await issuer.sign({ exp: inSeconds(-1) }))).toBe("TOKEN_REFUSED");
    expect(await verdict(await issuer.sign({ nbf: inSeconds(60) }))).toBe("TOKEN_REFUSED");
    expect(await verdict(await issuer.sign({ exp: undefined }))).toBe("TOKEN_REFUSED");
  });

  it("refuses a token of another issuer, or of none", async () => {
    expect(await verdict(await issuer.sign({ iss: "https://other.test/" }))).toBe("TOKEN_REFUSED");
    expect(await verdict(await issuer.sign({ iss: undefined }))).toBe("TOKEN_REFUSED");
    expect(await verdict(await issuer.sign({ iss: "https://other.test/" }), { issuers: [] })).toBe(
      "ok",
    );
  });

  it("refuses a token for another audience, or for none", async () => {
    expect(await verdict(await issuer.sign({ aud: "https://management.core.windows.net/" }))).toBe(
      "TOKEN_REFUSED",
    );
    expect(await verdict(await issuer.sign({ aud: undefined }))).toBe("TOKEN_REFUSED");
  });

  it("refuses a token that nobody signed", async () => {
    const claims = encode({ iss: ISSUER, aud: AUDIENCE, exp: inSeconds(600), ...ann });
    expect(await verdict(`${encode({ alg: "none" })}.${claims}.`)).toBe("TOKEN_REFUSED");
    expect(await verdict(`${encode({ alg: "None", kid: "key-0" })}.${claims}.`)).toBe(
      "TOKEN_REFUSED",
    );
    expect(await verdict(`${encode({ alg: "RS256", kid: "key-0" })}.${claims}.`)).toBe(
      "TOKEN_REFUSED",
    );
  });

  it("refuses a token that was signed with the public key as a shared secret", async () => {
    const signed = `${encode({ alg: "HS256", kid: "key-0" })}.${encode({ iss: ISSUER, aud: AUDIENCE, exp: inSeconds(600), ...ann })}`;
    const signature = createHmac("sha256", issuer.publicKey).update(signed).digest("base64url");
    expect(await verdict(`${signed}.${signature}`)).toBe("TOKEN_REFUSED");
  });

  it("refuses a token that brings its own key, or names where to fetch it", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const forged = async (header: object) =>
      await new SignJWT({ iss: ISSUER, aud: AUDIENCE, exp: inSeconds(600), ...ann })
        .setProtectedHeader({ alg: "RS256", ...header })
        .sign(privateKey);
    expect(await verdict(await forged({ jwk: await exportJWK(publicKey) }))).toBe("TOKEN_REFUSED");
    expect(await verdict(await forged({ kid: "key-0", jku: "http://127.0.0.1:1/keys" }))).toBe(
      "TOKEN_REFUSED",
    );
    expect(await verdict(await forged({ kid: "key-0" }))).toBe("TOKEN_REFUSED");
  });

  it("refuses an algorithm that was not configured", async () => {
    expect(await verdict(await issuer.sign(ann), { algorithms: ["ES256"] })).toBe("TOKEN_REFUSED");
  });

  it("refuses a token that was changed after it was signed", async () => {
    const [header = "", , signature = ""] = (await issuer.sign(ann)).split(".");
    const claims = encode({
      iss: ISSUER,
      aud: AUDIENCE,
      exp: inSeconds(600),
      unique_name: "bob@example.com",
    });
    expect(await verdict(`${header}.${claims}.${signature}`)).toBe("TOKEN_REFUSED");
  });

  it.each(["", ".", "..", "a.b.c", "eyJ", `${"x".repeat(40_000)}`])(
    "refuses garbage (%#)",
    async (token) => {
      expect(await verdict(token)).toBe("TOKEN_REFUSED");
    },
  );

  it("fetches the keys once for many tokens at once, and not again for unknown key ids", async () => {
    const verify = createTokenVerifier(settings());
    const before = issuer.fetches();
    const tokens = await Promise.all(
      Array.from({ length: 10 }, (_, jti) => issuer.sign({ jti: String(jti) })),
    );
    const results = await Promise.all(tokens.map(verify));
    expect(results.every((result) => result.ok)).toBe(true);
    for (let attempt = 0; attempt < 5; attempt++)
      expect(
        await verify(await issuer.sign({ jti: `u${attempt}` }, { kid: `unknown-${attempt}` })),
      ).toEqual({
        ok: false,
        reason: "TOKEN_REFUSED",
      });
    expect(issuer.fetches() - before).toBe(1);
  });

  it("does not look at the keys again for a token it has verified a moment ago", async () => {
    const verify = createTokenVerifier(settings());
    const token = await issuer.sign({ ...ann, exp: inSeconds(2) });
    const first = await verify(token);
    expect(await verify(token)).toBe(first);
    await expect.poll(async () => (await verify(token)).ok, { timeout: 5_000 }).toBe(false);
  });

  it("says when it is the keys that are missing, and recovers", async () => {
    const verify = createTokenVerifier(settings());
    const token = await issuer.sign(ann);
    issuer.breakWith((response) => response.writeHead(500).end());
    const before = issuer.fetches();
    for (let attempt = 0; attempt < 5; attempt++)
      expect(await verify(token)).toEqual({ ok: false, reason: "TOKEN_KEYS_UNAVAILABLE" });
    expect(issuer.fetches() - before).toBe(1);
    issuer.breakWith(null);
    await expect.poll(async () => (await verify(token)).ok, { timeout: 5_000 }).toBe(true);
  });

  it("is not made with settings under which a token would prove nothing", () => {
    for (const algorithms of [["HS256"], ["none"], ["RS256", "HS512"], []])
      expect(() => createTokenVerifier(settings({ algorithms }))).toThrow(/RS, PS and ES/);
    expect(() => createTokenVerifier(settings({ audiences: [] }))).toThrow(/audience/);
  });
});
