/** Who was let in and who was refused, as the webhooks count it. */
import { resolveCursorConnection } from "@pothos/plugin-relay";
import { z } from "zod";
import { componentKey, environmentKey } from "../domain/urn.ts";
import { AppError } from "../errors.ts";
import {
  countUseDays,
  listRefusals,
  listUseDays,
  type RefusalKey,
  refusalWhere,
  sumUse,
  type UseDay,
  type UseDayKey,
  type UseFilter,
  type UseSums,
} from "../inventory/use-read.ts";
import { builder } from "./builder.ts";
import type { GraphqlContext } from "./context.ts";
import { subjectMatches } from "./inputs.ts";
import { OutputPortNode } from "./output-port.ts";
import { SubjectNode } from "./subject.ts";

const COUNT = "A whole number, which may be larger than an Int.";

const RefusalCount = builder.objectRef<UseSums["reasons"][number]>("RefusalCount").implement({
  description: "How often a request was refused for one reason.",
  fields: (t) => ({
    reason: t.exposeString("reason", { description: "As the webhook says it, e.g. `NO_GRANT`." }),
    count: t.exposeFloat("count", { description: `How often. ${COUNT}` }),
  }),
});

const UsageDay = builder.objectRef<UseDay>("UsageDay").implement({
  description: "The use of one port by one subject on one day.",
  fields: (t) => ({
    day: t.expose("day", { type: "Date", description: "The day, in UTC." }),
    outputPort: t.field({
      type: OutputPortNode,
      nullable: true,
      description: "The port; null where none was concerned, or it is not known which.",
      resolve: ({ portId }, _args, { operations }) =>
        portId === null ? null : operations.db.outputPort.findUnique({ where: { id: portId } }),
    }),
    subject: t.string({
      nullable: true,
      description: "Who asked, as a user; null where that is not known or not recorded.",
      resolve: ({ subject }) => (subject === "" ? null : subject),
    }),
    allowed: t.exposeFloat("allowed", { description: `How often they were let in. ${COUNT}` }),
    refused: t.exposeFloat("refused", { description: `How often they were not. ${COUNT}` }),
    reasons: t.field({
      type: [RefusalCount],
      description: "Why not, the most frequent first.",
      resolve: ({ reasons }) => [...reasons],
    }),
    firstAt: t.expose("firstAt", {
      type: "DateTime",
      nullable: true,
      description: "The first request of the day.",
    }),
    lastAt: t.expose("lastAt", {
      type: "DateTime",
      nullable: true,
      description: "The last request of the day.",
    }),
  }),
});

const UsageDayConnection = builder.connectionObject(
  { type: UsageDay, name: "UsageDayConnection", description: "A page of days." },
  { name: "UsageDayEdge", description: "A day on a page." },
);

interface UsageShape {
  readonly filter: UseFilter;
  /** Read when they are asked for, and once. */
  readonly sums: () => Promise<UseSums>;
}

function usageOf({ operations: { db } }: GraphqlContext, filter: UseFilter): UsageShape {
  let read: Promise<UseSums> | undefined;
  return {
    filter,
    sums: () => {
      read ??= sumUse(db, filter);
      return read;
    },
  };
}

const Usage = builder.objectRef<UsageShape>("Usage");

Usage.implement({
  description:
    "Requests that webhooks let in and refused, some seconds old. A query over several ports counts for each; what is counted follows `USAGE`.",
  fields: (t) => ({
    allowed: t.float({
      description: `How many were let in. ${COUNT}`,
      resolve: async ({ sums }) => (await sums()).allowed,
    }),
    refused: t.float({
      description: `How many were refused. ${COUNT}`,
      resolve: async ({ sums }) => (await sums()).refused,
    }),
    reasons: t.field({
      type: [RefusalCount],
      description: "Why they were refused, the most frequent first.",
      resolve: async ({ sums }) => [...(await sums()).reasons],
    }),
    firstAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "The first of them; null when there is none.",
      resolve: async ({ sums }) => (await sums()).firstAt,
    }),
    lastAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "The last of them; null when there is none.",
      resolve: async ({ sums }) => (await sums()).lastAt,
    }),
    days: t.connection(
      {
        type: UsageDay,
        description: "The same by day, port and subject, the newest day first.",
        resolve: async ({ filter }, args, { operations: { db } }) => {
          const page = await resolveCursorConnection<Promise<UseDay[]>>(
            { args, maxSize: 100, toCursor: dayCursor },
            ({ after, before, limit, inverted }) =>
              listUseDays(db, filter, {
                ...{ limit, inverted },
                after: readDayCursor(after),
                before: readDayCursor(before),
              }),
          );
          return { ...page, totalCount: () => countUseDays(db, filter) };
        },
      },
      UsageDayConnection,
    ),
  }),
});

const dayKey = z.tuple([z.iso.date(), z.uuid().nullable(), z.string()]);

function dayCursor({ day, portId, subject }: UseDay): string {
  return Buffer.from(JSON.stringify([day, portId, subject])).toString("base64");
}

/** @throws AppError BAD_REQUEST */
function readDayCursor(cursor: string | undefined): UseDayKey | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [day, portId, subject] = dayKey.parse(
      JSON.parse(Buffer.from(cursor, "base64").toString()),
    );
    return { day, portId, subject };
  } catch (cause) {
    throw badCursor(cause);
  }
}

function badCursor(cause?: unknown): AppError {
  return new AppError("BAD_REQUEST", "This is no cursor that was given out.", { cause });
}

const DAYS = {
  from: "Only of this day (UTC) and later.",
  to: "Only of this day (UTC) and earlier.",
};

const daysArg = builder.args((t) => ({
  from: t.field({ type: "Date", description: DAYS.from }),
  to: t.field({ type: "Date", description: DAYS.to }),
}));

const UsageFilter = builder.inputType("UsageFilter", {
  description: "Which requests; each member narrows them further.",
  fields: (t) => ({
    subject: t.string({ description: "Only of this user, `user:…`, in any case." }),
    environment: t.string({ description: "Only of ports of this environment." }),
    componentId: t.id({ description: "Only of the port with this URN, in any case." }),
    from: t.field({ type: "Date", description: DAYS.from }),
    to: t.field({ type: "Date", description: DAYS.to }),
  }),
});

const RefusalFilter = builder.inputType("RefusalFilter", {
  description: "Which refusals; each member narrows them further.",
  fields: (t) => ({
    reasons: t.stringList({ description: "Only for these reasons, e.g. `NO_GRANT`." }),
    subject: t.string({ description: "Only of this user, `user:…`, in any case." }),
    environment: t.string({ description: "Only of ports of this environment." }),
    componentId: t.id({ description: "Only of the port with this URN, in any case." }),
    from: t.field({ type: "Date", description: DAYS.from }),
    to: t.field({ type: "Date", description: DAYS.to }),
  }),
});

function useFilter(
  { operations: { hasuraId } }: GraphqlContext,
  filter: typeof UsageFilter.$inferInput | null | undefined,
): UseFilter {
  const { subject, environment, componentId, from, to } = filter ?? {};
  return {
    hasuraId,
    subjects: subject == null ? undefined : subjectMatches(subject).in,
    environment: environment == null ? undefined : environmentKey(environment),
    componentKey: componentId == null ? undefined : componentKey(componentId),
    from: from ?? undefined,
    to: to ?? undefined,
  };
}

builder.queryField("usage", (t) =>
  t.field({
    type: Usage,
    description: "How often requests were let in and refused.",
    authScopes: { permission: "viewer" },
    args: { filter: t.arg({ type: UsageFilter, description: "Which; all when absent." }) },
    resolve: (_root, { filter }, ctx) => usageOf(ctx, useFilter(ctx, filter)),
  }),
);

builder.prismaObjectField(OutputPortNode, "usage", (t) =>
  t.field({
    type: Usage,
    select: { id: true },
    description: "How often it was read, and who was refused.",
    args: daysArg,
    resolve: ({ id: portId }, days, ctx) => usageOf(ctx, { ...useFilter(ctx, days), portId }),
  }),
);

builder.objectField(SubjectNode, "usage", (t) =>
  t.field({
    type: Usage,
    description:
      "What it read, and where it was refused. Users are counted, not groups: of a group there is nothing.",
    args: daysArg,
    resolve: ({ ref }, days, ctx) => usageOf(ctx, { ...useFilter(ctx, days), subjects: [ref] }),
  }),
);

const Refusal = builder.prismaObject("AccessUse", {
  variant: "Refusal",
  description: "Requests that were refused for one reason on one day: of one user, for one port.",
  fields: (t) => ({
    outputPort: t.relation("port", {
      nullable: true,
      description: "The port that was asked for; null where none was, or it is not known which.",
    }),
    reason: t.exposeString("outcome", {
      description: "Why, as the webhook says it, e.g. `NO_GRANT`.",
    }),
    firstAt: t.expose("firstAt", { type: "DateTime", description: "The first of the day." }),
    lastAt: t.expose("lastAt", { type: "DateTime", description: "The last of the day." }),
  }),
});

builder.prismaObjectFields(Refusal, (t) => ({
  day: t.field({
    type: "Date",
    select: { day: true },
    description: "The day, in UTC.",
    resolve: ({ day }) => dayOf(day),
  }),
  subject: t.string({
    nullable: true,
    select: { subject: true },
    description: "Who asked, as a user; null where that is not known or not recorded.",
    resolve: ({ subject }) => (subject === "" ? null : subject),
  }),
  count: t.float({
    select: { count: true },
    description: `How often. ${COUNT}`,
    resolve: ({ count }) => Number(count),
  }),
}));

const RefusalConnection = builder.connectionObject(
  { type: Refusal, name: "RefusalConnection", description: "A page of refusals." },
  { name: "RefusalEdge", description: "A refusal on a page." },
);

builder.queryField("refusals", (t) =>
  t.connection(
    {
      type: Refusal,
      description: "Who was refused, where and why, the newest day first.",
      authScopes: { permission: "viewer" },
      args: { filter: t.arg({ type: RefusalFilter, description: "Which; all when absent." }) },
      resolve: async (_root, args, ctx) => {
        const { db } = ctx.operations;
        const reasons = args.filter?.reasons ?? undefined;
        const where = refusalWhere({ ...useFilter(ctx, args.filter), reasons });
        const page = await resolveCursorConnection<ReturnType<typeof listRefusals>>(
          { args, maxSize: 100, toCursor: ({ day, id }) => refusalCursor({ day, id }) },
          ({ after, before, limit, inverted }) =>
            listRefusals(db, where, {
              ...{ limit, inverted },
              after: readRefusalCursor(after),
              before: readRefusalCursor(before),
            }),
        );
        return { ...page, totalCount: () => db.accessUse.count({ where }) };
      },
    },
    RefusalConnection,
  ),
);

function refusalCursor({ day, id }: RefusalKey): string {
  return Buffer.from(`${dayOf(day)} ${id}`).toString("base64");
}

/** @throws AppError BAD_REQUEST */
function readRefusalCursor(cursor: string | undefined): RefusalKey | undefined {
  if (cursor === undefined) return undefined;
  const [day, id = ""] = Buffer.from(cursor, "base64").toString().split(" ");
  if (!z.iso.date().safeParse(day).success || !/^\d{1,18}$/.test(id)) throw badCursor();
  return { day: new Date(day ?? ""), id: BigInt(id) };
}

function dayOf(day: Date): string {
  return day.toISOString().slice(0, 10);
}
