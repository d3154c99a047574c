/** The schema builder: which plugins take part, and what every type of the schema has in common. */
import SchemaBuilder from "@pothos/core";
import PrismaPlugin from "@pothos/plugin-prisma";
import RelayPlugin from "@pothos/plugin-relay";
import ScopeAuthPlugin from "@pothos/plugin-scope-auth";
import ZodPlugin from "@pothos/plugin-zod";
import { z } from "zod";
import { isPermitted, type Permission } from "../domain/actor.ts";
import { AppError } from "../errors.ts";
import type { GraphqlContext } from "./context.ts";
import { invalidArguments } from "./errors.ts";
import type PrismaTypes from "./generated/pothos-types.ts";
import { getDatamodel } from "./generated/pothos-types.ts";

interface SchemaTypes {
  Context: GraphqlContext;
  PrismaTypes: PrismaTypes;
  AuthScopes: { permission: Permission };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    /** `YYYY-MM-DD`. */
    Date: { Input: string; Output: string };
    JSON: { Input: unknown; Output: unknown };
  };
  Connection: { totalCount: number | (() => number | Promise<number>) };
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether the text can be the key of a row: the database refuses to compare any other with its UUIDs. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The text for a search with LIKE, where it stands for itself alone: Prisma leaves `%` and `_` as they are. */
export function literally(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

/** Cursors of rows hold the row's key, as plugin-prisma writes them; those of subjects hold a ref. */
function isCursor(text: string): boolean {
  const decoded = Buffer.from(text, "base64").toString("utf8");
  return !decoded.startsWith("GPC:") || isUuid(decoded.slice("GPC:S:".length));
}

const cursor = { schema: z.string().refine(isCursor, "is no cursor that was given out") };

export const builder = new SchemaBuilder<SchemaTypes>({
  // scope-auth first: nothing runs for those who may not ask. Relay before it only decodes ids.
  plugins: [RelayPlugin, ScopeAuthPlugin, PrismaPlugin, ZodPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (ctx) => ctx.operations.db,
    dmmf: getDatamodel(),
    filterConnectionTotalCount: true,
    maxConnectionSize: 100,
    defaultConnectionSize: 20,
  },
  relay: {
    edgesFieldOptions: { nullable: { list: false, items: false }, description: "The page." },
    nodeFieldOptions: { nullable: false, description: "The object itself." },
    cursorFieldOptions: { description: "Where it stands; give it as `after` or `before`." },
    pageInfoFieldOptions: { description: "What lies before and behind this page." },
    pageInfoTypeOptions: { description: "What lies before and behind a page of a connection." },
    hasNextPageFieldOptions: { description: "Whether more follow this page." },
    hasPreviousPageFieldOptions: { description: "Whether more precede this page." },
    startCursorFieldOptions: { description: "Cursor of the first of this page." },
    endCursorFieldOptions: { description: "Cursor of the last of this page." },
    firstArgOptions: {
      description: "How many at most, from the start; 20 by default, 100 at most.",
    },
    lastArgOptions: { description: "How many at most, from the end." },
    afterArgOptions: { description: "Only what follows this cursor.", validate: cursor },
    beforeArgOptions: { description: "Only what precedes this cursor.", validate: cursor },
    idFieldOptions: { description: "Global id, for `node`." },
    nodeTypeOptions: { description: "Anything with a global id." },
    nodesQueryOptions: false,
    nodeQueryOptions: {
      description: "An object by its global id; null when there is none.",
      authScopes: { permission: "viewer" },
      args: { id: { description: "Global id, as `id` fields give it." } },
      resolve: (_root, { id }, _ctx, _info, resolveNode) =>
        id.typename === "Subject" || isUuid(id.id) ? resolveNode(id) : null,
    },
  },
  scopeAuth: {
    authScopes: ({ actor }) => ({ permission: (needed) => isPermitted(actor.permission, needed) }),
    unauthorizedError: (_parent, { actor }, info) => refusal(actor.kind, info.fieldName),
  },
  zod: { validationError: invalidArguments },
});

function refusal(kind: GraphqlContext["actor"]["kind"], field: string): AppError {
  return kind === "anonymous"
    ? new AppError("UNAUTHENTICATED", `Sign in to use ${field}.`)
    : new AppError(
        "FORBIDDEN",
        `You may not use ${field}. Ask an administrator for the permission.`,
      );
}

builder.queryType({ description: "What can be asked. Needs the permission `viewer`." });
builder.mutationType({
  description:
    "What can be changed. Each field submits an operation and answers it; with `wait` it answers when the operation has ended or that time is over. Needs the permission `operator`.",
});

builder.globalConnectionField("totalCount", (t) =>
  t.int({
    description: "How many there are in all, on every page together.",
    resolve: ({ totalCount }) => (typeof totalCount === "function" ? totalCount() : totalCount),
  }),
);
