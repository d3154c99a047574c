import { createHash } from "node:crypto";
import { normalizeName } from "../domain/names.ts";
import type { PortSpec } from "../domain/output-port.ts";
import { AppError } from "../errors.ts";
import { type DesiredObjects, desired } from "../hasura/desired.ts";
import type { Tx } from "../inventory/db.ts";
import type { OutputPort, Prisma, Source } from "../inventory/generated/client.ts";
import { claimNames } from "../inventory/names.ts";
import { type ResolvedRevision, resolveRevisions } from "../inventory/revisions.ts";
import { ensureSources, type SourceFacts, sourceKeyOf } from "../inventory/sources.ts";
import { matchColumns } from "../sources/columns.ts";
import { exactSource, type InspectedRelation } from "../sources/kind.ts";
import { kindOf } from "../sources/sources.ts";
import type { Wanted } from "./changes.ts";
import type { OperationsContext } from "./context.ts";
import { tableClaim } from "./port-state.ts";

/** A relation as the source holds it, with the columns of it that are exposed. */
export interface Inspected {
  readonly relation: InspectedRelation;
  readonly columns: "*" | string[];
}

/**
 * Looks the source up and matches the contract's columns with it.
 * @param say told of what differs in spelling
 * @throws AppError SOURCE_REFUSED, SOURCE_UNAVAILABLE
 */
export async function inspectSource(
  ctx: OperationsContext,
  spec: PortSpec,
  say: (level: "INFO" | "WARNING", message: string) => void,
): Promise<Inspected> {
  const relation = await ctx.inspector.inspect(spec.source);
  const matched = matchColumns(spec.columns, relation.columns);
  if (!matched.ok)
    throw new AppError(
      "SOURCE_REFUSED",
      `The contract and ${relation.path.join(".")} do not have the same columns.`,
      { problems: matched.problems },
    );
  say("INFO", `${relation.path.join(".")} has ${relation.columns.length} column(s).`);
  for (const warning of relation.warnings) say("WARNING", warning);
  for (const matchedBy of matched.warnings) say("INFO", matchedBy);
  return { relation, columns: matched.columns };
}

/** The source of Hasura's that a port needs: what it would be if there were none yet. */
export function sourceFacts(
  ctx: OperationsContext,
  where: { hasuraId: string; environment: string },
  spec: PortSpec,
  { relation }: Inspected,
): SourceFacts {
  const kind = kindOf(spec.source);
  const exact = exactSource(spec.source, relation);
  const key = kind.sourceKey(exact, spec.dataProduct, ctx.sourceSettings);
  return {
    hasuraId: where.hasuraId,
    environment: where.environment,
    key,
    name: sourceName(where.environment, spec, key),
    kind: kind.kind,
    database: exact.database,
    connectionTemplate: kind.configuration(exact, ctx.sourceSettings) as Prisma.InputJsonValue,
  };
}

/** The objects Hasura is to hold for a port whose source has that name. */
export function desiredObjects(
  ctx: OperationsContext,
  port: Pick<OutputPort, "environment" | "componentId" | "role">,
  spec: PortSpec,
  inspected: Inspected,
  source: { readonly name: string; readonly configuration: unknown },
): DesiredObjects {
  const kind = kindOf(spec.source);
  return desired({
    environment: port.environment,
    componentId: port.componentId,
    source: { ...source, kind: kind.hasuraKind },
    table: kind.tablePath(inspected.relation),
    names: spec.names,
    role: port.role,
    columns: inspected.columns,
    aggregates: ctx.aggregates === "declared",
  });
}

/** What is to be decided for one port. */
export interface Resolvable {
  readonly port: OutputPort;
  readonly revision: { readonly number: number; readonly spec: PortSpec };
  readonly inspected: Inspected;
  /** The source it needs, if there were none yet. */
  readonly facts: SourceFacts;
}

export interface ResolvedPort {
  readonly resolved: ResolvedRevision;
  readonly wanted: Wanted;
}

/**
 * Decides and records the source, the table's place and the columns of revisions, all in one transaction.
 * @returns in their order: what was decided, or NAME_TAKEN for a view that another port exposes
 */
export async function resolvePorts(
  ctx: OperationsContext,
  ports: readonly Resolvable[],
): Promise<(ResolvedPort | AppError)[]> {
  const outcomes = new Map<Resolvable, ResolvedPort | AppError>();
  let open = [...ports];
  while (open.length > 0) {
    const { decided, taken } = await tryResolve(ctx, open);
    for (const [port, outcome] of [...decided, ...taken]) outcomes.set(port, outcome);
    open = open.filter((port) => !outcomes.has(port));
  }
  return ports.flatMap((port) => outcomes.get(port) ?? []);
}

/** Either all are decided, or it is said whose place is taken and nothing is recorded. */
async function tryResolve(
  ctx: OperationsContext,
  ports: readonly Resolvable[],
): Promise<{ decided: Map<Resolvable, ResolvedPort>; taken: Map<Resolvable, AppError> }> {
  const taken = new Map<Resolvable, AppError>();
  try {
    const decided = await ctx.db.$transaction(async (tx) => {
      const sources = await ensureSources(
        tx,
        ports.map(({ facts }) => facts),
      );
      const resolved = ports.map((each) => {
        const source = sources.get(sourceKeyOf(each.facts));
        if (source === undefined) throw new AppError("INTERNAL", "A source was not recorded.");
        return [each, resolve(ctx, each, source)] as const;
      });
      for (const [port, error] of await takenPlaces(tx, ctx.hasuraId, resolved))
        taken.set(port, error);
      if (taken.size > 0) throw new Taken();
      await resolveRevisions(
        tx,
        resolved.map(([{ port, revision }, outcome]) => ({
          portId: port.id,
          number: revision.number,
          resolved: outcome.resolved,
          sourceId: outcome.wanted.sourceId,
        })),
      );
      return new Map(resolved);
    });
    return { decided, taken };
  } catch (error) {
    if (!(error instanceof Taken)) throw error;
    return { decided: new Map(), taken };
  }
}

/** Rolls the transaction back. */
class Taken extends Error {}

function resolve(
  ctx: OperationsContext,
  { port, revision, inspected }: Resolvable,
  source: Source,
): ResolvedPort {
  const connection = { name: source.name, configuration: source.connectionTemplate };
  const objects = desiredObjects(ctx, port, revision.spec, inspected, connection);
  const resolved = {
    source: source.name,
    path: [...objects.table],
    columns: inspected.columns,
  };
  return { resolved, wanted: { objects, sourceId: source.id } };
}

async function takenPlaces(
  tx: Tx,
  hasuraId: string,
  ports: readonly (readonly [Resolvable, ResolvedPort])[],
): Promise<[Resolvable, AppError][]> {
  const claims = ports.map(([each, { resolved }]) => ({
    ...tableClaim(resolved),
    environment: each.port.environment,
    portId: each.port.id,
    each,
    resolved,
  }));
  const taken = await claimNames(tx, hasuraId, claims);
  return taken.map(({ owner, claim: { each, resolved } }) => {
    const place = resolved.path.join(".");
    const error = new AppError("NAME_TAKEN", `${place} is exposed already.`, {
      problems: [
        {
          path: `dataProduct.components.${each.revision.spec.source.componentId}.specific`,
          message: `${place} is exposed by ${owner}; Hasura tracks a table once a source`,
          suggestion: "expose another view, or unprovision that output port first",
        },
      ],
    });
    return [each, error];
  });
}

/** Readable, and never somebody else's: it ends in a hash of what makes the source this one. */
function sourceName(environment: string, { dataProduct }: PortSpec, key: string): string {
  const { domain, name, major } = dataProduct;
  const readable = [domain, name, major].map(normalizeName).join("_").slice(0, 100);
  const hash = createHash("sha256")
    .update(JSON.stringify([environment, key]))
    .digest("hex");
  return `${readable}_${hash.slice(0, 8)}`;
}
