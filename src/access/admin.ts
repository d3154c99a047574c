/** Admins' sign-in: a bearer token of the provider that was configured for them, and the roles that it gives. */
import type { JWTPayload } from "jose";
import { z } from "zod";
import { type Permission, permissionOf } from "../domain/actor.ts";
import { fetchJson } from "../fetch-json.ts";
import type { Logger } from "../observability/logger.ts";
import { readUser } from "./identity.ts";
import { createTokenVerifier, type TokenFault, type VerifyToken } from "./verify.ts";

export interface AdminSettings {
  /** As tokens have it, and where its `/.well-known/openid-configuration` is found. */
  readonly issuer: string;
  readonly audience: string;
  /** The claim that holds roles, or a dotted path to it. */
  readonly rolesClaim: string;
  readonly foreignAudiences: readonly string[];
  readonly nameClaims: readonly string[];
  readonly log: Logger;
}

export type SignedIn =
  | {
      readonly ok: true;
      /** `user:…`, or `app:…` for a program that signed in by itself. */
      readonly name: string;
      /** `null`: the provider knows them, and gives them no role here. */
      readonly permission: Permission | null;
    }
  | { readonly ok: false; readonly reason: "KEYS_UNAVAILABLE" | "NAMELESS" | TokenFault };

export type SignIn = (token: string) => Promise<SignedIn>;

/** A key signs by its own family of algorithms only, so all that are safe can be taken. */
const ALGORITHMS = ["RS", "PS", "ES"].flatMap((family) =>
  [256, 384, 512].map((bits) => `${family}${bits}`),
);

const DISCOVERY_TIMEOUT_MS = 5_000;
const LARGEST_DISCOVERY = 200_000;
/** Least time between two attempts to find the provider's keys. */
const PAUSE_MS = 1_000;

const discoverySchema = z.looseObject({ issuer: z.string(), jwks_uri: z.url() });

/** Makes the sign-in. The provider's keys are looked up when somebody first signs in. */
export function createAdminSignIn(settings: AdminSettings): SignIn {
  let verifier: VerifyToken | undefined;
  let finding: Promise<void> | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  const find = async (): Promise<void> => {
    try {
      const { audience, issuer, foreignAudiences, log } = settings;
      const { jwksUrl } = await discover(issuer);
      const expected = { audiences: [audience], issuers: [issuer], foreignAudiences };
      verifier = createTokenVerifier({ jwksUrl, ...expected, algorithms: ALGORITHMS, log });
    } catch (error) {
      notBefore = performance.now() + PAUSE_MS;
      settings.log.warn({ err: error }, "admin: the identity provider cannot be asked");
    }
    finding = undefined;
  };
  return async (token) => {
    if (verifier === undefined && (finding !== undefined || performance.now() >= notBefore)) {
      finding ??= find();
      await finding;
    }
    if (verifier === undefined) return { ok: false, reason: "KEYS_UNAVAILABLE" };
    const verified = await verifier(token);
    if (verified.ok) return readAdmin(verified.claims, settings);
    const { reason } = verified;
    return { ok: false, reason: reason === "TOKEN_REFUSED" ? verified.fault : "KEYS_UNAVAILABLE" };
  };
}

/**
 * Asks an OpenID provider where its keys are.
 * @throws Error saying what is wrong with its answer, or what fetch throws
 */
export async function discover(issuer: string): Promise<{ readonly jwksUrl: string }> {
  const url = new URL(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const bounds = { timeoutMs: DISCOVERY_TIMEOUT_MS, maxBytes: LARGEST_DISCOVERY };
  const { status, body } = await fetchJson(url, bounds);
  const read = discoverySchema.safeParse(body);
  if (status !== 200 || !read.success)
    throw new Error(`${url} answered ${status}, and not as an OpenID provider does`);
  const { issuer: named, jwks_uri: jwksUrl } = read.data;
  if (named !== issuer) throw new Error(`${url} is of another issuer: ${named}`);
  // Whoever speaks TLS to the provider must not be sent to its keys without it.
  if (url.protocol === "https:" && !jwksUrl.startsWith("https://"))
    throw new Error(`${url} names keys that are fetched in the clear`);
  return { jwksUrl };
}

function readAdmin(claims: JWTPayload, settings: AdminSettings): SignedIn {
  const { nameClaims, rolesClaim } = settings;
  const user = readUser(claims, { nameClaims, users: new Map() });
  const app = [claims.azp, claims.appid, claims.client_id].find(
    (id) => typeof id === "string" && id !== "",
  );
  if (user === null && app === undefined) return { ok: false, reason: "NAMELESS" };
  const name = user === null ? `app:${app}` : user.userId;
  return { ok: true, name, permission: permissionOf(readRoles(claims, rolesClaim)) };
}

/** Names of claims may have dots themselves (`https://example.com/roles`), so the whole name goes first. */
function readRoles(claims: JWTPayload, claim: string): string[] {
  let value: unknown = Object.hasOwn(claims, claim) ? claims[claim] : claims;
  if (value === claims)
    for (const member of claim.split(".")) {
      if (typeof value !== "object" || value === null) return [];
      value = (value as Record<string, unknown>)[member];
    }
  return [value].flat().filter((role) => typeof role === "string");
}
