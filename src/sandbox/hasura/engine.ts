/** The state of one Hasura: what is stored, what GraphQL is answered from, and one call at a time that changes them. */
import type { Command, CommandContext, Session } from "./commands/command.ts";
import { HasuraError } from "./errors.ts";
import { sameSource } from "./export-metadata.ts";
import type { Json } from "./json.ts";
import type { Metadata } from "./metadata.ts";
import { type Invalidated, type RebuildContext, rebuild } from "./rebuild.ts";
import type { SchemaCache } from "./schema-cache.ts";
import type { HasuraSettings } from "./settings.ts";
import type { MetadataStore, StoredMetadata } from "./store.ts";

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
  /** Follows what another instance has written, if it has: what each poll interval does. */
  poll(): Promise<void>;
}

/** What the engine tells whoever started it. */
export interface EngineEvents {
  /** The schema cache was swapped, by a call or by a poll. */
  onChange(): void;
}

type Environment = Omit<RebuildContext, "onRebuild" | "onIntrospection">;

interface State {
  /** As last read from the store or written to it. */
  stored: StoredMetadata;
  cache: SchemaCache;
  /** The version that the cache was built from: an instance that has not yet polled lags behind the store. */
  cacheVersion: number;
}

/** Loads what is stored and builds the schema cache from it. */
export async function startEngine(
  store: MetadataStore,
  environment: Environment,
  events: EngineEvents,
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
  const cache = await rebuild(stored.metadata, undefined, context);
  stats.resourceVersion = stored.version;
  const state: State = { stored, cache, cacheVersion: stored.version };
  const parts: Parts = { store, context, stats, state, events };
  const inTurn = oneAtATime();
  const counted = <T>(work: () => Promise<T>): Promise<T> =>
    inTurn(async () => {
      stats.calls += 1;
      return await work();
    });
  return {
    current: () => state.cache,
    stats,
    reachable: () =>
      store.version().then(
        () => true,
        () => false,
      ),
    look: (read) =>
      counted(async () => {
        const { metadata, version } = await readStored(parts);
        return read(metadata, version);
      }),
    run: (command, expectedVersion) => counted(() => execute(parts, command, expectedVersion)),
    poll: () => inTurn(() => follow(parts)),
  };
}

interface Parts {
  readonly store: MetadataStore;
  readonly context: RebuildContext;
  readonly stats: HasuraStats;
  readonly state: State;
  readonly events: EngineEvents;
}

/** Every call begins with what is stored now; the cache stays as old as it is. */
async function readStored({ store, state, stats }: Parts): Promise<StoredMetadata> {
  if ((await store.version()) !== state.stored.version) {
    const read = await store.load();
    state.stored = { ...read, metadata: recognised(read.metadata, state.cache.metadata) };
    stats.resourceVersion = read.version;
  }
  return state.stored;
}

async function execute(
  parts: Parts,
  command: Command,
  expectedVersion: number | undefined,
): Promise<Json> {
  const { store, context, state, stats } = parts;
  const { metadata, version: current } = await readStored(parts);
  if (command.modifies) refuseUnlessWritable(context.settings);
  const session: Session = { metadata, cache: state.cache };
  const invalidated = new Set<string>();
  const result = await command.run(commandContext(session, context, invalidated));
  if (!command.modifies) return result;
  const expected = expectedVersion ?? current;
  const version = await store.write(session.metadata, expected, invalidated);
  if (version === undefined) throw conflict(expected);
  state.stored = { metadata: session.metadata, version };
  stats.writes += 1;
  stats.resourceVersion = version;
  // A write that built nothing leaves the cache as far behind as it was.
  const isBuilt = session.cache !== state.cache || state.cacheVersion === current;
  swap(parts, session.cache, isBuilt ? version : state.cacheVersion);
  return result;
}

async function follow(parts: Parts): Promise<void> {
  const { store, context, state } = parts;
  const { metadata, version } = await readStored(parts);
  if (version === state.cacheVersion) return;
  const invalidated = await store.invalidatedSince(state.cacheVersion);
  swap(parts, await rebuild(metadata, state.cache, context, invalidated), version);
}

function swap({ state, events }: Parts, cache: SchemaCache, version: number): void {
  Object.assign(state, { cache, cacheVersion: version });
  events.onChange();
}

/** Sources that are what they were keep their identity: a rebuild then takes them over. */
function recognised(read: Metadata, known: Metadata): Metadata {
  const byName = new Map(known.sources.map((source) => [source.name, source]));
  const sources = read.sources.map((source) => {
    const before = byName.get(source.name);
    return before && sameSource(source, before) ? before : source;
  });
  return { ...read, sources };
}

function refuseUnlessWritable({ maintenance, readOnly }: HasuraSettings): void {
  if (maintenance)
    throw new HasuraError("unexpected", "metadata cannot be modified in maintenance mode", {
      status: 500,
      path: "$",
    });
  if (readOnly)
    throw new HasuraError("not-supported", "metadata cannot be modified in read-only mode", {
      path: "$",
    });
}

/** @param invalidated collects the sources that the call wants read again */
function commandContext(
  session: Session,
  context: RebuildContext,
  invalidated: Set<string>,
): CommandContext {
  return {
    session,
    connections: context.connections,
    snowflake: context.snowflake,
    change: async (metadata, check, again) => {
      const cache = await rebuild(metadata, session.cache, context, again);
      check(session.cache.inconsistencies, cache.inconsistencies);
      Object.assign(session, { metadata, cache });
      for (const name of namesOf(again, metadata)) invalidated.add(name);
    },
  };
}

function namesOf(again: Invalidated | undefined, metadata: Metadata): Iterable<string> {
  return again === "all" ? metadata.sources.map(({ name }) => name) : (again ?? []);
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
