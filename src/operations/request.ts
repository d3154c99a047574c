import { z } from "zod";

const problemSchema = z.object({
  path: z.string(),
  message: z.string(),
  suggestion: z.string().optional(),
});

/** What an operation was asked beyond its revision; kept in its row and read again by whoever carries it out. */
export const operationRequestSchema = z.object({
  removeData: z.boolean().default(false),
  /** Canonical subjects, sorted. */
  subjects: z.array(z.string()).optional(),
  /** The access list as it was sent, to point at what is wrong in it. */
  refs: z.array(z.string()).optional(),
  descriptor: z.string().optional(),
  descriptorKind: z.string().optional(),
  warnings: z.array(problemSchema).default([]),
  /** What a reconcile does with the differences it finds. */
  mode: z.enum(["report", "repair"]).optional(),
  /** Whose access an admin changes, in canonical form; absent: everybody's. */
  subject: z.string().optional(),
  /** Until when it is given or blocked; absent: it does not end by itself. */
  until: z.iso.datetime().optional(),
  /** The one block that is to end; absent: all on that target. */
  blockId: z.uuid().optional(),
  /** The role over several ports, and these. */
  combinedRoleId: z.uuid().optional(),
  portIds: z.array(z.uuid()).optional(),
  /** Why somebody does it. */
  reason: z.string().optional(),
  /** The operation that this one repeats. */
  retryOf: z.uuid().optional(),
});

export type OperationRequest = z.infer<typeof operationRequestSchema>;
