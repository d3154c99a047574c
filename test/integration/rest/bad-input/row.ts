/** A line of the table of bad input: what is sent, and what must come back. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";

export interface Row {
  readonly what: string;
  readonly path: string;
  /** Text and bytes go out as they are, anything else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** 200: v1/validate's verdict `valid: false`. */
  readonly status: number;
  /** What `inputErrorField` says; absent: that it is not there. */
  readonly field?: string | undefined;
  /** What the answer says somewhere. */
  readonly says: string | RegExp;
}

/** A descriptor with a fault: refused by provision, and invalid for both validations. */
export interface DescriptorRow {
  readonly what: string;
  readonly descriptor: string;
  readonly field: string;
  readonly says: string | RegExp;
}

const EXAMPLES = join(import.meta.dirname, "..", "..", "..", "..", "examples");
export const VACCINATIONS = readFileSync(join(EXAMPLES, "vaccinations.yaml"), "utf8");
export const TRIPS = readFileSync(join(EXAMPLES, "trips.yaml"), "utf8");

const URN = "urn:dmb:cmp:healthcare:vaccinations:0";
export const TARGET = `${URN}:vaccinations-graphql`;
export const SOURCE = `${URN}:vaccinations-view`;
export const STORAGE = `${URN}:warehouse-schema`;
export const WORKLOAD = `${URN}:daily-load`;
export const PREFIX = "healthcare_vaccinations_0_vaccinationsgraphql";
const PATH = "dataProduct.components";
/** Where a member of the target, or of its source, is told of. */
export const at = (member: string): string => `${PATH}.${TARGET}.${member}`;
export const atSource = (member: string): string => `${PATH}.${SOURCE}.${member}`;

type Loose = Record<string, unknown>;

export interface Parts {
  readonly root: Loose;
  readonly product: Loose;
  readonly components: Loose[];
  readonly target: Loose;
  readonly names: Loose;
  readonly source: Loose;
  readonly view: Loose;
}

/** The example's descriptor with something changed in it. */
export function changed(change: Change): string {
  const root = parse(VACCINATIONS) as Loose;
  const product = root.dataProduct as Loose;
  const components = product.components as Loose[];
  const byId = (id: string) => components.find((component) => component.id === id) ?? {};
  const [target, source] = [byId(TARGET), byId(SOURCE)];
  const [names, view] = [target.specific as Loose, source.specific as Loose];
  change({ root, product, components, target, names, source, view });
  return stringify(root, { aliasDuplicateObjects: false });
}

export type Change = (parts: Parts) => void;

export const set =
  (part: keyof Parts, member: string, value: unknown): Change =>
  (parts) => {
    (parts[part] as Loose)[member] = value;
  };

export const drop =
  (part: keyof Parts, member: string): Change =>
  (parts) => {
    delete (parts[part] as Loose)[member];
  };

/** The port's names with that in the place of their prefix. */
export const renamed =
  (prefix: string): Change =>
  ({ names }) => {
    for (const key of Object.keys(names)) names[key] = `${prefix}_${key.toLowerCase()}`;
  };

export const all =
  (...changes: readonly Change[]): Change =>
  (parts) => {
    for (const change of changes) change(parts);
  };

export const provisioning = (descriptor: unknown, more: object = {}) => ({
  descriptorKind: "COMPONENT_DESCRIPTOR",
  descriptor,
  removeData: false,
  ...more,
});

export const accessList = (refs: unknown, request: unknown = VACCINATIONS) => ({
  refs,
  provisionInfo: { request, result: "" },
});
