/** A real identity provider in small: signs tokens with keys of its own and publishes them over HTTP. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";

export const AUDIENCE = "portcullis-tests";
export const ISSUER = "https://issuer.test/";

export interface TestIssuer {
  readonly jwksUrl: string;
  /** The published public key, as PEM. */
  readonly publicKey: string;
  /** Signs the claims; issuer, audience and an hour's validity unless they say otherwise. */
  sign(claims: JWTPayload, header?: { alg?: string; kid?: string }): Promise<string>;
  /** How many times the keys were fetched. */
  fetches(): number;
  /** Answers otherwise than with the keys; `null` ends that. */
  breakWith(answer: ((response: ServerResponse) => void) | null): void;
  stop(): Promise<void>;
}

export async function startIssuer(): Promise<TestIssuer> {
  let fetches = 0;
  let broken: ((response: ServerResponse) => void) | null = null;
  const key = await makeKey();
  const server = createServer((_, response) => {
    fetches += 1;
    if (broken) broken(response);
    else
      response
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ keys: [key.jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    publicKey: key.pem,
    sign: async (claims, header = {}) => {
      const now = Math.floor(Date.now() / 1000);
      return await new SignJWT({
        iss: ISSUER,
        aud: AUDIENCE,
        iat: now,
        exp: now + 3_600,
        ...claims,
      })
        .setProtectedHeader({ alg: "RS256", kid: key.jwk.kid, ...header })
        .sign(key.privateKey);
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

async function makeKey() {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-0", use: "sig" };
  return { privateKey, jwk, pem: await exportSPKI(publicKey) };
}
