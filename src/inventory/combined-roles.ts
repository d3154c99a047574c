/** Roles in Hasura that inherit from the roles of several ports. Here they are asked for; a committer makes them. */
import { createHash } from "node:crypto";
import { AppError } from "../errors.ts";
import type { Db } from "./db.ts";
import type { CombinedRole } from "./generated/client.ts";
import { claimNames } from "./names.ts";

/**
 * Asks for a role over these ports, or notes that it is asked for again. It gives no access until it is ACTIVE.
 * @param portIds in any order
 * @throws AppError BAD_REQUEST unless they are two or more active ports of one environment, NAME_TAKEN
 */
export async function wantCombinedRole(
  db: Db,
  hasuraId: string,
  portIds: readonly string[],
): Promise<CombinedRole> {
  const memberIds = [...new Set(portIds)].sort();
  return await db.$transaction(async (tx) => {
    const ports = await tx.outputPort.findMany({
      where: { hasuraId, id: { in: memberIds }, phase: "ACTIVE" },
      select: { environment: true },
    });
    const [environment, ...others] = new Set(ports.map((port) => port.environment));
    if (environment === undefined || others.length > 0 || ports.length < memberIds.length)
      throw new AppError("BAD_REQUEST", "The ports must be active and of one environment.");
    if (memberIds.length < 2)
      throw new AppError("BAD_REQUEST", "A combined role is of two ports or more.");
    const name = nameOf(memberIds);
    await tx.combinedRole.createMany({
      data: [{ hasuraId, environment, name, memberIds }],
      skipDuplicates: true,
    });
    const role = await tx.combinedRole.update({
      where: { hasuraId_memberIds: { hasuraId, memberIds } },
      data: { requestedAt: new Date() },
    });
    const claim = { namespace: "ROLE", name: role.name, purpose: "combinedRole" } as const;
    const owned = { ...claim, environment, combinedRoleId: role.id };
    if ((await claimNames(tx, hasuraId, [owned])).length > 0)
      throw new AppError("NAME_TAKEN", `The role ${role.name} belongs to somebody else.`);
    if (role.state !== "UNWANTED") return role;
    return tx.combinedRole.update({ where: { id: role.id }, data: { state: "WANTED" } });
  });
}

/** The same ports give the same name, so that a role that is made again is known again. */
function nameOf(memberIds: readonly string[]): string {
  const hash = createHash("sha256").update(memberIds.join(" ")).digest("hex");
  return `combined_${hash.slice(0, 20)}`;
}
