/** An identity provider: publishes one key, and signs as many tokens as are wanted. */
import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Closing } from "./bench.ts";

const ISSUER = "https://issuer.test/";
const AUDIENCE = "portcullis-bench";

export interface TokenIssuer {
  /** What makes a service trust it. */
  readonly settings: Readonly<Record<string, string>>;
  /** A new token, RS256, good for an hour. */
  sign(name: string): string;
}

export async function startTokenIssuer(closing: Closing): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "bench", alg: "RS256", use: "sig" };
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing(async () => {
    server.closeAllConnections();
    server.close();
  });
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = encode({ alg: "RS256", typ: "JWT", kid: "bench" });
  return {
    settings: {
      JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      JWT_AUDIENCE: AUDIENCE,
      JWT_ISSUER: ISSUER,
    },
    sign(name) {
      const now = Math.floor(Date.now() / 1000);
      const times = { iat: now, nbf: now, exp: now + 3_600 };
      const claims = { iss: ISSUER, aud: AUDIENCE, ...times, jti: randomUUID(), unique_name: name };
      const signed = `${header}.${encode(claims)}`;
      return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
    },
  };
}
