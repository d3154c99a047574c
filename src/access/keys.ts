/** An identity provider's published keys (JWKS): fetched when they are needed, and seldom because of strangers. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { fetchJson } from "../fetch-json.ts";
import type { Logger } from "../observability/logger.ts";

/** In milliseconds. */
export interface KeyTiming {
  /** After this long they are fetched again in the background, so that a key taken back is forgotten. */
  readonly fresh: number;
  /** How long the last known keys are used while the provider cannot be reached. */
  readonly kept: number;
  /** Least time between two fetches: a token with an unknown key id is a reason to fetch, but not each one. */
  readonly pause: number;
  readonly pauseAfterFailure: number;
  /** How long a fetch may take. */
  readonly timeout: number;
  /** How long a request waits for keys that are being fetched. */
  readonly wait: number;
}

const TIMING: KeyTiming = {
  fresh: 10 * 60_000,
  kept: 60 * 60_000,
  pause: 10_000,
  pauseAfterFailure: 1_000,
  timeout: 5_000,
  wait: 1_000,
};

export interface KeySourceOptions {
  readonly timing?: Partial<KeyTiming> | undefined;
  /** Told when fetching begins to fail, and when it works again. */
  readonly log?: Logger | undefined;
}

/** Bytes of the document; that of a large provider has 20,000. */
const LARGEST_DOCUMENT = 1_000_000;

/** The keys could not be had, so nothing can be said of the token. */
export class KeysUnavailable extends Error {}

interface Known {
  readonly keys: JWTVerifyGetKey;
  /** On the monotonic clock. */
  readonly at: number;
}

/**
 * The key for a token's header. The first fetch begins at once, in the background; there is only ever one at a time.
 * @throws from the returned function: KeysUnavailable; JOSEError when there is no key for the token
 */
export function createKeySource(url: URL, options: KeySourceOptions = {}): JWTVerifyGetKey {
  const timing = { ...TIMING, ...options.timing };
  const { log } = options;
  let known: Known | undefined;
  let failing = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  const fetchKeys = async (): Promise<void> => {
    let pause = timing.pauseAfterFailure;
    try {
      known = { keys: await readKeySet(url, timing.timeout), at: performance.now() };
      pause = timing.pause;
      if (failing) log?.info({ url: url.href }, "the identity provider's keys can be had again");
      failing = false;
    } catch (err) {
      // The last known ones are kept; whoever needs others learns that there are none.
      if (!failing) log?.warn({ err, url: url.href }, "the identity provider's keys cannot be had");
      failing = true;
    } finally {
      notBefore = performance.now() + pause;
      fetching = undefined;
    }
  };
  const renew = async (): Promise<void> => {
    if (fetching === undefined && performance.now() < notBefore) return;
    fetching ??= fetchKeys();
    await atMost(timing.wait, fetching);
  };
  const current = async (): Promise<Known> => {
    const age = (): number => performance.now() - (known?.at ?? Number.NEGATIVE_INFINITY);
    if (age() > timing.kept) await renew();
    else if (age() > timing.fresh) renew().catch(() => undefined);
    if (known === undefined || age() > timing.kept) throw new KeysUnavailable();
    return known;
  };

  renew().catch(() => undefined);
  return async (header, token) => {
    const tried = await current();
    try {
      return await tried.keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The provider may have a new key since.
      await renew();
      if (known === undefined || known === tried) throw error;
      return await known.keys(header, token);
    }
  };
}

/**
 * Fetches a key set once.
 * @throws what fetch throws; Error when the answer is another one; JWKSInvalid when it is no key set
 */
async function readKeySet(url: URL, timeoutMs: number): Promise<JWTVerifyGetKey> {
  const { status, body } = await fetchJson(url, { timeoutMs, maxBytes: LARGEST_DOCUMENT });
  if (status !== 200) throw new Error(`answered ${status}`);
  // It looks at the shape itself.
  return createLocalJWKSet(body as JSONWebKeySet);
}

/** Waits for it, but not longer than so many ms. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
