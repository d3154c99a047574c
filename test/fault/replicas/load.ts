/** Mixed operations as several clients send them, each its own ports, and what they must come to in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describePort, type PortAs } from "../descriptors.ts";
import type { Fleet } from "./fleet.ts";

export interface Asked {
  readonly port: Omit<PortAs, "variant">;
  /** The variant that was accepted last; null when it is to be gone. */
  variant: number | null;
  /** Who may read it. */
  subjects: readonly string[];
}

export interface Sent {
  readonly kinds: ReadonlyMap<string, number>;
  readonly tokens: readonly string[];
  /** Requests that had to be sent once more, for the process that got them was killed. */
  readonly repeated: number;
}

type Route = "provision" | "unprovision" | "updateacl";

interface Request {
  readonly kind: string;
  readonly route: Route;
  readonly body: unknown;
}

const VARIANTS = 4;

/** One more request for the port, noted as accepted. */
function next(asked: Asked, random: (below: number) => number): Request {
  const provision = (kind: string, variant: number): Request => {
    asked.variant = variant;
    const descriptor = describePort({ ...asked.port, variant });
    return {
      kind,
      route: "provision",
      body: { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor, removeData: false },
    };
  };
  const { variant } = asked;
  if (variant === null) return provision("provision", random(VARIANTS));
  const chance = random(100);
  const descriptor = describePort({ ...asked.port, variant });
  if (chance < 35) return provision("change", (variant + 1 + random(VARIANTS - 1)) % VARIANTS);
  if (chance < 50) return provision("repeat", variant);
  if (chance < 80) {
    const users = [1, 2, 3, 4].filter(() => random(2) === 1).map((user) => `user:user${user}`);
    asked.subjects = users;
    return {
      kind: "updateacl",
      route: "updateacl",
      body: { refs: users, provisionInfo: { request: descriptor, result: "" } },
    };
  }
  asked.variant = null;
  asked.subjects = [];
  return {
    kind: "unprovision",
    route: "unprovision",
    body: { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor, removeData: false },
  };
}

const ANSWERS_WITHIN_MS = 30_000;

/**
 * Sends so many operations, several clients at once, each waiting for an answer but for no operation's end.
 * @param options.seed the same requests for the same seed
 * @param options.onSent told after each request how many there were
 */
export async function sendMixed(
  fleet: Fleet,
  ports: readonly Asked[],
  options: {
    readonly operations: number;
    readonly clients: number;
    readonly seed: number;
    readonly onSent: (count: number) => void;
  },
): Promise<Sent> {
  const { operations, clients, seed, onSent } = options;
  const kinds = new Map<string, number>();
  const tokens: string[] = [];
  let left = operations;
  let answered = 0;
  let repeated = 0;
  const client = async (index: number): Promise<void> => {
    const own = ports.filter((_, position) => position % clients === index);
    const numbers = fc.sample(fc.nat(), { seed: seed + index, numRuns: operations * 8 });
    let used = 0;
    const random = (below: number): number => (numbers[used++ % numbers.length] ?? 0) % below;
    while (left > 0) {
      left -= 1;
      const asked = own[random(own.length)];
      if (asked === undefined) return;
      const request = next(asked, random);
      kinds.set(request.kind, (kinds.get(request.kind) ?? 0) + 1);
      for (let attempt = 1; ; attempt += 1) {
        const token = await send(fleet, request).catch((error: unknown) => {
          if (attempt === 20 || !(error instanceof TypeError)) throw error;
          return undefined;
        });
        if (token !== undefined) {
          if (token !== null) tokens.push(token);
          break;
        }
        // As Witboost does when the connection is lost: it does not know whether it was accepted.
        repeated += 1;
        await sleep(50);
      }
      answered += 1;
      onSent(answered);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return { kinds, tokens, repeated };
}

/** @returns the operation's token; null when it had ended before the answer */
async function send(fleet: Fleet, { kind, route, body }: Request): Promise<string | null> {
  const response = await fetch(`${fleet.some().url}/v1/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
  });
  const text = await response.text();
  if (response.status === 202) return text;
  if (response.status === 200) return null;
  throw new Error(`${kind} was answered ${response.status}: ${text}`);
}
