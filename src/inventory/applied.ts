/** Ports as they were applied, for holding Hasura against them. */
import { z } from "zod";
import { type PortSpec, portSpecSchema } from "../domain/output-port.ts";
import type { DbOrTx } from "./db.ts";
import type { PortPhase } from "./generated/client.ts";
import { type ResolvedRevision, resolvedSchema } from "./revisions.ts";

export interface AppliedRow {
  readonly id: string;
  readonly hasuraId: string;
  readonly environment: string;
  readonly componentId: string;
  readonly role: string;
  readonly phase: PortPhase;
  readonly paused: boolean;
  /** Whether a change of it is on its way. */
  readonly changing: boolean;
  readonly revision: number;
  readonly spec: PortSpec;
  readonly resolved: ResolvedRevision;
  readonly source: {
    readonly id: string;
    readonly name: string;
    readonly kind: string;
    readonly connectionTemplate: unknown;
  };
}

const rowSchema = z.object({
  id: z.string(),
  hasuraId: z.string(),
  environment: z.string(),
  componentId: z.string(),
  role: z.string(),
  phase: z.enum(["PENDING", "ACTIVE", "FAILED", "REMOVED"]),
  paused: z.boolean(),
  changing: z.boolean(),
  revision: z.number(),
  spec: portSpecSchema,
  resolved: resolvedSchema,
  source: z.object({
    id: z.string(),
    name: z.string(),
    kind: z.string(),
    connectionTemplate: z.unknown(),
  }),
});

const PAGE = 1_000;

/**
 * Every port of a Hasura that has something applied.
 * @param portId only this one
 */
export async function appliedPorts(
  db: DbOrTx,
  hasuraId: string,
  portId?: string,
): Promise<AppliedRow[]> {
  const rows: AppliedRow[] = [];
  for (let after: string | null = null; ; ) {
    const page: unknown[] = await db.$queryRaw`
      SELECT p.id, p.hasura_id AS "hasuraId", p.environment, p.component_id AS "componentId", p.role,
        p.phase::text AS phase, p.paused_at IS NOT NULL AS paused, p.applied_revision AS revision,
        EXISTS (SELECT 1 FROM operation o WHERE o.port_id = p.id AND o.status = 'RUNNING'
          AND o.kind IN ('PROVISION', 'UNPROVISION')) AS changing,
        r.spec, r.resolved, jsonb_build_object('id', s.id, 'name', s.name, 'kind', s.kind,
          'connectionTemplate', s.connection_template) AS source
      FROM output_port p
      JOIN revision r ON r.port_id = p.id AND r.number = p.applied_revision
      JOIN source s ON s.id = r.source_id
      WHERE p.hasura_id = ${hasuraId} AND r.resolved IS NOT NULL
        AND (${portId ?? null}::uuid IS NULL OR p.id = ${portId ?? null}::uuid)
        AND (${after}::uuid IS NULL OR p.id > ${after}::uuid)
      ORDER BY p.id LIMIT ${PAGE}`;
    const read = z.array(rowSchema).parse(page);
    rows.push(...read);
    after = read.at(-1)?.id ?? null;
    if (read.length < PAGE || after === null) return rows;
  }
}
