/** The kinds of source there are, and the ways in from outside this folder. */
import type { SourcePort } from "../domain/output-port.ts";
import { AppError } from "../errors.ts";
import type { SourceInspector, SourceKind, SourceSettings } from "./kind.ts";
import { snowflake } from "./snowflake.ts";

const SOURCE_KINDS: readonly SourceKind[] = [snowflake];

/** @throws AppError INTERNAL for a kind that this version does not know (a row written by a later one) */
export function kindOf(source: Pick<SourcePort, "kind">): SourceKind {
  const kind = SOURCE_KINDS.find((candidate) => candidate.kind === source.kind);
  if (kind === undefined)
    throw new AppError("INTERNAL", `This version cannot read sources of kind ${source.kind}.`);
  return kind;
}

/**
 * Where a table of any source in Hasura really is; see `SourceKind.place`.
 * @param kind as Hasura's metadata has it
 */
export function placeOf(
  kind: string,
  configuration: unknown,
  path: readonly string[],
): string | null {
  const known = SOURCE_KINDS.find(({ hasuraKind }) => hasuraKind === kind);
  return known === undefined ? null : known.place(configuration, path);
}

/** How long a source may take for a login or an answer. */
const SOURCE_TIMEOUT_MS = 10_000;

/**
 * The way to every kind of source. Nothing is opened before the first `inspect` of its kind; `stop` closes all.
 * @param options.timeoutMs for a login and for each question, each by itself
 */
export function startSources(
  settings: SourceSettings,
  options: { timeoutMs?: number } = {},
): SourceInspector {
  const { timeoutMs = SOURCE_TIMEOUT_MS } = options;
  const inspectors = new Map(
    SOURCE_KINDS.map((kind) => [kind.kind, kind.open(settings, { timeoutMs })]),
  );
  return {
    async inspect(source, inspectOptions) {
      const inspector = inspectors.get(kindOf(source).kind);
      if (inspector === undefined) throw new AppError("INTERNAL", "A kind of source is not open.");
      return inspector.inspect(source, inspectOptions);
    },
    async stop() {
      await Promise.all([...inspectors.values()].map((inspector) => inspector.stop()));
    },
  };
}
