import { isPermitted } from "../domain/actor.ts";
import type { OutputPort } from "../inventory/generated/client.ts";
import { builder } from "./builder.ts";
import { FindingConnection, findingOrder } from "./finding.ts";
import { GrantConnection, GrantState, grantOrder, grantWhere } from "./grant.ts";
import { GrantHolder } from "./grant-holder.ts";
import { InfoEntry, infoEntries } from "./info.ts";
import { atArg } from "./inputs.ts";
import { OperationConnection } from "./operation.ts";
import {
  columnsOf,
  currentRevision,
  RevisionConnection,
  rootFieldsOf,
  specOf,
} from "./revision.ts";
import { SourceNode } from "./source.ts";

export const PortPhase = builder.enumType("PortPhase", {
  description: "Where a port is in its life.",
  values: {
    PENDING: { description: "Asked for, not there yet." },
    ACTIVE: { description: "There." },
    FAILED: { description: "Should be there, or should be gone, and is not." },
    REMOVED: { description: "Gone; only its history is left." },
  } as const,
});

const PortAction = builder.enumType("PortAction", {
  description: "What can be asked for a port.",
  values: {
    PROVISION: { description: "To make or change it." },
    UNPROVISION: { description: "To remove it." },
    UPDATE_ACL: { description: "To say who may read it." },
    GRANT: { description: "To give somebody access beside that, or to end it." },
    PAUSE: { description: "To pause or protect it, or to end that." },
    BLOCK: { description: "To keep somebody or everybody off it, or to end that." },
  } as const,
});

interface HoldShape {
  readonly since: Date;
  readonly by: string;
  readonly reason: string;
}

const Hold = builder.objectRef<HoldShape>("Hold").implement({
  description: "An admin's hand on a port.",
  fields: (t) => ({
    since: t.expose("since", { type: "DateTime", description: "Since when." }),
    by: t.exposeString("by", { description: "Whose." }),
    reason: t.exposeString("reason", { description: "Why." }),
  }),
});

function holdOf(since: Date | null, by: string | null, reason: string | null): HoldShape | null {
  return since === null ? null : { since, by: by ?? "", reason: reason ?? "" };
}

const DataProduct = builder
  .objectRef<Pick<OutputPort, "dataProductId" | "dataProductName" | "domain">>("DataProduct")
  .implement({
    description: "The data product that a port belongs to, as its newest descriptor names it.",
    fields: (t) => ({
      urn: t.exposeID("dataProductId", { description: "Its URN." }),
      name: t.exposeString("dataProductName", { description: "Its name." }),
      domain: t.exposeString("domain", { description: "Its domain's name." }),
    }),
  });

export const OutputPortNode = builder.prismaNode("OutputPort", {
  id: { field: "id", description: "Global id, for `node`." },
  nullable: true,
  interfaces: [GrantHolder],
  description: "An output port, by its identity: environment and component URN.",
  fields: (t) => ({
    componentId: t.exposeID("componentId", { description: "The component's URN as first sent." }),
    environment: t.exposeString("environment", { description: "Its environment." }),
    name: t.exposeString("name", { description: "Its name." }),
    description: t.exposeString("description", { nullable: true, description: "What it is for." }),
    phase: t.expose("phase", { type: PortPhase, description: "Where it is in its life." }),
    role: t.exposeString("role", {
      description: "Its role in Hasura: decided once, never another.",
    }),
    acceptedRevision: t.exposeInt("acceptedRevision", {
      nullable: true,
      description: "Number of the newest revision that was asked for; null when it is gone.",
    }),
    appliedRevision: t.exposeInt("appliedRevision", {
      nullable: true,
      description: "Number of the revision that Hasura holds; null when it holds none.",
    }),
    conditions: t.relation("conditions", {
      query: { orderBy: { type: "asc" } },
      description: "What can be said of it now.",
    }),
    createdAt: t.expose("createdAt", {
      type: "DateTime",
      description: "When it was first asked for.",
    }),
    updatedAt: t.expose("updatedAt", {
      type: "DateTime",
      description: "When this row last changed.",
    }),
  }),
});

builder.prismaObjectFields(OutputPortNode, (t) => ({
  dataProduct: t.field({
    type: DataProduct,
    select: { dataProductId: true, dataProductName: true, domain: true },
    description: "The data product it belongs to.",
    resolve: (port) => port,
  }),
  publicInfo: t.field({
    type: [InfoEntry],
    select: { publicInfo: true },
    description: "What the Marketplace shows of it.",
    resolve: ({ publicInfo }) => infoEntries(publicInfo),
  }),
  viewerCan: t.field({
    type: [PortAction],
    select: { phase: true, pausedAt: true, protectedAt: true },
    description: "What you may ask for it now.",
    resolve: ({ phase, pausedAt, protectedAt }, _args, { actor }) => {
      if (!isPermitted(actor.permission, "operator")) return [];
      const changes = pausedAt === null;
      const goes = changes && phase !== "REMOVED" && protectedAt === null;
      return [
        ...(changes ? (["PROVISION"] as const) : []),
        ...(goes ? (["UNPROVISION"] as const) : []),
        ...(phase === "ACTIVE" ? (["UPDATE_ACL", "GRANT"] as const) : []),
        ...(phase === "REMOVED" ? [] : (["PAUSE"] as const)),
        "BLOCK" as const,
      ];
    },
  }),
  paused: t.field({
    type: Hold,
    nullable: true,
    select: { pausedAt: true, pausedBy: true, pauseReason: true },
    description:
      "Why it stays as it is in Hasura: changes are refused and differences are not repaired. Null: it does not.",
    resolve: ({ pausedAt, pausedBy, pauseReason }) => holdOf(pausedAt, pausedBy, pauseReason),
  }),
  protected: t.field({
    type: Hold,
    nullable: true,
    select: { protectedAt: true, protectedBy: true, protectReason: true },
    description: "Why it is not unprovisioned; null: it may be.",
    resolve: ({ protectedAt, protectedBy, protectReason }) =>
      holdOf(protectedAt, protectedBy, protectReason),
  }),
  url: t.string({
    nullable: true,
    select: { environment: true, componentId: true },
    description: "Its page for people; null where no public URL is set.",
    resolve: ({ environment, componentId }, _args, { operations: { publicUrl } }) =>
      publicUrl === null
        ? null
        : `${publicUrl}/ui/ports/${encodeURIComponent(environment)}/${encodeURIComponent(componentId)}`,
  }),
}));

/** What its own fields show of the revision that Hasura holds, or else of the one that is asked for. */
const revisionKeys = { id: true, appliedRevision: true, acceptedRevision: true } as const;

builder.prismaObjectFields(OutputPortNode, (t) => ({
  typeName: t.string({
    nullable: true,
    select: revisionKeys,
    description: "Name of its GraphQL type; null when it is gone.",
    resolve: async (port, _args, ctx) => {
      const revision = await currentRevision(ctx, port);
      return revision === null ? null : specOf(revision).names.customTableName;
    },
  }),
  rootFields: t.stringList({
    select: revisionKeys,
    description: "Its GraphQL root fields; none when it is gone.",
    resolve: async (port, _args, ctx) => {
      const revision = await currentRevision(ctx, port);
      return revision === null ? [] : rootFieldsOf(specOf(revision));
    },
  }),
  columns: t.stringList({
    nullable: true,
    select: revisionKeys,
    description: "Its exposed columns; null stands for every column of the table.",
    resolve: async (port, _args, ctx) => {
      const revision = await currentRevision(ctx, port);
      return revision === null ? [] : columnsOf(revision);
    },
  }),
  source: t.field({
    type: SourceNode,
    nullable: true,
    select: revisionKeys,
    description: "Hasura's connection to its data; null before it was carried out.",
    resolve: async (port, _args, ctx) => (await currentRevision(ctx, port))?.source ?? null,
  }),
}));

builder.prismaObjectFields(OutputPortNode, (t) => ({
  grants: t.relatedConnection(
    "grants",
    {
      cursor: "id",
      totalCount: true,
      description: "Who was given its role, the newest first.",
      args: {
        state: t.arg({ type: GrantState, description: "Only those in force, or the others." }),
        ...atArg,
      },
      query: ({ state, at }) => ({ where: grantWhere({ state }, at), orderBy: [...grantOrder] }),
    },
    GrantConnection,
  ),
  operations: t.relatedConnection(
    "operations",
    {
      cursor: "token",
      totalCount: true,
      description: "What was asked for it, the newest first.",
      query: { orderBy: { seq: "desc" } },
    },
    OperationConnection,
  ),
  findings: t.relatedConnection(
    "findings",
    {
      cursor: "id",
      totalCount: true,
      description: "Differences in Hasura that concern it and are still there, the newest first.",
      query: { where: { endedAt: null }, orderBy: [...findingOrder] },
    },
    FindingConnection,
  ),
  exposures: t.relatedConnection(
    "findings",
    {
      cursor: "id",
      totalCount: true,
      description: "Ways to its data that are not ours, and are still there.",
      query: { where: { endedAt: null, kind: "EXPOSURE" }, orderBy: [...findingOrder] },
    },
    FindingConnection,
  ),
  revisions: t.relatedConnection(
    "revisions",
    {
      cursor: "id",
      totalCount: true,
      description: "What it was asked to be, the newest first.",
      query: { orderBy: { number: "desc" } },
    },
    RevisionConnection,
  ),
}));
