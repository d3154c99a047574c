/** Finding components inside a descriptor, however deep and however their ids are spelt. */
import type { Problem } from "../errors.ts";
import { asList, asText, hasInvisible, isRecord, member, type RawRecord } from "./fields.ts";
import { sourcePortSchema } from "./output-port.ts";
import { pathPart, quoted } from "./problem-text.ts";
import { nearest } from "./suggestion.ts";
import { componentKey, isOfAnotherProduct } from "./urn.ts";

/** The technologies, in lower case, that a source output port may be of. */
export const SOURCE_KINDS = sourcePortSchema.shape.kind.options;
export type SourceKind = (typeof SOURCE_KINDS)[number];

/** A component as it was sent, with what is needed to judge and to find it. */
export interface Component {
  readonly id: string;
  /** `dataProduct.components.<id>` */
  readonly path: string;
  readonly record: RawRecord;
  readonly name: string | null;
  /** In lower case, e.g. `outputport`. */
  readonly kind: string | null;
  readonly platform: string | null;
  readonly technology: string | null;
}

/** The component that holds the data: an output port of a technology that Portcullis can read. */
export interface SourceComponent extends Component {
  readonly sourceKind: SourceKind;
}

/** All components of a data product with an id, subcomponents included, in the descriptor's order. */
export function listComponents(holder: RawRecord): Component[] {
  const found: Component[] = [];
  for (const record of asList(member(holder, "components")) ?? []) {
    if (!isRecord(record)) continue;
    const line = (key: string) => asText(member(record, key))?.trim() || null;
    const id = line("id");
    if (id !== null) {
      found.push({
        id,
        path: `dataProduct.components.${pathPart(id)}`,
        record,
        name: line("name"),
        kind: line("kind")?.toLowerCase() ?? null,
        platform: line("platform"),
        technology: line("technology"),
      });
    }
    found.push(...listComponents(record));
  }
  return found;
}

/** The components with that id exactly, else those with it in another case. */
function findComponents(components: readonly Component[], id: string): Component[] {
  const exact = components.filter((component) => component.id === id);
  if (exact.length > 0) return exact;
  const key = componentKey(id);
  return components.filter((component) => componentKey(component.id) === key);
}

/** The component that the request is about, or `null` with a problem at `componentIdToProvision`. */
export function findTarget(
  components: readonly Component[],
  id: string,
  problems: Problem[],
): Component | null {
  const found = findComponents(components, id);
  const [target] = found;
  if (target !== undefined && found.length === 1) return target;
  const path = "componentIdToProvision";
  if (target === undefined) {
    problems.push({
      path,
      message: `the data product has no component ${quoted(id)}`,
      suggestion: nearest(
        id,
        components.map((component) => component.id),
      ),
    });
  } else {
    problems.push({
      path,
      message: `${found.length} components of the data product have the id ${quoted(id)}`,
    });
  }
  return null;
}

const MAX_ID_LENGTH = 255;

/** Above this number of dependencies a descriptor is no output port's. */
const MAX_DEPENDENCIES = 50;

/**
 * The one supported source output port among what the target depends on. Other dependencies of the same
 * product (storages, workloads) and of other products may stand beside it; alone they are faults.
 *
 * @returns `null` when there is not exactly one; then `problems` says why, at `<target path>.dependsOn`
 */
export function findSource(
  target: Component,
  components: readonly Component[],
  dataProductId: string,
  problems: Problem[],
): SourceComponent | null {
  const path = `${target.path}.dependsOn`;
  const ids = dependencies(target.record, path, problems);
  if (ids === null) return null;
  const sources: SourceComponent[] = [];
  const beside: Problem[] = [];
  for (const id of ids) {
    const judged = judgeDependency(id, { target, components, dataProductId, path });
    if ("source" in judged) sources.push(judged.source);
    else if (judged.fault) problems.push(judged.problem);
    else beside.push(judged.problem);
  }
  const [source] = sources;
  if (source !== undefined && sources.length === 1) return source;
  if (source === undefined) {
    problems.push(...beside);
    return null;
  }
  const names = sources.map(({ id }) => quoted(id)).join(", ");
  problems.push({
    path,
    message: `several of the dependencies could be the source: ${names}. Expected exactly one`,
    suggestion: source.id,
  });
  return null;
}

function dependencies(record: RawRecord, path: string, problems: Problem[]): string[] | null {
  const entries = asList(member(record, "dependsOn"));
  const ids = entries?.map((entry) => asText(entry)?.trim() || null) ?? [null];
  if (ids.includes(null)) {
    problems.push({ path, message: "expected a list of component ids" });
    return null;
  }
  const distinct = [...new Set(ids.filter((id) => id !== null))];
  if (distinct.length === 0) {
    problems.push({
      path,
      message: "is empty: expected the id of the output port that holds the data",
    });
    return null;
  }
  if (distinct.length > MAX_DEPENDENCIES) {
    problems.push({ path, message: `has more than ${MAX_DEPENDENCIES} entries` });
    return null;
  }
  return distinct;
}

/** `fault`: wrong whatever stands beside it; else only wrong when no source does. */
type Judged =
  | { readonly source: SourceComponent }
  | { readonly fault: boolean; readonly problem: Problem };

function judgeDependency(
  id: string,
  where: {
    readonly target: Component;
    readonly components: readonly Component[];
    readonly dataProductId: string;
    readonly path: string;
  },
): Judged {
  const { target, components, path } = where;
  const wrong = (message: string, suggestion?: string): Judged => ({
    fault: true,
    problem: { path, message, suggestion },
  });
  const unfit = (message: string): Judged => ({
    fault: false,
    problem: { path, message, suggestion: sourceIds(components, target) },
  });
  if (componentKey(id) === componentKey(target.id)) return wrong("the port depends on itself");
  const found = findComponents(components, id);
  const [component] = found;
  if (component === undefined) {
    if (isOfAnotherProduct(id, where.dataProductId)) {
      return unfit(`${quoted(id)} is of another data product: expected an output port of this one`);
    }
    const ids = components.filter((other) => other !== target).map((other) => other.id);
    return wrong(`the data product has no component ${quoted(id)}`, nearest(id, ids));
  }
  if (found.length > 1) return wrong(`${found.length} components have the id ${quoted(id)}`);
  if (id.length > MAX_ID_LENGTH || hasInvisible(id))
    return wrong(
      `${quoted(id)} is no component id: expected at most ${MAX_ID_LENGTH} characters, all of them visible`,
    );
  if (component.kind !== "outputport") {
    const kind = component.kind === null ? "of no kind" : `a ${quoted(component.kind)}`;
    return unfit(`${quoted(id)} is ${kind}: expected an output port`);
  }
  const sourceKind = sourceKindOf(component);
  if (sourceKind === null) {
    const technology = component.technology ?? component.platform ?? "no technology";
    return unfit(
      `${quoted(id)} is of ${quoted(technology)}: supported sources are ${SOURCE_KINDS.join(", ")}`,
    );
  }
  return { source: { ...component, sourceKind } };
}

function sourceKindOf(component: Component): SourceKind | null {
  const said = [component.technology?.toLowerCase(), component.platform?.toLowerCase()];
  return SOURCE_KINDS.find((kind) => said.includes(kind)) ?? null;
}

/** What could have been meant instead, when the product has it. */
function sourceIds(components: readonly Component[], target: Component): string | undefined {
  const fit = components.filter(
    (component) =>
      component !== target && component.kind === "outputport" && sourceKindOf(component) !== null,
  );
  return fit.length === 0
    ? undefined
    : fit
        .slice(0, 3)
        .map(({ id }) => id)
        .join(" or ");
}
