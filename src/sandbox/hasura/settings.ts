/** The settings that Hasura itself takes from its environment, by Hasura's names. */

export interface HasuraSettings {
  /** How often an instance looks whether another one has written; 0 is never. */
  readonly pollIntervalMs: number;
  /** How often the rows of a subscription are read again. */
  readonly refetchIntervalMs: number;
  /** How long a websocket may stay without `connection_init`. */
  readonly initTimeoutMs: number;
  readonly keepAliveMs: number;
  /** Whether a change of metadata closes every websocket. */
  readonly closesSockets: boolean;
  readonly apolloFederation: boolean;
  /** Whether a refused authentication keeps its status on `/v1/graphql`. */
  readonly preserves401: boolean;
  /** Whether an admin is shown `internal`. */
  readonly showsInternal: boolean;
  readonly maintenance: boolean;
  readonly readOnly: boolean;
}

type Environment = Readonly<Record<string, string>>;

/** What is not set, or cannot be read, has Hasura's default. */
export function settingsFrom(env: Environment): HasuraSettings {
  const amount = (name: string, standard: number): number => {
    const value = Number(env[`HASURA_GRAPHQL_${name}`]?.trim() || Number.NaN);
    return Number.isFinite(value) && value >= 0 ? value : standard;
  };
  const isOn = (name: string, standard: boolean): boolean => {
    const value = env[`HASURA_GRAPHQL_${name}`]?.trim().toLowerCase();
    if (value === undefined || value === "") return standard;
    return ["true", "t", "yes", "y"].includes(value);
  };
  return {
    pollIntervalMs: amount("SCHEMA_SYNC_POLL_INTERVAL", 1000),
    refetchIntervalMs: amount("LIVE_QUERIES_MULTIPLEXED_REFETCH_INTERVAL", 1000),
    initTimeoutMs: amount("WEBSOCKET_CONNECTION_INIT_TIMEOUT", 3) * 1000,
    keepAliveMs: amount("WEBSOCKET_KEEPALIVE", 5) * 1000,
    closesSockets: isOn("CLOSE_WEBSOCKETS_ON_METADATA_CHANGE", true),
    apolloFederation: isOn("ENABLE_APOLLO_FEDERATION", false),
    preserves401: isOn("PRESERVE_401_ERRORS", false),
    showsInternal: isOn("ADMIN_INTERNAL_ERRORS", true),
    maintenance: isOn("ENABLE_MAINTENANCE_MODE", false),
    readOnly: isOn("ENABLE_READ_ONLY_MODE", false),
  };
}
