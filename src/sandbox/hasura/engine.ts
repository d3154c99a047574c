/** The state of one Hasura: what is stored, what GraphQL is answered from, and one call at a time that changes them. */
import type { Command, CommandContext, Session } from "./commands/command.ts";
import type { Connections } from "./connections.ts";
import { HasuraError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { Metadata } from "./metadata.ts";
import { type RebuildContext, rebuild } from "./rebuild.ts";
import type { SchemaCache } from "./schema-cache.ts";
import type { MetadataStore } from "./store.ts";

export interface HasuraStats {
  /** Calls of the metadata API. */
  calls: number;
  /** Those that were stored. */
  writes: number;
  rebuilds: number;
  introspections: number;
  resourceVersion: number;
}

export interface Engine {
  /** What GraphQL requests are answered from; a finished call swaps it. */
  current(): SchemaCache;
  readonly stats: HasuraStats;
  /**
   * Runs one command: alone, on a copy, stored only if it succeeds.
   * @param expectedVersion the caller's resource_version; absent: the stored one
   * @throws HasuraError what the command refuses; conflict when somebody else has written
   */
  run(command: Command, expectedVersion: number | undefined): Promise<Json>;
  /** Whether the metadata database answers. */
  reachable(): Promise<boolean>;
  /** Reads without a command, in turn with all other calls. */
  look<T>(read: (metadata: Metadata, version: number) => T): Promise<T>;
}

interface State {
  metadata: Metadata;
  version: number;
  cache: SchemaCache;
}

/** Loads what is stored and builds the schema cache from it. */
export async function startEngine(
  store: MetadataStore,
  environment: Omit<RebuildContext, "onRebuild" | "onIntrospection"> & {
    readonly connections: Connections;
  },
): Promise<Engine> {
  const stats: HasuraStats = {
    calls: 0,
    writes: 0,
    rebuilds: 0,
    introspections: 0,
    resourceVersion: 0,
  };
  const context: RebuildContext = {
    ...environment,
    onRebuild: () => {
      stats.rebuilds += 1;
    },
    onIntrospection: () => {
      stats.introspections += 1;
    },
  };
  const stored = await store.load();
  const state: State = { ...stored, cache: await rebuild(stored.metadata, undefined, context) };
  stats.resourceVersion = state.version;
  const inTurn = oneAtATime();

  /** Another instance may have written to the same store. */
  const synchronise = async (): Promise<void> => {
    if ((await store.version()) === state.version) return;
    const { metadata, version } = await store.load();
    Object.assign(state, {
      metadata,
      version,
      cache: await rebuild(metadata, state.cache, context),
    });
    stats.resourceVersion = version;
  };

  return {
    current: () => state.cache,
    stats,
    reachable: () =>
      store.version().then(
        () => true,
        () => false,
      ),
    look: (read) =>
      inTurn(async () => {
        stats.calls += 1;
        await synchronise();
        return read(state.metadata, state.version);
      }),
    run: (command, expectedVersion) =>
      inTurn(async () => {
        stats.calls += 1;
        await synchronise();
        const session: Session = { metadata: state.metadata, cache: state.cache };
        const result = await command.run(commandContext(session, context));
        if (!command.modifies) return result;
        const expected = expectedVersion ?? state.version;
        const version = await store.write(session.metadata, expected);
        if (version === undefined) throw conflict(expected);
        Object.assign(state, { ...session, version });
        stats.writes += 1;
        stats.resourceVersion = version;
        return result;
      }),
  };
}

function commandContext(session: Session, context: RebuildContext): CommandContext {
  return {
    session,
    connections: context.connections,
    snowflake: context.snowflake,
    change: async (metadata, check, invalidated) => {
      const cache = await rebuild(metadata, session.cache, context, invalidated);
      check(session.cache.inconsistencies, cache.inconsistencies);
      Object.assign(session, { metadata, cache });
    },
  };
}

function conflict(expected: number): HasuraError {
  return new HasuraError(
    "conflict",
    `metadata resource version referenced (${expected}) did not match current version`,
    { status: 409, path: "$" },
  );
}

/** Calls wait for one another, in the order in which they came. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
