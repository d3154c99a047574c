/** Blocks: no access, whatever is granted, until they end. Who sets or ends one counts a generation with `blocks`. */
import { AppError } from "../errors.ts";
import { type DbOrTx, databaseTime, type Tx } from "./db.ts";
import type { AccessBlock } from "./generated/client.ts";
import { inForce } from "./in-force.ts";

/** What is blocked: a subject everywhere, a port for everybody, or the pair. */
export interface BlockTarget {
  readonly hasuraId: string;
  /** Canonical ref; `null`: everybody. */
  readonly subject: string | null;
  /** `null`: everything. */
  readonly portId: string | null;
}

/**
 * Sets a block, beside those that are there already.
 * @returns its id
 * @throws AppError BAD_REQUEST when it names neither a subject nor a port: that would shut everybody out of everything
 */
export async function addBlock(
  tx: Tx,
  block: BlockTarget & {
    readonly reason: string;
    readonly actor: string;
    readonly operationToken?: string | null;
    /** When it ends by itself; absent: it does not. */
    readonly until?: Date | null;
  },
): Promise<string> {
  if (block.subject === null && block.portId === null)
    throw new AppError("BAD_REQUEST", "A block needs a subject, an output port, or both.");
  const since = await databaseTime(tx);
  const { id } = await tx.accessBlock.create({ data: { ...block, since }, select: { id: true } });
  return id;
}

/**
 * Ends every live block on exactly this target.
 * @param id only this one of them; absent: all
 * @returns how many there were
 */
export async function endBlocks(
  tx: Tx,
  { hasuraId, subject, portId }: BlockTarget,
  reason: string,
  id?: string,
): Promise<number> {
  const at = await databaseTime(tx);
  const which = { hasuraId, subject, portId, ...(id === undefined ? {} : { id }) };
  const { count } = await tx.accessBlock.updateMany({
    where: { ...which, ...inForce(at) },
    data: { endedAt: at, endReason: reason },
  });
  return count;
}

/** Blocks in force that meet this target, be it named by them or among what they name. */
export async function blocksMeeting(
  db: DbOrTx,
  { hasuraId, subject, portId }: BlockTarget,
): Promise<AccessBlock[]> {
  const onPort = portId === null ? [] : [{ subject: null, portId }];
  const onSubject =
    subject === null
      ? []
      : [
          { subject, portId: null },
          { subject, portId },
        ];
  return db.accessBlock.findMany({
    where: { hasuraId, AND: [inForce(new Date()), { OR: [...onPort, ...onSubject] }] },
    orderBy: [{ since: "asc" }, { id: "asc" }],
  });
}

export function unknownBlock(): AppError {
  return new AppError("NOT_FOUND", "There is no such block.", {
    problems: [{ path: "id", message: "names no block" }],
  });
}
