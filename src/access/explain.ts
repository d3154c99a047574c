/**
 * Why somebody is let in or refused: what the webhook answers, by the same code, with what led to it. It is decided by
 * the inventory as it is now. A webhook that has not followed the last change yet may still answer by the one before.
 */
import { type Explanation, explain } from "../domain/access.ts";
import { type AccessFacts, arrangeAccess } from "../domain/access-index.ts";
import type { Asked } from "../domain/graphql-document.ts";
import type { Subject } from "../domain/subject.ts";
import { loadAccessAbout } from "../inventory/access-load.ts";
import type { Db } from "../inventory/db.ts";
import { unboundAmong } from "../inventory/groups.ts";
import type { GroupMatch } from "../settings.ts";
import { type AnyRefusal, type AuthoriseParts, authorise } from "./authorise.ts";
import { createDocumentReader } from "./documents.ts";
import type { Identify } from "./groups.ts";
import type { Identity } from "./identity.ts";
import type { TokenFault, VerifyToken } from "./verify.ts";

export interface ExplainQuestion {
  /** A consumer's token, which is neither kept nor logged; or a subject, and groups that it is in. */
  readonly who:
    | { readonly token: string }
    | { readonly subject: Subject; readonly groups: readonly Subject[] };
  /** The GraphQL request as Hasura forwards it; `null`: it does not say what it asks for. */
  readonly request: unknown;
  /** `X-Hasura-Role`. */
  readonly wishedRole: string | undefined;
}

export interface AccessExplanation {
  /** Why not; `null` when it is allowed. */
  readonly reason: AnyRefusal | null;
  /** What is wrong with the token, where that is the reason. */
  readonly fault: TokenFault | null;
  /** Who asks; `null` when that is not known. */
  readonly identity: Identity | null;
  /** Groups of a subject that are bound to no object of the directory: no token stands for them. */
  readonly unboundGroups: readonly Subject[];
  /** `null` when it did not come so far that the request was read. */
  readonly asked: Asked | null;
  /** `null` when it came to no decision. */
  readonly explanation: Explanation | null;
  /** Ms since the epoch; `null` where there is no token. */
  readonly tokenExpiresAt: number | null;
}

export type ExplainAccess = (question: ExplainQuestion) => Promise<AccessExplanation>;

export interface ExplainOptions {
  readonly db: Db;
  readonly hasuraId: string;
  readonly verify: VerifyToken;
  readonly identify: Identify;
  readonly groupMatch: GroupMatch;
}

/** Of documents: a person asks about the same one a few times. */
const REMEMBERED_BYTES = 1_000_000;

/** Makes what explains. */
export function createExplain(options: ExplainOptions): ExplainAccess {
  const { db, hasuraId, verify, identify, groupMatch } = options;
  const readDocument = createDocumentReader(REMEMBERED_BYTES);
  return async ({ who, request, wishedRole }) => {
    const named = "token" in who ? [] : [...new Set([who.subject, ...who.groups])];
    const groups = named.filter((subject) => subject.startsWith("group:"));
    const unboundGroups = groupMatch === "bound" ? await unboundAmong(db, groups) : [];
    let explanation: Explanation | null = null;
    const parts: AuthoriseParts = {
      verify,
      identify,
      readDocument,
      viewFor: async (subjects, { fields }) => {
        // No role has a NUL in its name, and PostgreSQL cannot be asked for one.
        const roles = wishedRole === undefined || wishedRole.includes("\0") ? [] : [wishedRole];
        const about = { fields: [...fields], roles };
        const { facts, databaseTime } = await loadAccessAbout(db, hasuraId, subjects, about);
        return { access: arrangeAccess(inOrder(facts)), now: databaseTime };
      },
      judge: (access, question) => {
        explanation = explain(access, question);
        return explanation.decision;
      },
    };
    const subjects = named.filter((subject) => !unboundGroups.includes(subject));
    const asker = "token" in who ? who.token : { userId: who.subject, subjects };
    const result = await authorise({ who: asker, request, wishedRole }, parts);
    if (!result.ok) {
      const { reason, fault = null, identity = null } = result;
      const nothing = { asked: null, explanation: null, tokenExpiresAt: null };
      return { reason, fault, identity, unboundGroups, ...nothing };
    }
    const { decision, identity, asked, tokenExpiresAt } = result;
    return {
      reason: decision.allow ? null : decision.reason,
      fault: null,
      identity,
      unboundGroups,
      asked,
      explanation,
      tokenExpiresAt: Number.isFinite(tokenExpiresAt) ? tokenExpiresAt : null,
    };
  };
}

/** The same question gets the same lists in the same order, however the database came by the rows. */
function inOrder(facts: AccessFacts): AccessFacts {
  const holders = facts.holders.map((holder) => ({
    ...holder,
    grants: [...holder.grants].sort((a, b) => compare(a.class, b.class)),
  }));
  const blocks = [...facts.blocks].sort((a, b) => compare(a.id, b.id));
  return { ...facts, holders: holders.sort((a, b) => compare(a.role, b.role)), blocks };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
