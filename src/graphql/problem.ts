import { z } from "zod";
import type { Problem } from "../errors.ts";
import { builder } from "./builder.ts";

export const ProblemType = builder.objectRef<Problem>("Problem").implement({
  description: "One fault in what somebody sent.",
  fields: (t) => ({
    path: t.exposeString("path", {
      description: "Dot path into the input; empty for the whole of it.",
    }),
    message: t.exposeString("message", { description: "What is wrong." }),
    suggestion: t.exposeString("suggestion", {
      nullable: true,
      description: "What would be right, when that can be told.",
    }),
  }),
});

/** Problems as an operation's row keeps them. */
export const storedProblems = z.array(
  z.object({ path: z.string(), message: z.string(), suggestion: z.string().optional() }),
);
