/** A port that is asked for the first time. A deploy brings hundreds: all about one is recorded in one statement. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { PortSpec } from "../domain/output-port.ts";
import { componentKey } from "../domain/urn.ts";
import type { Db } from "./db.ts";
import { Prisma } from "./generated/client.ts";
import { type NameClaim, sortedClaims } from "./names.ts";
import type { NewOperation } from "./operations.ts";
import { FIRST_REVISION, type PortIdentity, portFacts } from "./ports.ts";

export interface NewPort {
  readonly identity: PortIdentity;
  readonly spec: PortSpec;
  readonly role: string;
  /** The role's among them. */
  readonly claims: readonly NameClaim[];
  readonly descriptor: string;
  readonly operation: Pick<
    NewOperation,
    "token" | "kind" | "fingerprint" | "actor" | "deadlineAt"
  > & { readonly request: unknown };
}

/**
 * Records a port with its names, its first revision and the operation that is to bring it about.
 * @param then SQL of what is to be done in the same transaction when it is recorded
 * @returns whether it was recorded; if not, nothing was: there is such a port, or one of the names is somebody else's
 */
export async function recordNewPort(db: Db, port: NewPort, then: Prisma.Sql): Promise<boolean> {
  const { identity, spec, role, operation } = port;
  const { hasuraId, environment, componentId } = identity;
  const facts = portFacts(spec);
  const claims = sortedClaims(port.claims);
  try {
    await db.$executeRaw`
      WITH port AS (
        INSERT INTO output_port (id, hasura_id, environment, component_key, component_id, name, description,
          domain, data_product_id, data_product_name, role, accepted_revision, updated_at)
        VALUES (${randomUUID()}::uuid, ${hasuraId}, ${environment}, ${componentKey(componentId)}, ${componentId},
          ${facts.name}, ${facts.description}, ${facts.domain}, ${facts.dataProductId}, ${facts.dataProductName},
          ${role}, ${FIRST_REVISION}, now())
        RETURNING id
      ), named AS (
        INSERT INTO owned_name (hasura_id, namespace, name, environment, purpose, port_id)
        SELECT ${hasuraId}, claim.namespace::"Namespace", claim.name, ${environment}, claim.purpose, port.id
        FROM port, unnest(
          ${claims.map(({ namespace }) => namespace)}::text[],
          ${claims.map(({ name }) => name)}::text[],
          ${claims.map(({ purpose }) => purpose)}::text[]) AS claim (namespace, name, purpose)
        RETURNING 1
      ), revised AS (
        INSERT INTO revision (id, port_id, number, spec, descriptor, operation_token)
        SELECT ${randomUUID()}::uuid, port.id, ${FIRST_REVISION}::int, ${JSON.stringify(spec)}::jsonb,
          ${port.descriptor}, ${operation.token}::uuid
        FROM port
      ), accepted AS (
        INSERT INTO operation (token, hasura_id, environment, port_id, kind, fingerprint, revision, request, actor,
          next_attempt_at, deadline_at)
        SELECT ${operation.token}::uuid, ${hasuraId}, ${environment}, port.id, ${operation.kind}::"OperationKind",
          ${operation.fingerprint}, ${FIRST_REVISION}::int, ${JSON.stringify(operation.request)}::jsonb, ${operation.actor},
          -- Rounded down: rounded up, it would not be due yet when a worker is woken.
          date_trunc('milliseconds', now()), ${operation.deadlineAt}::timestamptz
        FROM port
        -- So that what follows comes last: others who have claimed names may wait for it.
        WHERE (SELECT count(*) FROM named) = ${claims.length}
        RETURNING token
      )
      SELECT ${then} FROM accepted`;
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

const violationSchema = z.object({
  driverAdapterError: z.object({
    cause: z.object({ kind: z.literal("UniqueConstraintViolation") }),
  }),
});

function isTaken(error: unknown): boolean {
  return (
    error instanceof Prisma.PrismaClientKnownRequestError &&
    violationSchema.safeParse(error.meta).success
  );
}
