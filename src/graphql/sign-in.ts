/** Who asks on the admin face: read from the request's token, before any resolver runs. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SignedIn, SignIn } from "../access/admin.ts";
import { AppError } from "../errors.ts";
import { type Actor, ANONYMOUS } from "./context.ts";

type Refusal = Extract<SignedIn, { ok: false }>["reason"];

const REFUSALS: Readonly<Record<Refusal, string>> = {
  MALFORMED: "The token is not one that an identity provider makes.",
  ALGORITHM: "The token is signed by a method that is not accepted.",
  KEY_UNKNOWN: "The token is signed by a key that the identity provider does not publish.",
  SIGNATURE: "The token's signature is wrong.",
  ISSUER: "The token is of another issuer than ADMIN_OIDC_ISSUER.",
  AUDIENCE: "The token is for another audience than ADMIN_AUDIENCE, or for data consumers too.",
  EXPIRED: "The token has expired. Sign in again.",
  EARLY: "The token is not valid yet: compare the clocks.",
  NAMELESS: "The token names nobody.",
  KEYS_UNAVAILABLE: "The identity provider cannot be reached to verify the token. Try again.",
};

/**
 * Makes the function that says who sends a request. Without a token that is nobody, who may do nothing.
 * @throws from the returned function: AppError UNAUTHENTICATED for a token that is refused
 */
export function createActorOf(signIn: SignIn): (request: Request) => Promise<Actor> {
  return async (request) => {
    const header = request.headers.get("authorization");
    if (header === null) return ANONYMOUS;
    const [, token] = /^\s*bearer +([\w.~+/=-]+)\s*$/i.exec(header) ?? [];
    if (token === undefined)
      throw new AppError("UNAUTHENTICATED", "Send one token, as Authorization: Bearer <token>.");
    const known = await signIn(token);
    if (!known.ok) throw new AppError("UNAUTHENTICATED", REFUSALS[known.reason]);
    return { name: known.name, kind: "admin", permission: known.permission };
  };
}

/** Node keeps the first of two Authorization headers and drops the other; which one was meant is not known. */
export function refuseTwoTokens(
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
): void {
  if ((request.headersDistinct.authorization?.length ?? 0) > 1) {
    const message = "The request has two Authorization headers.";
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ errors: [{ message, extensions: { code: "BAD_REQUEST" } }] }));
  } else next();
}
