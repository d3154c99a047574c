/** The bodies that Witboost sends, by shape alone (contract 2.2.0). Members that are not known are accepted. */
import express, { type Request, type Response } from "express";
import { z } from "zod";
import { AppError } from "../errors.ts";

/** A descriptor of 1 MiB with each line break and quote escaped as JSON, and what stands around it. */
const MAX_BODY = "2.5mb";

function expected(what: string) {
  return { error: ({ input }: { input?: unknown }) => (input === undefined ? "is missing" : what) };
}

const text = z.string(expected("expected text"));

const descriptorKind = z.enum(
  ["COMPONENT_DESCRIPTOR", "DATAPRODUCT_DESCRIPTOR", "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS"],
  expected("expected COMPONENT_DESCRIPTOR"),
);

export const provisioningRequest = z.looseObject(
  {
    descriptorKind,
    descriptor: text,
    // The contract requires it and gives it a default; in practice it is often absent.
    removeData: z.boolean(expected("expected true or false")).nullish(),
  },
  expected("expected an object"),
);

export const updateAclRequest = z.looseObject(
  {
    refs: z.array(text, expected("expected a list of texts")),
    provisionInfo: z.looseObject({ request: text, result: text }, expected("expected an object")),
  },
  expected("expected an object"),
);

const parseJson = express.json({ limit: MAX_BODY });

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
    problems: read.error.issues.map(({ path, message }) => ({
      path: path.map(String).join("."),
      message,
    })),
  });
}
