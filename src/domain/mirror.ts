/** What an older role mapper is to hold of a port: what the webhook decides by, as far as that one can say it. */
import type { BlockFacts, HolderFacts } from "./access-index.ts";

/** Those who have a port's role, for a service that knows neither ends nor blocks. */
export interface MirroredAccess {
  /** Canonical refs, sorted. */
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** When it will be otherwise by itself, in ms since the epoch; null: it will not. */
  readonly changesAt: number | null;
}

/**
 * Who has a port's role at a moment. A block on a group takes the role from that group and not from its members by name:
 * who they are is not known here.
 * @param grants of the port
 * @param blocks all there are
 * @param now ms since the epoch, by the clock of `until`
 */
export function mirroredAccess(
  portId: string,
  grants: HolderFacts["grants"],
  blocks: readonly BlockFacts[],
  now: number,
): MirroredAccess {
  const inForce = ({ until }: { readonly until: number | null }) => until === null || until > now;
  const own = blocks.filter((block) => block.portId === null || block.portId === portId);
  const live = own.filter(inForce);
  const closed = live.some(({ subject }) => subject === null);
  const blocked = new Set(live.map(({ subject }) => subject));
  const given = grants.filter(inForce);
  const subjects = closed
    ? []
    : [...new Set(given.flatMap((grant) => grant.subjects))].filter((ref) => !blocked.has(ref));
  subjects.sort();
  const ends = [...given, ...live].flatMap(({ until }) => until ?? []);
  return {
    users: subjects.filter((ref) => ref.startsWith("user:")),
    groups: subjects.filter((ref) => ref.startsWith("group:")),
    changesAt: ends.length === 0 ? null : Math.min(...ends),
  };
}
