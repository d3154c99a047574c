/**
 * The sandbox's token issuer: real RS256 tokens from a key of its own. Its issuer names are its own too,
 * so that no token from here is ever taken for one of a real identity provider. Consumers and admins have tokens of
 * different issuers and audiences; the admins' issuer is found by OpenID discovery.
 */
import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  SignJWT,
} from "jose";
import { z } from "zod";
import { allowsMethod, type Handler, requestUrl, sendInvalid, sendJson } from "./http.ts";

export const TOKEN_ISSUER = "portcullis-sandbox";
export const TOKEN_AUDIENCE = "portcullis-sandbox";
/** Where on the sandbox's port the admins' issuer is: its address is its name. */
export const ADMIN_ISSUER_PATH = "/sandbox/admins";
export const ADMIN_AUDIENCE = "portcullis-sandbox-admins";

export interface TokenIssuer {
  /**
   * Signs a token for a user.
   * @param expiresIn seconds; a negative number makes a token that has expired already
   */
  sign(user: string, groups: readonly string[], expiresIn?: number): Promise<string>;
  jwks(): JSONWebKeySet;
  /** Serves `GET /sandbox/jwks`, `GET /sandbox/token` and the admins' discovery. */
  readonly handle: Handler;
}

const ALGORITHM = "RS256";
const KEY_FILE = "sandbox-token-key.json";
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

const privateKeySchema = z.object({
  kty: z.literal("RSA"),
  n: z.string(),
  e: z.string(),
  d: z.string(),
  p: z.string(),
  q: z.string(),
  dp: z.string(),
  dq: z.string(),
  qi: z.string(),
});

const names = z
  .string()
  .transform((text) => (text === "" ? [] : text.split(",").map((name) => name.trim())))
  .pipe(z.array(z.string().min(1, "expected names, such as a,b")).max(500));

const askedSchema = z.strictObject({
  user: z
    .string({ error: "expected a user, such as alice@example.com" })
    .trim()
    .min(1, "expected a user, such as alice@example.com")
    .max(256, "expected at most 256 characters"),
  groups: names.optional(),
  audience: z
    .enum(["consumer", "admin"], { error: "expected consumer or admin" })
    .default("consumer"),
  roles: names.optional(),
  expiresIn: z.coerce
    .number({ error: "expected seconds" })
    .int("expected whole seconds")
    .min(-DAY_S, "expected at least minus one day")
    .max(30 * DAY_S, "expected at most 30 days")
    .default(HOUR_S),
});

/** Opens the issuer whose key lies in `dataDir`, or makes the key, so that tokens outlive a restart. */
export async function openTokenIssuer(dataDir: string): Promise<TokenIssuer> {
  const stored = await openKey(dataDir);
  const publicPart: JWK = { kty: stored.kty, n: stored.n, e: stored.e };
  const kid = await calculateJwkThumbprint(publicPart);
  const key = await importJWK(stored, ALGORITHM);
  const keySet: JSONWebKeySet = { keys: [{ ...publicPart, kid, alg: ALGORITHM, use: "sig" }] };

  const signFor = async (
    user: string,
    expiresIn: number,
    claims: { iss: string; aud: string; groups: string[]; roles?: string[] },
  ): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    // An expired token was issued before it expired, as a real one is.
    const issued = expiresIn > 0 ? now : now + expiresIn - HOUR_S;
    return await new SignJWT({ preferred_username: user, unique_name: user, ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: "JWT" })
      .setSubject(user)
      .setIssuedAt(issued)
      .setNotBefore(issued)
      .setExpirationTime(now + expiresIn)
      .sign(key);
  };
  const sign: TokenIssuer["sign"] = (user, groups, expiresIn = HOUR_S) =>
    signFor(user, expiresIn, { iss: TOKEN_ISSUER, aud: TOKEN_AUDIENCE, groups: [...groups] });

  const handle: Handler = async (request, response) => {
    const url = requestUrl(request);
    const discovery = `${ADMIN_ISSUER_PATH}/.well-known/openid-configuration`;
    if (!["/sandbox/jwks", "/sandbox/token", discovery].includes(url.pathname)) return false;
    if (!allowsMethod(request, response, ["GET"])) return true;
    const base = ownAddress(request);
    const iss = `${base}${ADMIN_ISSUER_PATH}`;
    if (url.pathname === discovery) {
      sendJson(response, 200, { issuer: iss, jwks_uri: `${base}/sandbox/jwks` });
      return true;
    }
    if (url.pathname === "/sandbox/jwks") {
      sendJson(response, 200, keySet);
      return true;
    }
    const asked = askedSchema.safeParse(Object.fromEntries(url.searchParams));
    if (!asked.success) {
      sendInvalid(
        response,
        "Ask for a token like this: GET /sandbox/token?user=alice@example.com&groups=a,b&expiresIn=3600, or &audience=admin&roles=operator",
        asked.error,
      );
      return true;
    }
    const { user, groups = [], roles = [], expiresIn, audience } = asked.data;
    const token =
      audience === "admin"
        ? await signFor(user, expiresIn, { iss, aud: ADMIN_AUDIENCE, groups, roles })
        : await sign(user, groups, expiresIn);
    sendJson(response, 200, { token });
    return true;
  };
  return { sign, jwks: () => keySet, handle };
}

/** Whatever name it was asked by: an issuer has one name. */
function ownAddress(request: IncomingMessage): string {
  return `http://127.0.0.1:${request.socket.localPort}`;
}

/** The stored key; of several processes that start at once, the first one's. */
async function openKey(dataDir: string): Promise<z.infer<typeof privateKeySchema>> {
  const path = join(dataDir, KEY_FILE);
  const stored = await readFile(path, "utf8").catch(() => undefined);
  if (stored !== undefined) return privateKeySchema.parse(JSON.parse(stored));
  await mkdir(dataDir, { recursive: true });
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const made = JSON.stringify(await exportJWK(privateKey));
  const partial = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(partial, made, { mode: 0o600, flag: "wx" });
  // Unlike a rename, a link fails when the name is taken: nobody's key is ever replaced.
  await link(partial, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(partial);
  return privateKeySchema.parse(JSON.parse(await readFile(path, "utf8")));
}
