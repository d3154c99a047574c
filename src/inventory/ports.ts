import type { PortSpec } from "../domain/output-port.ts";
import { componentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import type { DbOrTx, Tx } from "./db.ts";
import type { ConditionStatus, ConditionType, OutputPort } from "./generated/client.ts";

/** Who a port is: its Hasura, environment and component URN. */
export interface PortIdentity {
  readonly hasuraId: string;
  readonly environment: string;
  readonly componentId: string;
}

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
  await tx.outputPort.createMany({
    data: [{ ...identity, componentKey: componentKey(identity.componentId), role, ...facts(spec) }],
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
      ...facts(spec),
      acceptedRevision: revision,
      // A port that is gone or never came to be is on its way again; a live one stays so while it changes.
      ...(port.phase === "ACTIVE" ? {} : { phase: "PENDING" }),
    },
  });
}

export async function setCondition(
  tx: DbOrTx,
  portId: string,
  type: ConditionType,
  state: { status: ConditionStatus; reason: string; message: string },
): Promise<void> {
  const where = { portId_type: { portId, type } };
  const before = await tx.condition.findUnique({ where });
  // `since` is when the status was reached, not when it was last confirmed.
  const since = before?.status === state.status ? {} : { since: new Date() };
  await tx.condition.upsert({
    where,
    create: { portId, type, ...state },
    update: { ...state, ...since },
  });
}

function facts(
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
