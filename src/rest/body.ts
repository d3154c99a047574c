/** Reading a request's body: JSON in UTF-8, in the shape that a route takes. */
import { isUtf8 } from "node:buffer";
import express, { type Request, type Response } from "express";
import type { z } from "zod";
import { AppError, type Problem } from "../errors.ts";

/** A descriptor of 1 MiB with each line break and quote escaped as JSON, and what stands around it. */
const MAX_BODY = "2.5mb";

const parseJson = express.json({
  limit: MAX_BODY,
  // The parser would put a replacement for each broken byte: a name that nobody has.
  verify: (_request, _response, bytes, encoding) => {
    if (encoding === "utf-8" && !isUtf8(bytes)) throw new Error("the body is not UTF-8");
  },
});

/**
 * Reads a request's body as JSON.
 * @throws AppError UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, and what the body parser throws
 */
export async function readJson(request: Request, response: Response): Promise<unknown> {
  const type = request.is(["json", "+json"]);
  if (type === null) throw new AppError("BAD_REQUEST", "The body is missing.");
  if (type === false)
    throw new AppError("UNSUPPORTED_MEDIA_TYPE", "The body is not declared to be JSON.", {
      problems: [
        {
          path: "",
          message: "the header Content-Type does not say application/json",
          suggestion: "Content-Type: application/json",
        },
      ],
    });
  await new Promise<void>((resolve, reject) => {
    parseJson(request, response, (error?: unknown) => (error ? reject(error) : resolve()));
  });
  return request.body;
}

/**
 * The body in the shape a route takes.
 * @throws AppError BAD_REQUEST naming each member that is not as expected, by its dot path
 */
export function shaped<Shape>(schema: z.ZodType<Shape>, body: unknown): Shape {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  throw new AppError("BAD_REQUEST", "The body is not as the contract has it.", {
    problems: read.error.issues.map(
      ({ path, message }): Problem => ({ path: path.map(String).join("."), message }),
    ),
  });
}
