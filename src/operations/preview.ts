/** A plan that is not applied: what an operation would do, without recording or writing anything. */

import { roleName } from "../domain/names.ts";
import { parseRefs } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { planBatch } from "../hasura/plan.ts";
import { type PlanView, planView } from "../hasura/plan-text.ts";
import type { OutputPort } from "../inventory/generated/client.ts";
import { liveSubjects } from "../inventory/grants.ts";
import { findPort } from "../inventory/ports.ts";
import { findLiveSource } from "../inventory/sources.ts";
import { portChanges, seeHasura, type Wanted, type WantedPort } from "./changes.ts";
import type { OperationsContext } from "./context.ts";
import { lookUpGroups } from "./look-up-groups.ts";
import { observeDrift } from "./observe-drift.ts";
import { type DescriptorInput, readPort, requireSpec } from "./read-port.ts";
import { repairPlan } from "./reconcile.ts";
import { desiredObjects, inspectSource, sourceFacts } from "./resolve-port.ts";

interface PortName {
  readonly componentId: string;
  readonly environment?: string | undefined;
}

export interface PlanQuestion {
  readonly provision?: DescriptorInput | undefined;
  readonly unprovision?: PortName | undefined;
  readonly acl?: (PortName & { readonly refs: readonly string[] }) | undefined;
  /** A repair of one port, or of all. */
  readonly reconcile?: Partial<PortName> | undefined;
}

/** Stands for a row that is not there yet; nothing in the inventory has it. */
const NO_ID = "00000000-0000-0000-0000-000000000000";

/**
 * @throws AppError INVALID_DESCRIPTOR, INVALID_REFS, NOT_PROVISIONED, HASURA_REFUSED when the plan would touch what is
 *   not ours, and what inspecting the source and Hasura can throw
 */
export async function previewPlan(
  ctx: OperationsContext,
  question: PlanQuestion,
): Promise<PlanView> {
  if (question.provision !== undefined) return previewProvision(ctx, question.provision);
  if (question.acl !== undefined) return previewAcl(ctx, question.acl);
  if (question.reconcile !== undefined) return previewReconcile(ctx, question.reconcile);
  if (question.unprovision === undefined)
    throw new AppError("BAD_REQUEST", "It is not said what to plan.");
  const port = await requirePort(ctx, question.unprovision);
  return previewChange(ctx, port, null);
}

async function previewProvision(ctx: OperationsContext, input: DescriptorInput): Promise<PlanView> {
  const spec = requireSpec(await readPort(ctx.db, ctx.hasuraId, input));
  const { componentId, environment } = spec;
  const known = await findPort(ctx.db, { hasuraId: ctx.hasuraId, componentId, environment });
  const { hasuraId } = ctx;
  const port = known ?? { id: NO_ID, hasuraId, environment, componentId, role: roleName(spec) };
  const inspected = await inspectSource(ctx, spec, () => undefined);
  const facts = sourceFacts(ctx, { hasuraId: ctx.hasuraId, environment }, spec, inspected);
  const source = await findLiveSource(ctx.db, facts);
  const objects = desiredObjects(ctx, port, spec, inspected, {
    name: source?.name ?? facts.name,
    configuration: facts.connectionTemplate,
  });
  return previewChange(ctx, port, { objects, sourceId: source?.id ?? NO_ID });
}

async function previewReconcile(
  ctx: OperationsContext,
  { componentId, environment }: Partial<PortName>,
): Promise<PlanView> {
  const port =
    componentId === undefined ? null : await requirePort(ctx, { componentId, environment });
  const seen = await seeHasura(ctx);
  return repairPlan(ctx, seen, await observeDrift(ctx, seen, port?.id));
}

async function previewChange(
  ctx: OperationsContext,
  port: WantedPort["port"],
  wanted: Wanted | null,
): Promise<PlanView> {
  const seen = await seeHasura(ctx);
  const planned = planBatch(seen, await portChanges(ctx.db, [{ port, wanted }]));
  const problems = planned.refused.get(port.id);
  if (problems !== undefined)
    throw new AppError("HASURA_REFUSED", "The change would touch objects that are not ours.", {
      problems,
    });
  return planView(planned.steps.get(port.id) ?? []);
}

async function previewAcl(
  ctx: OperationsContext,
  { refs, ...name }: PortName & { readonly refs: readonly string[] },
): Promise<PlanView> {
  const parsed = parseRefs(refs);
  if (!parsed.ok)
    throw new AppError("INVALID_REFS", "The access list has faults.", {
      problems: parsed.problems,
    });
  const port = await requirePort(ctx, name);
  await lookUpGroups(ctx, { subjects: parsed.subjects, refs: [...refs] });
  const live = await liveSubjects(ctx.db, port.id, "ACL");
  const given = parsed.subjects.filter((subject) => !live.includes(subject));
  const ended = live.filter((subject) => !parsed.subjects.some((wanted) => wanted === subject));
  const step = (action: "add" | "remove") => (subject: string) => ({
    action,
    object: "GRANT",
    name: subject,
    before: action === "add" ? null : { subject },
    after: action === "add" ? { subject } : null,
    destructive: action === "remove",
  });
  const lines = [
    ...given.map((subject) => `+ grant ${subject}`),
    ...ended.map((subject) => `- grant ${subject}`),
  ];
  return {
    steps: [...given.map(step("add")), ...ended.map(step("remove"))],
    text: lines.length === 0 ? "No changes. The access list is as asked." : lines.join("\n"),
  };
}

async function requirePort(ctx: OperationsContext, name: PortName): Promise<OutputPort> {
  const port = await findPort(ctx.db, { hasuraId: ctx.hasuraId, ...name });
  if (port === null || port.phase === "REMOVED")
    throw new AppError("NOT_PROVISIONED", `${name.componentId} is not provisioned.`, {
      problems: [{ path: "componentId", message: "names a port that is not provisioned" }],
    });
  return port;
}
