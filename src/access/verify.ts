/** Consumers' and admins' tokens: signature, issuer, audience and times, by the identity provider's published keys. */
import { hash } from "node:crypto";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import { createKeySource, KeysUnavailable, type KeyTiming } from "./keys.ts";

/** Signatures by a private key only: with any other, whoever can verify a token can make one. */
const ALGORITHM = /^(RS|PS|ES)(256|384|512)$/;

/** A token may begin to be valid so much later by the provider's clock; none is taken past its end. */
const EARLY_S = 5;

/** Longest a token is taken as verified without looking at the keys again. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_TOKENS = 20_000;
/** Characters of all remembered tokens together; their claims take about as many bytes. */
const REMEMBERED_CHARACTERS = 32_000_000;
const LONGEST_TOKEN = 32_768;

export interface TokenSettings {
  readonly jwksUrl: string;
  /** Of which a token must name one. */
  readonly audiences: readonly string[];
  readonly issuers: readonly string[];
  readonly algorithms: readonly string[];
  /** Audiences of another zone: a token that names one of these too is refused here. */
  readonly foreignAudiences?: readonly string[];
  /** When keys are fetched; absent: as src/access/keys.ts has it. */
  readonly keyTiming?: Partial<KeyTiming>;
  readonly log?: Logger;
}

/** What is wrong with a token, for whoever sets things up. */
export type TokenFault =
  | "MALFORMED"
  | "ALGORITHM"
  | "KEY_UNKNOWN"
  | "SIGNATURE"
  | "ISSUER"
  | "AUDIENCE"
  | "EXPIRED"
  | "EARLY";

export type TokenResult =
  | {
      readonly ok: true;
      /** The same object each time while the token is remembered. */
      readonly claims: JWTPayload;
      /** Ms since the epoch. */
      readonly expiresAt: number;
    }
  | { readonly ok: false; readonly reason: "TOKEN_REFUSED"; readonly fault: TokenFault }
  | { readonly ok: false; readonly reason: "TOKEN_KEYS_UNAVAILABLE" };

/** A token that was verified a moment ago is answered at once, without a promise. */
export type VerifyToken = (token: string) => TokenResult | Promise<TokenResult>;

/**
 * Makes the verifier of one zone's tokens, and begins to fetch the keys.
 * @throws AppError CONFIGURATION for settings under which tokens would prove nothing
 */
export function createTokenVerifier(settings: TokenSettings): VerifyToken {
  const { audiences, issuers, algorithms, foreignAudiences = [] } = settings;
  const unsafe = algorithms.filter((algorithm) => !ALGORITHM.test(algorithm));
  if (audiences.length === 0 || issuers.length === 0 || algorithms.length === 0 || unsafe.length)
    throw new AppError(
      "CONFIGURATION",
      `Tokens need an audience, an issuer, and algorithms of the families RS, PS and ES${unsafe.length > 0 ? `, not ${unsafe.join(", ")}` : ""}.`,
    );
  const keys = createKeySource(new URL(settings.jwksUrl), {
    timing: settings.keyTiming,
    log: settings.log,
  });
  const remembered = createMemory();
  const options = {
    audience: [...audiences],
    issuer: [...issuers],
    algorithms: [...algorithms],
    requiredClaims: ["exp"],
    clockTolerance: EARLY_S,
  };
  const foreign = new Set(foreignAudiences);

  const verifyAnew = async (token: string, digest: string): Promise<TokenResult> => {
    try {
      const { payload } = await jwtVerify(token, keys, options);
      const expiresAt = (payload.exp ?? 0) * 1000;
      // Here and not by the library, whose tolerance is for both ends.
      if (expiresAt <= Date.now()) return refused("EXPIRED");
      if ([payload.aud ?? []].flat().some((audience) => foreign.has(audience)))
        return refused("AUDIENCE");
      const verified = { ok: true, claims: payload, expiresAt } as const;
      remembered.set(digest, verified, token.length);
      return verified;
    } catch (error) {
      return failure(error);
    }
  };
  return (token) => {
    if (token.length > LONGEST_TOKEN) return refused("MALFORMED");
    const digest = hash("sha256", token, "base64");
    return remembered.get(digest) ?? verifyAnew(token, digest);
  };
}

function refused(fault: TokenFault): TokenResult {
  return { ok: false, reason: "TOKEN_REFUSED", fault };
}

/** Whether the token is to blame, and for what; else the keys could not be had. */
function failure(error: unknown): TokenResult {
  if (error instanceof KeysUnavailable) return { ok: false, reason: "TOKEN_KEYS_UNAVAILABLE" };
  if (error instanceof errors.JWTExpired) return refused("EXPIRED");
  if (error instanceof errors.JWTClaimValidationFailed)
    return refused(CLAIM_FAULTS[error.claim] ?? "MALFORMED");
  if (error instanceof errors.JOSEError) return refused(CODE_FAULTS[error.code] ?? "MALFORMED");
  // Keys that are too short, or a signature of another length than the key's.
  return refused("SIGNATURE");
}

const CLAIM_FAULTS: Readonly<Record<string, TokenFault>> = {
  iss: "ISSUER",
  aud: "AUDIENCE",
  nbf: "EARLY",
};

const CODE_FAULTS: Readonly<Record<string, TokenFault>> = {
  ERR_JOSE_ALG_NOT_ALLOWED: "ALGORITHM",
  ERR_JOSE_NOT_SUPPORTED: "ALGORITHM",
  ERR_JWKS_NO_MATCHING_KEY: "KEY_UNKNOWN",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "KEY_UNKNOWN",
  ERR_JWKS_INVALID: "KEY_UNKNOWN",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "SIGNATURE",
};

type Verified = Extract<TokenResult, { ok: true }>;

/** The tokens that were verified last, by digest: a token itself is never kept. The oldest goes first. */
function createMemory() {
  const entries = new Map<string, { verified: Verified; until: number; length: number }>();
  let characters = 0;
  const forget = (digest: string): void => {
    characters -= entries.get(digest)?.length ?? 0;
    entries.delete(digest);
  };
  return {
    get(digest: string): Verified | undefined {
      const entry = entries.get(digest);
      if (entry === undefined) return undefined;
      if (Date.now() < entry.until) return entry.verified;
      forget(digest);
      return undefined;
    },
    set(digest: string, verified: Verified, length: number): void {
      forget(digest);
      const until = Math.min(verified.expiresAt, Date.now() + REMEMBERED_MS);
      entries.set(digest, { verified, until, length });
      characters += length;
      for (const oldest of entries.keys()) {
        if (entries.size <= REMEMBERED_TOKENS && characters <= REMEMBERED_CHARACTERS) return;
        forget(oldest);
      }
    },
  };
}
