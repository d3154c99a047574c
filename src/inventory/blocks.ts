/** Blocks: no access, whatever is granted, until they end. Who sets or ends one counts a generation with `blocks`. */
import { AppError } from "../errors.ts";
import type { Tx } from "./db.ts";

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
  const { id } = await tx.accessBlock.create({ data: block, select: { id: true } });
  return id;
}

/**
 * Ends every live block on exactly this target.
 * @returns how many there were
 */
export async function endBlocks(tx: Tx, target: BlockTarget, reason: string): Promise<number> {
  const { count } = await tx.accessBlock.updateMany({
    where: { ...target, endedAt: null },
    data: { endedAt: new Date(), endReason: reason },
  });
  return count;
}
