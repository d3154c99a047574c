/** A real identity provider in small: signs tokens with keys of its own and publishes them over HTTP. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CompactSign,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
} from "jose";

export const AUDIENCE = "portcullis-tests";
export const ISSUER = "https://issuer.test/";

export interface TestIssuer {
  readonly jwksUrl: string;
  /** The first published public key, as PEM. */
  readonly publicKey: string;
  /** Signs the claims with the newest key; issuer, audience and an hour's validity unless they say otherwise. */
  sign(claims: JWTPayload, header?: TokenHeader): Promise<string>;
  /** Signs a text that need not be claims. */
  signText(text: string): Promise<string>;
  /**
   * Makes a new key, which signs from now on.
   * @param keep whether the former keys stay published
   */
  rotate(options?: { keep?: boolean; alg?: string }): Promise<void>;
  /** How many times the keys were fetched. */
  fetches(): number;
  /** Answers otherwise than with the keys; `null` ends that. */
  breakWith(answer: ((response: ServerResponse) => void) | null): void;
  stop(): Promise<void>;
}

type TokenHeader = { alg?: string; kid?: string | undefined; [parameter: string]: unknown };

export async function startIssuer(alg = "RS256"): Promise<TestIssuer> {
  let fetches = 0;
  let broken: ((response: ServerResponse) => void) | null = null;
  const first = await makeKey(alg, 0);
  let keys = [first];
  let made = 1;
  const server = createServer((_, response) => {
    fetches += 1;
    if (broken) broken(response);
    else
      response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    publicKey: first.pem,
    sign: async (claims, header = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const newest = keys.at(-1) ?? first;
      return await new SignJWT({
        iss: ISSUER,
        aud: AUDIENCE,
        iat: now,
        exp: now + 3_600,
        ...claims,
      })
        .setProtectedHeader({ alg: newest.alg, kid: newest.jwk.kid, ...header })
        .sign(newest.privateKey);
    },
    signText: async (text) =>
      await new CompactSign(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: first.alg, kid: first.jwk.kid })
        .sign(first.privateKey),
    rotate: async ({ keep = true, alg: next = alg } = {}) => {
      const newest = await makeKey(next, made++);
      keys = keep ? [...keys, newest] : [newest];
    },
    fetches: () => fetches,
    breakWith: (answer) => {
      broken = answer;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function makeKey(alg: string, index: number) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: `key-${index}`, use: "sig" };
  return { alg, privateKey, jwk, pem: await exportSPKI(publicKey) };
}
