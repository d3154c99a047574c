import { componentKey } from "../domain/urn.ts";
import type { SourceInspector, SourceKind } from "./kind.ts";
import { type ColumnLookup, openColumnLookup } from "./snowflake-columns.ts";
import { configuredAccount, snowflakeConfiguration } from "./snowflake-connection.ts";
import { readSnowflakePort } from "./snowflake-descriptor.ts";
import { snowflakeEndpoint } from "./snowflake-endpoint.ts";
import { inspectSnowflake } from "./snowflake-inspect.ts";
import { snowflakePlace } from "./snowflake-place.ts";
import { openSnowflakeSession, type SnowflakeSession } from "./snowflake-session.ts";

/** Views in Snowflake, provisioned by Witboost's Snowflake adapter. */
export const snowflake: SourceKind = {
  kind: "snowflake",
  hasuraKind: "snowflake",
  read: readSnowflakePort,
  sourceKey: (source, dataProduct, settings) =>
    // Who logs in, with which role and warehouse, may change under one key: then the connection is updated.
    JSON.stringify([
      "snowflake",
      snowflakeEndpoint(configuredAccount(settings).host).authority,
      componentKey(dataProduct.id),
      dataProduct.major,
      source.database,
    ]),
  configuration: snowflakeConfiguration,
  tablePath: (relation) => [...relation.path],
  place: snowflakePlace,
  open(settings, options): SourceInspector {
    let session: SnowflakeSession | null = null;
    let columns: ColumnLookup | null = null;
    return {
      async inspect(source, { signal } = {}) {
        session ??= openSnowflakeSession(configuredAccount(settings), options);
        columns ??= openColumnLookup(session);
        return inspectSnowflake({ session, columns, signal }, source);
      },
      async stop() {
        await session?.stop();
      },
    };
  },
};
