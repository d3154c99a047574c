/** Why somebody is let in or refused, for admins. */
import type { AccessExplanation, ExplainQuestion } from "../access/explain.ts";
import { explanationText } from "../access/explanation-text.ts";
import { isPermitted } from "../domain/actor.ts";
import { AppError } from "../errors.ts";
import { type ExplainedRows, explainedRows, holderIdOf } from "../inventory/explained.ts";
import { AccessBlockNode } from "./block.ts";
import { builder } from "./builder.ts";
import { ExplainAccessInput, explainQuestion } from "./explain-input.ts";
import { GrantClassType, GrantNode } from "./grant.ts";
import { GrantHolder } from "./grant-holder.ts";

/** Of each list: whoever asks for everything and is granted thousands of ports reads no further. */
const LISTED = 200;
const FIRST = `the first ${LISTED}`;

interface DecisionShape {
  readonly told: AccessExplanation;
  readonly rows: ExplainedRows;
}

type ExplanationShape = NonNullable<AccessExplanation["explanation"]>;

const AccessRule = builder.enumType("AccessRule", {
  description: "Why it is this role and no other.",
  values: {
    WISHED_ROLE: { description: "It was wished for, is granted and covers what is asked for." },
    SMALLEST_ROLE: { description: "It is the smallest granted one that covers it." },
  } as const,
});

const RoleKind = builder.enumType("RoleKind", {
  description: "What a role belongs to.",
  values: {
    PORT: { description: "An output port." },
    EXTERNAL: { description: "No port here: a role of its own." },
    COMBINED: { description: "Several ports: it inherits from their roles." },
  } as const,
});

const RoleVerdict = builder.enumType("RoleVerdict", {
  description: "How a role stands to whoever asks.",
  values: {
    GRANTED: { description: "Granted, by grants in force." },
    NOT_GRANTED: { description: "Not granted; of a combined role: one of its ports is not." },
    BLOCKED: { description: "Granted, and a block takes it back." },
  } as const,
});

type Identified = Pick<AccessExplanation, "identity" | "unboundGroups">;

const AccessIdentity = builder.objectRef<Identified>("AccessIdentity").implement({
  description: "Who asks, as the webhook takes them.",
  fields: (t) => ({
    userId: t.string({
      description: "What Hasura is told as `X-Hasura-User-Id`.",
      resolve: ({ identity }) => identity?.userId ?? "",
    }),
    subjects: t.stringList({
      description:
        "Whose grants and blocks count: the user, and the groups. Without the user where the token's name cannot be told to mean one ref alone.",
      resolve: ({ identity }) => [...(identity?.subjects ?? [])],
    }),
    unboundGroups: t.stringList({
      description:
        "Groups that were named and are bound to no object of the directory: no token stands for them, so they do not count.",
      resolve: ({ unboundGroups }) => [...unboundGroups],
    }),
  }),
});

const MissingField = builder.objectRef<ExplainedRows["missing"][number]>("MissingField").implement({
  description: "A root field that is asked for and that no granted role can see.",
  fields: (t) => ({
    rootField: t.exposeString("rootField", { description: "Its name." }),
    holders: t.field({
      type: [GrantHolder],
      description: "What has a role that can see it; a port that is not `ACTIVE` cannot give it.",
      resolve: ({ holders }) => [...holders],
    }),
    formerGrant: t.field({
      type: GrantNode,
      nullable: true,
      description: "The grant on one of those, to whoever asks, that ended last.",
      resolve: ({ formerGrant }) => formerGrant,
    }),
  }),
});

type CandidateShape = ExplanationShape["candidates"][number] & { readonly rows: ExplainedRows };

const RoleCandidate = builder.objectRef<CandidateShape>("RoleCandidate").implement({
  description: "A role that was weighed.",
  fields: (t) => ({
    role: t.exposeString("role", { description: "The role in Hasura." }),
    kind: t.expose("kind", { type: RoleKind, description: "What it belongs to." }),
    verdict: t.expose("verdict", { type: RoleVerdict, description: "How it stands." }),
    holder: t.field({
      type: GrantHolder,
      nullable: true,
      description: "What has it; null for a combined role.",
      resolve: ({ holderId, rows }) => rows.holders.get(holderId),
    }),
  }),
});

type WeighedShape = ExplanationShape["grants"][number] & { readonly rows: ExplainedRows };

const WeighedGrant = builder.objectRef<WeighedShape>("WeighedGrant").implement({
  description: "A grant that was weighed.",
  fields: (t) => ({
    subject: t.exposeString("subject", { description: "By which of the subjects it counts." }),
    class: t.expose("class", { type: GrantClassType, description: "Where it comes from." }),
    until: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it ends by itself; null: it does not.",
      resolve: ({ until }) => moment(until),
    }),
    inForce: t.exposeBoolean("inForce", { description: "Whether it is in force." }),
    holder: t.field({
      type: GrantHolder,
      nullable: true,
      description: "What has the role that it gives.",
      resolve: ({ holderId, rows }) => rows.holders.get(holderId),
    }),
    grant: t.field({
      type: GrantNode,
      nullable: true,
      description: "The grant itself; null when it has just ended.",
      resolve: ({ holderId, subject, class: grantClass, until, rows }) =>
        rows.grants.find(
          (row) =>
            holderIdOf(row) === holderId &&
            row.subject === subject &&
            row.class === grantClass &&
            (row.until?.getTime() ?? Number.POSITIVE_INFINITY) === Math.round(until),
        ),
    }),
  }),
});

const AccessDecision = builder.objectRef<DecisionShape>("AccessDecision");

AccessDecision.implement({
  description:
    "What the webhook answers to a request, and why. By the inventory as it is: a webhook follows within `ACCESS_MAX_STALENESS_MS`.",
  fields: (t) => ({
    allowed: t.boolean({
      description: "Whether the request is let through.",
      resolve: ({ told }) => told.reason === null,
    }),
    role: t.string({
      nullable: true,
      description: "The role that it runs under; null when it is refused.",
      resolve: ({ told }) => roleOf(told),
    }),
    rule: t.field({
      type: AccessRule,
      nullable: true,
      description: "Why it is this role; null when it is refused.",
      resolve: ({ told: { explanation } }) =>
        explanation?.rule === "WISHED_ROLE" || explanation?.rule === "SMALLEST_ROLE"
          ? explanation.rule
          : null,
    }),
    reason: t.string({
      nullable: true,
      description:
        "Why it is refused, as the webhook says it, e.g. `NO_GRANT`; null when it is not.",
      resolve: ({ told }) => told.reason,
    }),
    tokenFault: t.string({
      nullable: true,
      description: "With `TOKEN_REFUSED`: what is wrong with it, e.g. `EXPIRED`.",
      resolve: ({ told }) => told.fault,
    }),
    text: t.string({
      description: "The decision as a person reads it.",
      resolve: ({ told }) => explanationText(told),
    }),
  }),
});

builder.objectFields(AccessDecision, (t) => ({
  until: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the grants that let it in are over by themselves; null: they are not.",
    resolve: ({ told: { explanation } }) =>
      explanation?.decision.allow === true ? moment(explanation.decision.until) : null,
  }),
  tokenExpiresAt: t.field({
    type: "DateTime",
    nullable: true,
    description: "When the token expires, where one was given and taken.",
    resolve: ({ told }) => (told.tokenExpiresAt === null ? null : new Date(told.tokenExpiresAt)),
  }),
  identity: t.field({
    type: AccessIdentity,
    nullable: true,
    description: "Who asks; null when that is not known.",
    resolve: ({ told }) => (told.identity === null ? null : told),
  }),
  asked: t.stringList({
    description: "Root fields of ports that the request names.",
    resolve: ({ told }) => first([...(told.asked?.fields ?? [])]),
  }),
  asksEverything: t.boolean({
    description: "Whether it asks for everything that is granted: it names no port's field.",
    resolve: ({ told: { asked } }) =>
      asked !== null && (asked.everything || asked.fields.size === 0),
  }),
  needed: t.stringList({
    description: `Root fields that the role has to cover, by name; ${FIRST}.`,
    resolve: ({ told }) => first(told.explanation?.needed ?? []),
  }),
  missing: t.field({
    type: [MissingField],
    description: `Those of them that no granted role can see; ${FIRST}.`,
    resolve: ({ rows }) => [...rows.missing],
  }),
  candidates: t.field({
    type: [RoleCandidate],
    description: `The roles that were weighed; ${FIRST}.`,
    resolve: ({ told, rows }) =>
      first(told.explanation?.candidates ?? []).map((one) => ({ ...one, rows })),
  }),
  grants: t.field({
    type: [WeighedGrant],
    description: `The grants that were weighed; ${FIRST}.`,
    resolve: ({ told, rows }) =>
      first(told.explanation?.grants ?? []).map((one) => ({ ...one, rows })),
  }),
  blocks: t.field({
    type: [AccessBlockNode],
    description: `The blocks that stand in the way; ${FIRST}.`,
    resolve: ({ rows }) => [...rows.blocks],
  }),
}));

builder.queryField("explainAccess", (t) =>
  t.field({
    type: AccessDecision,
    description:
      "What the webhook answers to a request now, and why. Nothing is counted or recorded. To show a token needs the permission `operator`.",
    authScopes: { permission: "viewer" },
    args: {
      input: t.arg({ type: ExplainAccessInput, required: true, description: "Who asks for what." }),
    },
    resolve: async (_root, { input }, { operations, actor, explain }) => {
      const question: ExplainQuestion = explainQuestion(input);
      if ("token" in question.who && !isPermitted(actor.permission, "operator"))
        throw new AppError("FORBIDDEN", "You may not show tokens here; name a subject instead.");
      if (explain === null) throw new AppError("NOT_AVAILABLE", "Nothing is explained here.");
      const told = await explain(question);
      const { explanation, identity } = told;
      const weighed = [
        ...first(explanation?.candidates ?? []),
        ...first(explanation?.grants ?? []),
      ];
      const rows = await explainedRows(operations.db, {
        hasuraId: operations.hasuraId,
        subjects: identity?.subjects ?? [],
        holderIds: weighed.map(({ holderId }) => holderId),
        blockIds: first(explanation?.blocks ?? []).map(({ id }) => id),
        missing: first(explanation?.missing ?? []),
      });
      return { told, rows };
    },
  }),
);

function first<Item>(items: readonly Item[]): Item[] {
  return items.slice(0, LISTED);
}

function roleOf({ explanation }: AccessExplanation): string | null {
  return explanation?.decision.allow === true ? explanation.decision.role : null;
}

function moment(ms: number): Date | null {
  return Number.isFinite(ms) ? new Date(Math.round(ms)) : null;
}
