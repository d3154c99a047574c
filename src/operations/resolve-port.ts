import { createHash } from "node:crypto";
import { normalizeName } from "../domain/names.ts";
import type { PortSpec } from "../domain/output-port.ts";
import { AppError } from "../errors.ts";
import { type DesiredObjects, desired } from "../hasura/desired.ts";
import type { Tx } from "../inventory/db.ts";
import type { OutputPort, Prisma } from "../inventory/generated/client.ts";
import { claimNames } from "../inventory/names.ts";
import { type ResolvedRevision, resolveRevision } from "../inventory/revisions.ts";
import { ensureSource, type SourceFacts } from "../inventory/sources.ts";
import { matchColumns } from "../sources/columns.ts";
import { exactSource, type InspectedRelation } from "../sources/kind.ts";
import { kindOf } from "../sources/sources.ts";
import type { OperationsContext } from "./context.ts";
import type { Wanted } from "./converge.ts";
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
  say: (level: "INFO" | "WARNING", message: string) => Promise<void>,
): Promise<Inspected> {
  const relation = await ctx.inspector.inspect(spec.source);
  const matched = matchColumns(spec.columns, relation.columns);
  if (!matched.ok)
    throw new AppError(
      "SOURCE_REFUSED",
      `The contract and ${relation.path.join(".")} do not have the same columns.`,
      { problems: matched.problems },
    );
  await say("INFO", `${relation.path.join(".")} has ${relation.columns.length} column(s).`);
  for (const warning of relation.warnings) await say("WARNING", warning);
  for (const matchedBy of matched.warnings) await say("INFO", matchedBy);
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

/** Decides and records the source, the table's place and the columns of a revision. */
export async function resolvePort(
  ctx: OperationsContext,
  tx: Tx,
  port: OutputPort,
  revision: { readonly number: number; readonly spec: PortSpec },
  inspected: Inspected,
): Promise<{ resolved: ResolvedRevision; wanted: Wanted }> {
  const { number, spec } = revision;
  const facts = sourceFacts(ctx, port, spec, inspected);
  const source = await ensureSource(tx, facts);
  const connection = { name: source.name, configuration: facts.connectionTemplate };
  const objects = desiredObjects(ctx, port, spec, inspected, connection);
  const resolved = {
    source: source.name,
    path: [...objects.table],
    columns: inspected.columns,
  };
  const [taken] = await claimNames(tx, port, { portId: port.id }, [tableClaim(resolved)]);
  if (taken !== undefined)
    throw new AppError("NAME_TAKEN", `${resolved.path.join(".")} is exposed already.`, {
      problems: [
        {
          path: `dataProduct.components.${spec.source.componentId}.specific`,
          message: `${resolved.path.join(".")} is exposed by ${taken.owner}; Hasura tracks a table once a source`,
          suggestion: "expose another view, or unprovision that output port first",
        },
      ],
    });
  await resolveRevision(tx, port.id, number, resolved, source.id);
  return { resolved, wanted: { objects, sourceId: source.id } };
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
