/**
 * What a kind of source is. Each kind is one file beside this one (with its parts as `<kind>-*.ts`), listed in
 * `sources.ts`; nothing outside this folder knows one by name.
 */
import type { SourceComponent } from "../domain/descriptor.ts";
import type { SourcePort } from "../domain/output-port.ts";
import type { Problem } from "../errors.ts";

export interface SnowflakeSettings {
  /** `acme.snowflakecomputing.com`, or `http://127.0.0.1:PORT` (loopback only) for a stand-in. */
  readonly host: string;
  readonly user: string;
  readonly password?: string | undefined;
  /** PEM, or the base64 form of a PEM. Preferred over the password when both are set. */
  readonly privateKey?: string | undefined;
  readonly role?: string | undefined;
  readonly warehouse?: string | undefined;
}

export interface SourceSettings {
  /** `null` where the platform has no such account. */
  readonly snowflake: SnowflakeSettings | null;
  /** How Hasura learns the credentials: from its variables, from its files, or written into its metadata. */
  readonly credentials: "env" | "file" | "inline";
  /** With `env` names of Hasura's environment variables, with `file` absolute paths as Hasura sees them. */
  readonly references: {
    readonly snowflakeUser: string;
    readonly snowflakePassword: string;
    readonly snowflakePrivateKey?: string | undefined;
  };
}

/** What is read of a component, whoever found it in the descriptor. */
export type ReadableComponent = Pick<
  SourceComponent,
  "id" | "path" | "record" | "technology" | "platform"
>;

/** What the defaults of a source output port are made from. */
export interface SourceDataProduct {
  readonly domain: string;
  readonly name: string;
  /** First segment of the data product's version. */
  readonly major: string;
}

export type SourceReading =
  | { readonly ok: true; readonly source: SourcePort }
  | { readonly ok: false; readonly problems: readonly Problem[] };

interface InspectedColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}

/** A relation as the source really holds it. */
export interface InspectedRelation {
  /** Exact identifiers, as Hasura spells them with fully qualified names: database, schema, relation. */
  readonly path: readonly string[];
  readonly columns: readonly InspectedColumn[];
  /** Where the descriptor's spelling and the source's differ, for the operation's log. */
  readonly warnings: readonly string[];
}

/** An open way to the sources of one kind. */
export interface SourceInspector {
  /**
   * Looks the relation up in the source.
   * @throws AppError SOURCE_REFUSED when it is not there or not readable, SOURCE_UNAVAILABLE when the source cannot be
   * asked now; `options.signal`'s reason when that aborts
   */
  inspect(source: SourcePort, options?: { signal?: AbortSignal }): Promise<InspectedRelation>;
  /** Closes what was opened. Safe to call twice. */
  stop(): Promise<void>;
}

export interface SourceKind {
  readonly kind: SourcePort["kind"];
  /** Prefix of Hasura's commands for such a source, and the source's `kind` in its metadata. */
  readonly hasuraKind: string;
  /** Reads where the data is from the component's `specific`; every fault at once, each with its path. */
  read(component: ReadableComponent, dataProduct: SourceDataProduct): SourceReading;
  /**
   * What makes two ports share one Hasura source: data product and its major version, database and account.
   * @param source spelt exactly, as `exactSource` gives it
   */
  sourceKey(
    source: SourcePort,
    dataProduct: { readonly id: string; readonly major: string },
    settings: SourceSettings,
  ): string;
  /**
   * Hasura's connection configuration (the `configuration` of `<kind>_add_source`).
   * @param source spelt exactly, as `exactSource` gives it
   * @throws AppError CONFIGURATION when the settings do not allow one
   */
  configuration(source: Pick<SourcePort, "database">, settings: SourceSettings): unknown;
  /** How Hasura names the relation in its metadata. */
  tablePath(relation: Pick<InspectedRelation, "path">): string[];
  /**
   * One text for each relation there is: equal ones are the same data, whoever tracked them.
   * @param configuration of some source of this kind in Hasura, ours or not
   * @returns null where it cannot be told
   */
  place(configuration: unknown, path: readonly string[]): string | null;
  /** Opens nothing yet; the first `inspect` does. */
  open(settings: SourceSettings, options: { timeoutMs: number }): SourceInspector;
}

/** The source port with the identifiers that the source really has, as `inspect` found them. */
export function exactSource(source: SourcePort, relation: InspectedRelation): SourcePort {
  const [database, schema, name] = relation.path;
  return {
    ...source,
    database: database ?? source.database,
    schema: schema ?? source.schema,
    relation: name ?? source.relation,
  };
}
