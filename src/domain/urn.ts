/** Identities as Witboost writes them: URNs compare without regard to ASCII case, and older forms are still about. */

/** What a data product's id says by itself. */
interface DataProductUrn {
  readonly domain: string;
  readonly name: string;
  readonly major: string;
}

/** What a component's id says by itself; `subcomponents` are the segments after the component's own. */
interface ComponentUrn extends DataProductUrn {
  readonly component: string;
  readonly subcomponents: readonly string[];
}

const DATA_PRODUCT_URN = /^urn:dmb:dp:([^:]+):([^:]+):([^:]+)$/i;
/** The catalogue's entity reference, `[system:][default/]domain.name.major`, which older products carry as their id. */
const DATA_PRODUCT_ENTITY = /^(?:[a-z]+:)?(?:default\/)?([^.:/]+)\.([^.:/]+)\.(\d+)$/i;
const COMPONENT_URN = /^urn:dmb:cmp:([^:]+):([^:]+):([^:]+):(.+)$/i;

/** The text with A–Z in lower case and nothing else changed: two URNs of one component give the same key. */
export function componentKey(urn: string): string {
  return urn.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The environment as it is compared and kept: trimmed, ASCII lower case, `default` when there is none. */
export function environmentKey(environment: string | null | undefined): string {
  const key = componentKey((environment ?? "").trim());
  return key === "" ? "default" : key;
}

/** The parts of a data product's id, or `null` for a form that does not say them. */
export function parseDataProductUrn(id: string): DataProductUrn | null {
  const match = DATA_PRODUCT_URN.exec(id) ?? DATA_PRODUCT_ENTITY.exec(id);
  if (match === null) return null;
  const [, domain = "", name = "", major = ""] = match;
  return { domain, name, major };
}

/** The parts of a component's URN, or `null` for any other form. */
export function parseComponentUrn(id: string): ComponentUrn | null {
  const match = COMPONENT_URN.exec(id);
  if (match === null) return null;
  const [, domain = "", name = "", major = "", rest = ""] = match;
  const [component = "", ...subcomponents] = rest.split(":");
  return { domain, name, major, component, subcomponents };
}

/**
 * Whether a component's id names another data product than this one. `false` when either id is of a
 * form that does not say its product: then nothing can be held against it.
 */
export function isOfAnotherProduct(componentId: string, dataProductId: string): boolean {
  const component = parseComponentUrn(componentId);
  const product = parseDataProductUrn(dataProductId);
  if (component === null || product === null) return false;
  const key = (urn: DataProductUrn) => componentKey(`${urn.domain}:${urn.name}:${urn.major}`);
  return key(component) !== key(product);
}
