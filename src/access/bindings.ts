/**
 * The bindings of groups, at hand for every request.
 *
 * They are a part of what is known of access, so they must be as new as the snapshot that a request is decided by: what
 * is kept here is used only while the snapshot has a lease, and only when no binding has changed since it was read, up to
 * the snapshot's generation. Otherwise the database is asked about the ids at hand, for a short time; without its answer nothing is
 * known, and whoever asked is refused.
 */
import type { Subject } from "../domain/subject.ts";
import type { SqlRunner } from "../inventory/access.ts";
import { type Bindings, loadBindings } from "../inventory/groups.ts";
import type { Logger } from "../observability/logger.ts";
import type { SubjectsOfObjectIds } from "./groups.ts";
import type { Snapshot } from "./snapshot.ts";

export interface BindingsOptions {
  readonly db: SqlRunner;
  readonly snapshot: Pick<Snapshot, "current" | "groupsGeneration">;
  readonly log: Logger;
}

const ASK_TIMEOUT_MS = 200;
const ASKS_AT_ONCE = 32;

export function createBindings({ db, snapshot, log }: BindingsOptions): SubjectsOfObjectIds {
  let known: Bindings | undefined;
  let loading = false;
  let asking = 0;

  const load = async (): Promise<void> => {
    loading = true;
    try {
      known = await loadBindings(db);
    } catch (error) {
      log.debug({ err: error }, "access: the bindings of groups could not be read");
    } finally {
      loading = false;
    }
  };
  const ask = async (ids: readonly string[]): Promise<readonly Subject[] | null> => {
    if (asking >= ASKS_AT_ONCE) return null;
    asking += 1;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, ASK_TIMEOUT_MS, null);
    });
    const answer = loadBindings(db, ids)
      .then((bindings) => subjectsAmong(bindings, ids))
      .catch((error: unknown) => {
        log.debug({ err: error }, "access: the database could not be asked about groups");
        return null;
      })
      .finally(() => {
        asking -= 1;
      });
    const subjects = await Promise.race([answer, late]);
    clearTimeout(timer);
    return subjects;
  };
  return (ids) => {
    const usable = snapshot.current() !== null;
    if (usable && known !== undefined && known.generation >= snapshot.groupsGeneration())
      return subjectsAmong(known, ids);
    if (usable && !loading) load().catch(() => undefined);
    return ask(ids);
  };
}

/** What the database says now, however long it takes: for questions that are no data requests. */
export function createSlowBindings(db: SqlRunner): SubjectsOfObjectIds {
  return async (ids) => subjectsAmong(await loadBindings(db, ids), ids);
}

function subjectsAmong({ subjects }: Bindings, ids: readonly string[]): Subject[] {
  return ids.flatMap((id) => subjects.get(id) ?? []);
}
