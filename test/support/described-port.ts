/** Ports made from the example's: their descriptors, and the views that they read. */

/** Which port, and what it reads. */
export interface DescribedPort {
  /** Tells data products apart: part of their URNs and of the GraphQL names. Lower-case letters and digits. */
  readonly product: string;
  /** Tells a product's ports apart. Ports of one product and database share a source. */
  readonly port: number;
  /** The Snowflake database; the example's when absent. */
  readonly database?: string;
  /** The view; the example's when absent. */
  readonly view?: string;
}

/** The schema of every view. */
export const VIEW_SCHEMA = "VACCINATIONS_0";

/** The columns of the example's contract. */
export const VIEW_COLUMNS = [
  "DATE",
  "LOCATION_KEY",
  "NEW_PERSONS_VACCINATED",
  "NEW_PERSONS_FULLY_VACCINATED",
  "NEW_VACCINE_DOSES_ADMINISTERED",
  "CUMULATIVE_PERSONS_VACCINATED",
  "CUMULATIVE_PERSONS_FULLY_VACCINATED",
  "CUMULATIVE_VACCINE_DOSES_ADMINISTERED",
];

/**
 * A valid descriptor for that port, as Witboost sends it.
 * @param example the text of `examples/vaccinations.yaml`
 */
export function describePort(example: string, as: DescribedPort): string {
  const { product, port, database = "HEALTHCARE", view = "VACCINATIONS_CLEAN_VIEW" } = as;
  return example
    .replace("name: Vaccinations\n", `name: ${product}\n`)
    .replaceAll("healthcare:vaccinations:0", `healthcare:${product}:0`)
    .replaceAll("healthcare_vaccinations_0_vaccinationsgraphql", prefixOf(as))
    .replaceAll("vaccinations-graphql", `vaccinations-graphql${port}`)
    .replaceAll("Vaccinations GraphQL", `Vaccinations GraphQL${port}`)
    .replaceAll("VACCINATIONS_CLEAN_VIEW", view)
    .replaceAll("database: HEALTHCARE", `database: ${database}`);
}

export function componentIdOf({ product, port }: Pick<DescribedPort, "product" | "port">): string {
  return `urn:dmb:cmp:healthcare:${product}:0:vaccinations-graphql${port}`;
}

/** With which a port's GraphQL names and its role begin. */
export function prefixOf({ product, port }: Pick<DescribedPort, "product" | "port">): string {
  return `healthcare_${product}_0_vaccinationsgraphql${port}`;
}

/** SQL, repeatable, that makes views of these names with the columns of the contract and ten rows each. */
export function viewsSql(names: readonly string[]): string {
  const columns = [
    `DATE '2021-03-01' + day AS "DATE"`,
    `'IT_25' AS "LOCATION_KEY"`,
    ...VIEW_COLUMNS.slice(2).map((name) => `day::numeric(38,0) AS "${name}"`),
  ].join(", ");
  const views = names.map(
    (name) =>
      `CREATE OR REPLACE VIEW "${VIEW_SCHEMA}"."${name}" AS SELECT ${columns} FROM generate_series(0, 9) AS day;`,
  );
  return `CREATE SCHEMA IF NOT EXISTS "${VIEW_SCHEMA}";\n${views.join("\n")}`;
}
