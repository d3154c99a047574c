/** Consumers' tokens: signature, issuer, audience and times, by the identity provider's published keys. */
import { createHash } from "node:crypto";
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { AppError } from "../errors.ts";

/** Signatures by a private key only: with any other, whoever can verify a token can make one. */
const ALGORITHM = /^(RS|PS|ES)(256|384|512)$/;

const KEYS_FRESH_MS = 10 * 60_000;
/** How long the last known keys are used while the provider cannot be reached. */
const KEYS_KEPT_MS = 60 * 60_000;
/** Least time between two fetches: nobody can make us fetch more often with unknown key ids. */
const FETCH_PAUSE_MS = 30_000;
const FETCH_PAUSE_AFTER_FAILURE_MS = 1_000;
const FETCH_TIMEOUT_MS = 5_000;

/** Longest a token is taken as verified without looking at the keys again. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_TOKENS = 10_000;
const LONGEST_TOKEN = 32_768;

export interface TokenSettings {
  readonly jwksUrl: string;
  readonly audiences: readonly string[];
  /** Empty: the issuer is not checked. The configuration decides whether that may be. */
  readonly issuers: readonly string[];
  readonly algorithms: readonly string[];
}

type TokenResult =
  | {
      readonly ok: true;
      readonly claims: JWTPayload;
      /** Ms since the epoch. */
      readonly expiresAt: number;
    }
  | { readonly ok: false; readonly reason: "TOKEN_REFUSED" | "TOKEN_KEYS_UNAVAILABLE" };

export type VerifyToken = (token: string) => Promise<TokenResult>;

/**
 * Makes the verifier of consumers' tokens. Keys are fetched when first needed, one fetch at a time.
 * @throws AppError CONFIGURATION for settings under which tokens would prove nothing
 */
export function createTokenVerifier(settings: TokenSettings): VerifyToken {
  const { audiences, issuers, algorithms } = settings;
  const unsafe = algorithms.filter((algorithm) => !ALGORITHM.test(algorithm));
  if (audiences.length === 0 || algorithms.length === 0 || unsafe.length > 0)
    throw new AppError(
      "CONFIGURATION",
      `Consumers' tokens need an audience and algorithms of the families RS, PS and ES${unsafe.length > 0 ? `, not ${unsafe.join(", ")}` : ""}.`,
    );
  const keys = createKeySource(new URL(settings.jwksUrl));
  const remembered = createMemory();
  const options = {
    audience: [...audiences],
    ...(issuers.length > 0 ? { issuer: [...issuers] } : {}),
    algorithms: [...algorithms],
    requiredClaims: ["exp"],
  };
  return async (token) => {
    if (token.length > LONGEST_TOKEN) return { ok: false, reason: "TOKEN_REFUSED" };
    const digest = createHash("sha256").update(token).digest("base64");
    const known = remembered.get(digest, Date.now());
    if (known) return known;
    try {
      const { payload } = await jwtVerify(token, keys, options);
      const expiresAt = (payload.exp ?? 0) * 1000;
      const verified = { ok: true, claims: payload, expiresAt } as const;
      remembered.set(digest, verified, Math.min(expiresAt, Date.now() + REMEMBERED_MS));
      return verified;
    } catch (error) {
      return {
        ok: false,
        reason: isTokensFault(error) ? "TOKEN_REFUSED" : "TOKEN_KEYS_UNAVAILABLE",
      };
    }
  };
}

/** The provider's keys: used while they are renewed in the background, and for a while when that fails. */
function createKeySource(url: URL): JWTVerifyGetKey {
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;
  const fetchKeys: FetchImplementation = async (address, options) => {
    if (performance.now() - failedAt < FETCH_PAUSE_AFTER_FAILURE_MS)
      throw new KeysUnavailable("the last fetch failed a moment ago");
    try {
      const response = await fetch(address, options);
      if (response.status !== 200) throw new KeysUnavailable(`answered ${response.status}`);
      fetchedAt = performance.now();
      return response;
    } catch (error) {
      failedAt = performance.now();
      throw new KeysUnavailable("cannot be fetched", { cause: error });
    }
  };
  const keySet = createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: FETCH_PAUSE_MS,
    cacheMaxAge: KEYS_KEPT_MS,
    [customFetch]: fetchKeys,
  });
  return async (header, token) => {
    if (keySet.fresh && !keySet.reloading && performance.now() - fetchedAt > KEYS_FRESH_MS)
      keySet.reload().catch(() => undefined);
    return await keySet(header, token);
  };
}

class KeysUnavailable extends Error {}

/** Whether the token is to blame; else the keys could not be had. */
function isTokensFault(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false;
  if (error instanceof KeysUnavailable) return false;
  return error instanceof errors.JOSEError || error instanceof TypeError;
}

type Verified = Extract<TokenResult, { ok: true }>;

/** The verified tokens used last, by digest: a token itself is never kept. */
function createMemory() {
  const entries = new Map<string, { verified: Verified; until: number }>();
  return {
    get: (digest: string, now: number): Verified | undefined => {
      const entry = entries.get(digest);
      if (entry === undefined) return undefined;
      entries.delete(digest);
      if (now >= entry.until) return undefined;
      entries.set(digest, entry);
      return entry.verified;
    },
    set: (digest: string, verified: Verified, until: number): void => {
      entries.set(digest, { verified, until });
      if (entries.size <= REMEMBERED_TOKENS) return;
      for (const oldest of entries.keys()) {
        entries.delete(oldest);
        break;
      }
    },
  };
}
