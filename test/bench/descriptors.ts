/** Descriptors as Witboost sends them, made from the example's. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PROJECT } from "./processes.ts";

/** The example has 8.2 kB; with one more component, such as data products have, it is of a usual size. */
const QUALITY_CHECKS = `
    - kind: workload
      id: urn:dmb:cmp:healthcare:vaccinations:0:quality-checks
      name: Quality Checks
      fullyQualifiedName: Quality Checks
      description: Compares each day's figures with those that the regions publish, and tells the owners of gaps
      version: 0.0.0
      useCaseTemplateId: urn:dmb:utm:quality-checks-template:0.0.0
      infrastructureTemplateId: urn:dmb:itm:quality-checks-provisioner:0
      dependsOn:
        - urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-view
      platform: Snowflake
      technology: soda
      workloadType: batch
      connectionType: DataPipeline
      readsFrom: []
      tags: []
      specific:
        schedule: { cronExpression: "30 6 * * *", timeZone: Europe/Rome }
        notify: [health-data-owners@example.com]
        gitUrl: https://git.example.com/health/vaccinations-checks.git
`;

export interface DescribedPort {
  /** Tells data products apart: part of their URNs and of the GraphQL names. */
  readonly product: string;
  /** Tells a product's ports apart. */
  readonly port: number;
  readonly database?: string;
  readonly view?: string;
}

export type Describe = (port: DescribedPort) => string;

/** Reads the example once. @returns what makes a valid descriptor of about 9 kB for any port */
export async function readExample(): Promise<Describe> {
  const example = await readFile(join(PROJECT, "examples", "vaccinations.yaml"), "utf8");
  const target = "\ncomponentIdToProvision:";
  const whole = example.replace(target, `${QUALITY_CHECKS}${target}`);
  return ({ product, port, database = "HEALTHCARE", view = "VACCINATIONS_CLEAN_VIEW" }) =>
    whole
      .replaceAll("healthcare:vaccinations:0", `healthcare:${product}:0`)
      .replaceAll("healthcare_vaccinations_0_vaccinationsgraphql", portPrefix(product, port))
      .replaceAll("vaccinations-graphql", `vaccinations-graphql${port}`)
      .replaceAll("Vaccinations GraphQL", `Vaccinations GraphQL${port}`)
      .replaceAll("VACCINATIONS_CLEAN_VIEW", view)
      .replaceAll("database: HEALTHCARE", `database: ${database}`);
}

export function componentIdOf({ product, port }: DescribedPort): string {
  return `urn:dmb:cmp:healthcare:${product}:0:vaccinations-graphql${port}`;
}

/** What Witboost posts. */
export function provisioningBody(descriptor: string): string {
  return JSON.stringify({
    descriptorKind: "COMPONENT_DESCRIPTOR",
    descriptor,
    removeData: false,
  });
}

/** SQL that makes so many views with the columns of the descriptors' contract. */
export function viewsSql(names: readonly string[]): string {
  const figures = [
    "NEW_PERSONS_VACCINATED",
    "NEW_PERSONS_FULLY_VACCINATED",
    "NEW_VACCINE_DOSES_ADMINISTERED",
    "CUMULATIVE_PERSONS_VACCINATED",
    "CUMULATIVE_PERSONS_FULLY_VACCINATED",
    "CUMULATIVE_VACCINE_DOSES_ADMINISTERED",
  ].map((name) => `day::numeric(38,0) AS "${name}"`);
  const columns = [
    "DATE '2021-03-01' + day AS \"DATE\"",
    "'IT_25' AS \"LOCATION_KEY\"",
    ...figures,
  ];
  const view = (name: string): string =>
    `CREATE OR REPLACE VIEW "VACCINATIONS_0"."${name}" AS SELECT ${columns.join(", ")} FROM generate_series(0, 9) AS day;`;
  return `CREATE SCHEMA IF NOT EXISTS "VACCINATIONS_0";\n${names.map(view).join("\n")}`;
}

function portPrefix(product: string, port: number): string {
  return `healthcare_${product}_0_vaccinationsgraphql${port}`;
}
