/** The secret that a caller of a route has to show. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { AppError } from "../errors.ts";

/** A token, and how it is spoken of: by the setting that holds it and whose it is. */
export interface BearerDoor {
  readonly token: string;
  readonly setting: string;
  /** Ends the sentence "the token that is set for …". */
  readonly whose: string;
}

/**
 * Lets a request pass that shows the token, once.
 * @throws AppError UNAUTHENTICATED
 */
export function requireBearer(request: IncomingMessage, door: BearerDoor): void {
  const headers = request.headersDistinct.authorization ?? [];
  const [, sent = ""] = /^bearer +(\S+) *$/i.exec(headers[0] ?? "") ?? [];
  // Digests are of one length, and comparing them takes the same time wherever they differ.
  if (timingSafeEqual(digest(sent), digest(door.token)) && headers.length === 1) return;
  throw new AppError(
    "UNAUTHENTICATED",
    `The request does not carry the token that is set for ${door.whose}.`,
    {
      problems: [
        {
          path: "",
          message: "the header Authorization is missing or wrong",
          suggestion: `send Authorization: Bearer with the value of ${door.setting}`,
        },
      ],
    },
  );
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
