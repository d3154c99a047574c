import type { PortSpec } from "../domain/output-port.ts";
import { componentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import { type DbOrTx, storableJson, type Tx } from "./db.ts";
import type { ConditionStatus, ConditionType, OutputPort } from "./generated/client.ts";

/** Who a port is: its Hasura, environment and component URN. */
export interface PortIdentity {
  readonly hasuraId: string;
  readonly environment: string;
  readonly componentId: string;
}

/** Number of the revision that a port begins with. */
export const FIRST_REVISION = 1;

/**
 * The port's row, made when there is none, locked until the transaction ends.
 * @param role the role's name, used only when the port is new: a role is decided once
 */
export async function lockOrCreatePort(
  tx: Tx,
  identity: PortIdentity,
  spec: PortSpec,
  role: string,
): Promise<OutputPort> {
  const key = componentKey(identity.componentId);
  await tx.outputPort.createMany({
    data: [{ ...identity, componentKey: key, role, ...portFacts(spec) }],
    skipDuplicates: true,
  });
  const port = await lockPort(tx, identity);
  if (port === null) throw new AppError("INTERNAL", "The port's row vanished.");
  return port;
}

/** The port's row, locked until the transaction ends; null when it was never asked for. */
export async function lockPort(tx: Tx, identity: PortIdentity): Promise<OutputPort | null> {
  const { hasuraId, environment } = identity;
  const key = componentKey(identity.componentId);
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM output_port
    WHERE hasura_id = ${hasuraId} AND environment = ${environment} AND component_key = ${key}
    FOR UPDATE`;
  const id = rows[0]?.id;
  return id === undefined ? null : tx.outputPort.findUniqueOrThrow({ where: { id } });
}

/** The ports' rows, locked until the transaction ends. */
export async function lockPorts(tx: Tx, ids: readonly string[]): Promise<OutputPort[]> {
  // In one order, so that two who lock several wait for one another instead of dead-locking.
  await tx.$queryRaw`
    SELECT id FROM output_port WHERE id = ANY(${[...ids]}::uuid[]) ORDER BY id FOR UPDATE`;
  return tx.outputPort.findMany({ where: { id: { in: [...ids] } } });
}

/** The port of that URN; without an environment the only one. */
export async function findPort(
  db: DbOrTx,
  where: { hasuraId: string; componentId: string; environment?: string | undefined },
): Promise<OutputPort | null> {
  const { hasuraId, componentId, environment } = where;
  const ports = await db.outputPort.findMany({
    where: {
      hasuraId,
      componentKey: componentKey(componentId),
      ...(environment === undefined ? {} : { environment }),
    },
    take: 2,
  });
  if (ports.length > 1)
    throw new AppError("AMBIGUOUS", `${componentId} exists in several environments; name one.`, {
      problems: [{ path: "environment", message: "is needed: the port exists in several" }],
    });
  return ports[0] ?? null;
}

/** Writes the facts of a newly accepted revision onto the port's row. */
export async function acceptRevision(
  tx: Tx,
  port: OutputPort,
  spec: PortSpec,
  revision: number,
): Promise<void> {
  await tx.outputPort.update({
    where: { id: port.id },
    data: {
      ...portFacts(spec),
      acceptedRevision: revision,
      // A port that is gone or never came to be is on its way again; a live one stays so while it changes.
      ...(port.phase === "ACTIVE" ? {} : { phase: "PENDING" }),
    },
    select: { id: true },
  });
}

export interface ConditionState {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

/** Says what can be said of ports now. `since` is when the status was reached, not when it was last confirmed. */
export async function setConditions(
  tx: DbOrTx,
  states: readonly (ConditionState & { readonly portId: string })[],
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO condition AS known (port_id, type, status, reason, message)
    SELECT s."portId", s.type::"ConditionType", s.status::"ConditionStatus", s.reason, s.message
    FROM jsonb_to_recordset(${storableJson(states)}::jsonb)
      AS s ("portId" uuid, type text, status text, reason text, message text)
    ON CONFLICT (port_id, type) DO UPDATE SET
      since = CASE WHEN known.status = excluded.status THEN known.since ELSE now() END,
      status = excluded.status, reason = excluded.reason, message = excluded.message`;
}

export async function setCondition(
  tx: DbOrTx,
  portId: string,
  type: ConditionType,
  state: { status: ConditionStatus; reason: string; message: string },
): Promise<void> {
  await setConditions(tx, [{ portId, type, ...state }]);
}

/** Notes which revision Hasura holds of each port now. */
export async function markApplied(
  tx: Tx,
  applied: readonly { readonly portId: string; readonly revision: number }[],
): Promise<void> {
  const ids = applied.map(({ portId }) => portId);
  const numbers = applied.map(({ revision }) => revision);
  await tx.$executeRaw`
    UPDATE output_port SET phase = 'ACTIVE', applied_revision = a.number, updated_at = now()
    FROM unnest(${ids}::uuid[], ${numbers}::int[]) AS a (port_id, number)
    WHERE output_port.id = a.port_id`;
  await tx.$executeRaw`
    UPDATE revision SET applied_at = now()
    FROM unnest(${ids}::uuid[], ${numbers}::int[]) AS a (port_id, number)
    WHERE revision.port_id = a.port_id AND revision.number = a.number`;
}

/** Keeps what the Marketplace shows of ports. */
export async function setPublicInfo(
  tx: Tx,
  infos: readonly { readonly portId: string; readonly publicInfo: unknown }[],
): Promise<void> {
  await tx.$executeRaw`
    UPDATE output_port SET public_info = i."publicInfo", updated_at = now()
    FROM jsonb_to_recordset(${storableJson(infos)}::jsonb) AS i ("portId" uuid, "publicInfo" jsonb)
    WHERE output_port.id = i."portId"`;
}

/** What a port's row says of its newest accepted revision. */
export function portFacts(
  spec: PortSpec,
): Pick<OutputPort, "name" | "description" | "domain" | "dataProductId" | "dataProductName"> {
  return {
    name: spec.name,
    description: spec.description,
    domain: spec.dataProduct.domain,
    dataProductId: spec.dataProduct.id,
    dataProductName: spec.dataProduct.name,
  };
}
