/**
 * From a token and a GraphQL request to the decision. The webhook answers by it, and admins have decisions explained by
 * it: there is no second way.
 */
import {
  type AccessQuestion,
  type AccessRefusal,
  type Decision,
  decide,
} from "../domain/access.ts";
import type { Access } from "../domain/access-index.ts";
import type { Asked, RequestRefusal } from "../domain/graphql-document.ts";
import { askedRootFields, type DocumentReader } from "../domain/graphql-request.ts";
import type { Identified, Identify } from "./groups.ts";
import type { Identity } from "./identity.ts";
import type { AccessView } from "./snapshot.ts";
import type { TokenFault, TokenResult, VerifyToken } from "./verify.ts";

/** Who asks for what. */
export interface AuthoriseQuestion {
  /** Who asks: as a token shows it, or as it is known. */
  readonly who: string | Identity;
  /** What Hasura forwards of the GraphQL request; `null` when it forwards none. */
  readonly request: unknown;
  /** The client's `X-Hasura-Role`. */
  readonly wishedRole: string | undefined;
}

export interface AuthoriseParts {
  readonly verify: VerifyToken;
  readonly identify: Identify;
  readonly readDocument: DocumentReader;
  /**
   * What is known of access now, at least as far as these subjects and what they ask for go; `null` when nothing is. What
   * is at hand is answered without a promise.
   */
  readonly viewFor: (
    subjects: readonly string[],
    asked: Asked,
  ) => AccessView | null | Promise<AccessView | null>;
  /** Absent: `decide`. Another must decide as it does. */
  readonly judge?: (access: Access, question: AccessQuestion) => Decision;
}

/** Why it does not come to a decision. */
export type AuthoriseRefusal =
  | Extract<TokenResult, { ok: false }>["reason"]
  | Extract<Identified, { ok: false }>["reason"]
  | RequestRefusal
  | "ACCESS_UNKNOWN";

export type Authorised =
  | {
      readonly ok: true;
      readonly identity: Identity;
      readonly asked: Asked;
      readonly view: AccessView;
      readonly decision: Decision;
      /** Ms since the epoch; `Infinity` where no token was shown. */
      readonly tokenExpiresAt: number;
    }
  | {
      readonly ok: false;
      readonly reason: AuthoriseRefusal;
      /** What is wrong with the token, for whoever sets things up. */
      readonly fault?: TokenFault;
      /** As far as it is known. */
      readonly identity?: Identity;
    };

/** Every reason for which a request is refused. */
export type AnyRefusal = AuthoriseRefusal | AccessRefusal;

/** Decides under which role somebody's request runs. */
export async function authorise(
  { who, request, wishedRole }: AuthoriseQuestion,
  parts: AuthoriseParts,
): Promise<Authorised> {
  let identity: Identity;
  let tokenExpiresAt = Number.POSITIVE_INFINITY;
  if (typeof who === "string") {
    const verified = await parts.verify(who);
    if (!verified.ok) return verified;
    const identified = await parts.identify(verified.claims);
    if (!identified.ok) return identified;
    tokenExpiresAt = verified.expiresAt;
    identity = identified.identity;
  } else identity = who;
  const { subjects } = identity;
  const read = askedRootFields(request, parts.readDocument);
  if (!read.ok) return { ...read, identity };
  const { asked } = read;
  // Looked at last and decided by at once: what is answered is what is known now.
  const known = parts.viewFor(subjects, asked);
  const view = known instanceof Promise ? await known : known;
  if (view === null) return { ok: false, reason: "ACCESS_UNKNOWN", identity };
  const question = { subjects, asked, wishedRole, now: view.now };
  const decision = (parts.judge ?? decide)(view.access, question);
  return { ok: true, identity, asked, view, decision, tokenExpiresAt };
}
