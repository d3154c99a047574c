/** The groups that users are in, by the directory, kept for a while. */
import type { Directory, DirectoryGroup } from "../directory/directory.ts";
import type { Logger } from "../observability/logger.ts";

export interface Memberships {
  /**
   * A user's groups; `null` when they cannot be had. What is at hand is answered without a promise.
   * @param userId object id
   */
  of(userId: string): readonly DirectoryGroup[] | null | Promise<readonly DirectoryGroup[] | null>;
}

export interface MembershipsOptions {
  readonly directory: Pick<Directory, "groupsOf">;
  readonly log: Logger;
  /** How long an answer is used, in ms: as late may somebody who left a group still be taken for a member. */
  readonly keptMs?: number;
  /** How long a request waits, in ms; an answer that comes later is for the next one. */
  readonly waitMs?: number;
}

const KEPT_MS = 5 * 60_000;
/** So that a directory that fails is not asked for each request of a user. */
const KEPT_AFTER_FAILURE_MS = 5_000;
const WAIT_MS = 2_000;
/** Of all users together; about 100 bytes each. */
const MOST_GROUPS = 500_000;
const MOST_USERS = 50_000;

interface Entry {
  readonly groups: readonly DirectoryGroup[] | null;
  /** On the monotonic clock. */
  readonly until: number;
}

export function createMemberships(options: MembershipsOptions): Memberships {
  const { directory, log, keptMs = KEPT_MS, waitMs = WAIT_MS } = options;
  const known = new Map<string, Entry>();
  const asking = new Map<string, Promise<Entry["groups"]>>();
  let groupsKept = 0;

  const forget = (userId: string): void => {
    groupsKept -= known.get(userId)?.groups?.length ?? 0;
    known.delete(userId);
  };
  const keep = (userId: string, groups: Entry["groups"]): void => {
    forget(userId);
    const ms = groups === null ? KEPT_AFTER_FAILURE_MS : keptMs;
    known.set(userId, { groups, until: performance.now() + ms });
    groupsKept += groups?.length ?? 0;
    for (const oldest of known.keys()) {
      if (groupsKept <= MOST_GROUPS && known.size <= MOST_USERS) return;
      forget(oldest);
    }
  };
  const ask = async (userId: string): Promise<Entry["groups"]> => {
    let groups: Entry["groups"] = null;
    try {
      groups = await directory.groupsOf(userId);
    } catch (error) {
      log.warn({ err: error }, "access: the directory did not tell a user's groups");
    }
    keep(userId, groups);
    asking.delete(userId);
    return groups;
  };
  return {
    of(userId) {
      const entry = known.get(userId);
      if (entry !== undefined && performance.now() < entry.until) return entry.groups;
      let answer = asking.get(userId);
      if (answer === undefined) {
        answer = ask(userId);
        asking.set(userId, answer);
      }
      return within(waitMs, answer);
    },
  };
}

async function within<Value>(ms: number, answer: Promise<Value>): Promise<Value | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  const value = await Promise.race([answer, late]);
  clearTimeout(timer);
  return value;
}
