/** Many ports made from the example's, and what Hasura is to hold for each: told here by itself, not by the planner. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  componentIdOf,
  describePort as describe,
  prefixOf,
  VIEW_COLUMNS,
  VIEW_SCHEMA,
  viewsSql as viewsNamed,
} from "../support/described-port.ts";

/** The "Snowflake database" that has a view for each port. */
export const DATABASE = "FAULTS";

/**
 * A port as it can be asked to be. Variants of one port: 1 reads another view and has another select field than 0, 2
 * leaves a column out, 3 has another select field.
 */
export interface PortAs {
  /** Tells data products apart; lower-case letters and digits. */
  readonly product: string;
  readonly port: number;
  readonly variant: number;
}

const LEFT_OUT = "new_vaccine_doses_administered";
const EXAMPLE = readFileSync(
  join(import.meta.dirname, "..", "..", "examples", "vaccinations.yaml"),
  "utf8",
);

/** What Witboost sends to have the port so. */
export function describePort(as: PortAs): string {
  const whole = describe(EXAMPLE, { ...as, database: DATABASE, view: viewOf(as) }).replaceAll(
    `select: ${prefixOf(as)}_select\n`,
    `select: ${selectOf(as)}\n`,
  );
  if (as.variant !== 2) return whole;
  return whole
    .split("\n")
    .filter((line) => !line.includes(`name: ${LEFT_OUT},`))
    .join("\n");
}

function selectOf(as: PortAs): string {
  const field = `${prefixOf(as)}_select`;
  return as.variant % 2 === 0 ? field : `${field}_v${as.variant}`;
}

/** The relation it reads, as Hasura spells it. */
export function tableOf(as: PortAs): string[] {
  return [DATABASE, VIEW_SCHEMA, viewOf(as)];
}

function viewOf({ product, port, variant }: PortAs): string {
  return `${product}_${port}_${variant === 1 ? "OTHER" : "USUAL"}`.toUpperCase();
}

/** What a table of Hasura's metadata says for the port, but for the role's name, which only its owner knows. */
export function expectedTable(as: PortAs): {
  table: string[];
  names: Record<string, unknown>;
  columns: string[];
  comment: string;
} {
  const prefix = prefixOf(as);
  return {
    table: tableOf(as),
    names: {
      custom_name: `${prefix}_vaccinations`,
      custom_root_fields: {
        select: selectOf(as),
        select_by_pk: `${prefix}_select_by_pk`,
        select_aggregate: `${prefix}_aggregate`,
      },
    },
    columns: VIEW_COLUMNS.filter(
      (name) => as.variant !== 2 || name !== LEFT_OUT.toUpperCase(),
    ).sort(),
    comment: `portcullis:development:${componentIdOf(as)}`,
  };
}

/** SQL, repeatable, that makes the views of these ports in all their variants. */
export function viewsSql(ports: readonly Omit<PortAs, "variant">[]): string {
  return viewsNamed(ports.flatMap((port) => [0, 1].map((variant) => viewOf({ ...port, variant }))));
}
