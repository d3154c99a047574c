/** Descriptors and views for many ports, made from the example's. */
import { example } from "./plane.ts";

/** The columns of the example's contract. */
const COLUMNS = [
  "NEW_PERSONS_VACCINATED",
  "NEW_PERSONS_FULLY_VACCINATED",
  "NEW_VACCINE_DOSES_ADMINISTERED",
  "CUMULATIVE_PERSONS_VACCINATED",
  "CUMULATIVE_PERSONS_FULLY_VACCINATED",
  "CUMULATIVE_VACCINE_DOSES_ADMINISTERED",
];

export interface ManyPorts {
  /** A valid descriptor for the port of that number, on a view of its own. */
  descriptor(port: number): string;
  componentId(port: number): string;
  select(port: number): string;
  /** The role it gets begins so. */
  rolePrefix(port: number): string;
  view(port: number): string;
  /** SQL that makes the views of so many ports. */
  sql(count: number): string;
}

/**
 * @param where.product ports of one product and database share a source
 * @param where.database a Snowflake database that `sql` was put into
 */
export async function manyPorts(where: { product: string; database: string }): Promise<ManyPorts> {
  const { product, database } = where;
  const text = await example("vaccinations");
  const prefix = (port: number) => `healthcare_${product}_0_port${port}`;
  const view = (port: number) => `VIEW_${port}`;
  return {
    descriptor: (port) =>
      text
        .replaceAll("healthcare:vaccinations:0", `healthcare:${product}:0`)
        .replaceAll("healthcare_vaccinations_0_vaccinationsgraphql", prefix(port))
        .replaceAll("vaccinations-graphql", `port-${port}`)
        .replaceAll("Vaccinations GraphQL", `Port ${port}`)
        .replace("name: Vaccinations\n", `name: ${product}\n`)
        .replaceAll("VACCINATIONS_CLEAN_VIEW", view(port))
        .replaceAll("database: HEALTHCARE", `database: ${database}`),
    componentId: (port) => `urn:dmb:cmp:healthcare:${product}:0:port-${port}`,
    select: (port) => `${prefix(port)}_select`,
    rolePrefix: (port) => `${prefix(port)}_role_`,
    view,
    sql: (count) => {
      const columns = [
        `DATE '2021-03-01' + day AS "DATE"`,
        `'IT_25' AS "LOCATION_KEY"`,
        ...COLUMNS.map((name) => `day::numeric(38,0) AS "${name}"`),
      ].join(", ");
      const views = Array.from(
        { length: count },
        (_, port) =>
          `CREATE OR REPLACE VIEW "VACCINATIONS_0"."${view(port)}" AS SELECT ${columns} FROM generate_series(0, 9) AS day;`,
      );
      return `CREATE SCHEMA IF NOT EXISTS "VACCINATIONS_0";\n${views.join("\n")}`;
    },
  };
}
