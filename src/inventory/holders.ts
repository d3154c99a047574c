/** What has a role that can be granted: an output port, or an external role. */
import { invisibleFault } from "../domain/lookalike.ts";
import { componentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import type { DbOrTx } from "./db.ts";
import type { ExternalRole, OutputPort } from "./generated/client.ts";

type GrantHolder = OutputPort | ExternalRole;

/** Who has the role now; null: neither a port nor an external role. */
export async function holderOfRole(
  db: DbOrTx,
  hasuraId: string,
  role: string,
): Promise<GrantHolder | null> {
  if (invisibleFault(role) !== null) return null;
  const port = await db.outputPort.findFirst({
    where: { hasuraId, role, phase: { not: "REMOVED" } },
  });
  return (
    port ?? (await db.externalRole.findFirst({ where: { hasuraId, name: role, removedAt: null } }))
  );
}

/**
 * What has the component's role now: its port, or else the external role that it made known.
 * @throws AppError AMBIGUOUS when it is a port in several environments, or has made several roles known
 */
export async function holderOfComponent(
  db: DbOrTx,
  hasuraId: string,
  componentId: string,
): Promise<GrantHolder | null> {
  if (invisibleFault(componentId) !== null) return null;
  const key = componentKey(componentId);
  const ports = await db.outputPort.findMany({
    where: { hasuraId, componentKey: key, phase: { not: "REMOVED" } },
    orderBy: { environment: "asc" },
  });
  if (ports.length > 0)
    return only(
      ports,
      ports.map(({ role, environment }) => `${role} (environment ${environment})`),
    );
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM external_role
    WHERE hasura_id = ${hasuraId} AND removed_at IS NULL AND lower(component_id COLLATE "C") = ${key}`;
  const roles = await db.externalRole.findMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    orderBy: { name: "asc" },
  });
  return only(
    roles,
    roles.map(({ name }) => name),
  );
}

function only<Holder>(holders: readonly Holder[], names: readonly string[]): Holder | null {
  if (holders.length <= 1) return holders[0] ?? null;
  throw new AppError("AMBIGUOUS", "The component has several roles; ask by the role.", {
    problems: [{ path: "componentId", message: `has several roles: ${names.join(", ")}` }],
  });
}
