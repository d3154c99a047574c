/** The schema cache made anew from metadata: what has not changed is taken over from the last one. */
import { setTimeout as delay } from "node:timers/promises";
import { buildSource } from "./build-source.ts";
import { refuseConflicts } from "./conflicts.ts";
import type { Connections } from "./connections.ts";
import { buildEndpoints, listOf } from "./endpoints.ts";
import { buildInheritedRoles } from "./inherited-roles.ts";
import { isObject } from "./json.ts";
import { type Metadata, rolesWithPermissions, type SourceMetadata } from "./metadata.ts";
import type { SchemaCache, SourceState } from "./schema-cache.ts";
import type { HasuraSettings } from "./settings.ts";
import type { SnowflakeAgent } from "./snowflake-source.ts";

/** What work costs here, so that a real Hasura's slowness can be felt; all in milliseconds. */
export interface HasuraCosts {
  readonly rebuildMs: number;
  readonly perTableMs: number;
  readonly perRoleMs: number;
  readonly introspectionMs: number;
}

export interface RebuildContext {
  readonly connections: Connections;
  readonly env: Readonly<Record<string, string>>;
  readonly snowflake: SnowflakeAgent | undefined;
  readonly costs: HasuraCosts;
  readonly settings: HasuraSettings;
  onRebuild(): void;
  onIntrospection(): void;
}

/** The sources to reach and read again although their metadata has not changed. */
export type Invalidated = "all" | ReadonlySet<string>;

const NOTHING: Invalidated = new Set();

/**
 * @param previous what to take unchanged sources from
 * @throws HasuraError unexpected (500) when names conflict, cyclic-dependency when roles inherit in a circle
 */
export async function rebuild(
  metadata: Metadata,
  previous: SchemaCache | undefined,
  context: RebuildContext,
  invalidated: Invalidated = NOTHING,
): Promise<SchemaCache> {
  context.onRebuild();
  const agents = registeredAgents(metadata, context.snowflake);
  const states = await eachOf(metadata.sources, async (source): Promise<SourceState> => {
    const known = previous?.sources.get(source.name);
    const stale = invalidated === "all" || invalidated.has(source.name);
    if (known?.metadata === source && !stale) return known;
    return await buildSource(source, {
      ...context,
      agents,
      onIntrospection: async () => {
        context.onIntrospection();
        await pause(context.costs.introspectionMs);
      },
    });
  });
  const sources = new Map(states.map((state) => [state.metadata.name, state]));
  const tables = states.flatMap(({ built }) => (built ? [...built.tables.values()] : []));
  await payFor(metadata, context.costs);
  refuseConflicts(tables);
  const inherited = buildInheritedRoles(metadata, tables);
  const cache: SchemaCache = {
    metadata,
    sources,
    inheritedRoles: inherited.roles,
    inconsistencies: [
      ...states.flatMap(({ inconsistencies }) => inconsistencies),
      ...inherited.inconsistencies,
    ],
    endpoints: [],
    apolloFederation: context.settings.apolloFederation,
  };
  if (listOf(metadata, "rest_endpoints").length === 0) return cache;
  const { endpoints, inconsistencies } = buildEndpoints(metadata, cache);
  return { ...cache, endpoints, inconsistencies: [...cache.inconsistencies, ...inconsistencies] };
}

/** Data connector kinds and their agents' URLs: the sandbox's own Snowflake, and what dc_add_agent named. */
export function registeredAgents(
  metadata: Metadata,
  snowflake: SnowflakeAgent | undefined,
): Map<string, string | undefined> {
  const agents = new Map<string, string | undefined>();
  if (snowflake) agents.set("snowflake", undefined);
  const configs = metadata.others.backend_configs;
  const connectors =
    isObject(configs) && isObject(configs.dataconnector) ? configs.dataconnector : {};
  for (const [kind, agent] of Object.entries(connectors))
    agents.set(kind, isObject(agent) && typeof agent.uri === "string" ? agent.uri : undefined);
  return agents;
}

const AT_ONCE = 4;

async function eachOf<T>(
  sources: readonly SourceMetadata[],
  build: (source: SourceMetadata) => Promise<T>,
): Promise<T[]> {
  const results: T[] = new Array(sources.length);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < sources.length; index = next++) {
      const source = sources[index];
      if (source) results[index] = await build(source);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

async function payFor(metadata: Metadata, costs: HasuraCosts): Promise<void> {
  if (costs.rebuildMs + costs.perTableMs + costs.perRoleMs === 0) return;
  const tables = metadata.sources.reduce((sum, source) => sum + source.tables.length, 0);
  const roles = rolesWithPermissions(metadata).size + metadata.inheritedRoles.length;
  await pause(costs.rebuildMs + costs.perTableMs * tables + costs.perRoleMs * roles);
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await delay(ms);
}
