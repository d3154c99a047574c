import type { Problem } from "../errors.ts";
import { NAME_FIELDS } from "./names.ts";
import { canonicalJson } from "./operation.ts";
import type { PortSpec } from "./output-port.ts";

/**
 * Parts faults that block from those that only warn: a fault in a value that the live port has already,
 * and that the request leaves as it is, is a warning, so that a rule that got stricter never blocks a
 * redeployment.
 *
 * @param livePort the applied revision's facts; `null` when the port has never been applied
 * @param spec what the request asks for
 */
export function splitFaults(
  problems: readonly Problem[],
  livePort: PortSpec | null,
  spec: PortSpec,
): { problems: Problem[]; warnings: Problem[] } {
  if (livePort === null) return { problems: [...problems], warnings: [] };
  const isOld = (problem: Problem) => isUnchanged(problem.path, livePort, spec);
  return {
    problems: problems.filter((problem) => !isOld(problem)),
    warnings: problems.filter(isOld),
  };
}

function isUnchanged(path: string, live: PortSpec, spec: PortSpec): boolean {
  const same = (read: (port: PortSpec) => unknown) =>
    canonicalJson(read(live) ?? null) === canonicalJson(read(spec) ?? null);
  const inTarget = fieldOf(path, spec.componentId);
  const inSource = fieldOf(path, spec.source.componentId);
  // An id may begin with the other and a dot: the longer one, which leaves the shorter field, is meant.
  if (inSource !== null && (inTarget === null || inSource.length < inTarget.length)) {
    return same((port) => port.source);
  }
  if (inTarget !== null) return isPortFieldUnchanged(inTarget, live, spec, same);
  switch (path) {
    case "dataProduct.id":
      return same((port) => port.dataProduct.id);
    case "dataProduct.name":
      return same((port) => port.dataProduct.name);
    case "dataProduct.domain":
      return same((port) => port.dataProduct.domain);
    case "dataProduct.version":
      return same((port) => port.dataProduct.major);
    case "dataProduct.environment":
      return same((port) => port.environment);
    default:
      return false;
  }
}

/** What the path says below a component, or `null` when it is of another one. */
function fieldOf(path: string, componentId: string): string | null {
  const start = `dataProduct.components.${componentId}.`;
  return path.startsWith(start) ? path.slice(start.length) : null;
}

function isPortFieldUnchanged(
  field: string,
  live: PortSpec,
  spec: PortSpec,
  same: (read: (port: PortSpec) => unknown) => boolean,
): boolean {
  const [head = "", key = ""] = field.split(".");
  if (head === "id") return same((port) => port.componentId);
  if (head === "name") return same((port) => port.name);
  if (head === "description") return same((port) => port.description);
  if (head === "specific") {
    const name = NAME_FIELDS.find((known) => known === key);
    return name !== undefined && same((port) => port.names[name]);
  }
  return head === "dataContract" && isColumnUnchanged(field, live, spec);
}

/** A column is the one the live contract has when that names it as often, whatever stands around it. */
function isColumnUnchanged(field: string, live: PortSpec, spec: PortSpec): boolean {
  const index = /\.(\d+)\.name$/.exec(field)?.[1];
  const name = index === undefined ? undefined : spec.columns?.[Number(index)]?.name.toLowerCase();
  if (name === undefined) return false;
  const times = (port: PortSpec) =>
    (port.columns ?? []).filter((column) => column.name.toLowerCase() === name).length;
  return times(live) >= times(spec);
}
