/** Decisions about access in words. */
import type { AccessExplanation } from "./explain.ts";
import type { TokenFault } from "./verify.ts";

const FAULTS: Readonly<Record<TokenFault, string>> = {
  MALFORMED: "it is none that an identity provider makes",
  ALGORITHM: "it is signed by an algorithm that JWT_ALGORITHMS does not name",
  KEY_UNKNOWN: "it is signed by a key that JWKS_URL does not publish",
  SIGNATURE: "its signature is wrong",
  ISSUER: "it is of another issuer than JWT_ISSUER",
  AUDIENCE: "it is for another audience than JWT_AUDIENCE, or for admins too",
  EXPIRED: "it has expired",
  EARLY: "it is not valid yet: compare the clocks",
};

const REQUEST = "Whatever is granted, the GraphQL request is refused:";

const REFUSALS: Readonly<
  Record<NonNullable<AccessExplanation["reason"]>, (told: AccessExplanation) => string>
> = {
  TOKEN_REFUSED: ({ fault }) =>
    `The token is refused${fault === null ? "" : `: ${FAULTS[fault]}`}.`,
  TOKEN_KEYS_UNAVAILABLE: () => "The identity provider's keys cannot be had from JWKS_URL.",
  IDENTITY_UNKNOWN: () => "None of the token's claims in IDENTITY_CLAIMS names somebody.",
  GROUPS_UNAVAILABLE: () =>
    "The user's groups cannot be had, and one of them might be blocked: the directory does not tell, or the token has no room for them.",
  REQUEST_MALFORMED: () => `${REQUEST} it cannot be read.`,
  REQUEST_TOO_LARGE: () => `${REQUEST} it is too large or too deep.`,
  REQUEST_NOT_A_QUERY: () => `${REQUEST} only queries are let through.`,
  OPERATION_UNKNOWN: () => `${REQUEST} it does not say which of its operations is meant.`,
  FRAGMENT_UNKNOWN: () => `${REQUEST} it spreads a fragment that it does not have.`,
  FRAGMENT_CYCLE: () => `${REQUEST} its fragments spread one another in a circle.`,
  ACCESS_UNKNOWN: () => "What is granted is not known at the moment.",
  NO_GRANT: (told) => `Nothing is granted to ${asker(told)} that is in force.`,
  BLOCKED: (told) => `A block keeps ${asker(told)} out, whatever is granted.`,
  FIELD_NOT_GRANTED: (told) =>
    `No role that is granted to ${asker(told)} can see ${listed(told.explanation?.missing ?? [])}.`,
  SEVERAL_ROLES_NEEDED: ({ explanation }) => {
    const decision = explanation?.decision;
    const combinable = decision?.allow === false && decision.ports !== undefined;
    const or = combinable ? ", or needs a role over its ports (combineOutputPorts)" : "";
    return `All that is asked for is granted, but no one role covers it: it has to be asked for in parts${or}.`;
  },
  AMBIGUOUS_ROLE: () =>
    "Several roles of the same size would do: one has to be named as X-Hasura-Role.",
};

/** The decision as a person reads it. */
export function explanationText(told: AccessExplanation): string {
  const { reason, explanation } = told;
  if (reason !== null) return REFUSALS[reason](told);
  const decision = explanation?.decision;
  if (decision?.allow !== true) return "";
  const why =
    explanation?.rule === "WISHED_ROLE"
      ? "the one that was wished for"
      : "the smallest that covers what is asked for";
  const whose = [...new Set(decision.given.map(({ subject }) => subject))];
  return `It runs under ${decision.role}, ${why}; it is granted to ${listed(whose)}.`;
}

/** How many names a text has. */
const NAMED = 5;

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function asker({ identity }: AccessExplanation): string {
  const subjects = identity?.subjects ?? [];
  return subjects.length === 0 ? (identity?.userId ?? "nobody") : listed(subjects);
}
