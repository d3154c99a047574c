/** The demo's stage: what it has, who is on it, and what consumers see. */
import type { Sandbox } from "../sandbox.ts";
import { type Checks, holds, same } from "./checks.ts";
import { graphql, tokenFor } from "./clients.ts";
import type { Service } from "./service.ts";

export const PORT = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
export const SELECT = "healthcare_vaccinations_0_vaccinationsgraphql_select";
export const ALICE = "alice@example.com";
export const BOB = "bob@example.com";
export const CAROL = "carol@example.com";
export const ANALYSTS = "analysts";

export interface Stage {
  readonly checks: Checks;
  readonly sandbox: Sandbox;
  readonly service: Service;
}

type Rows = Record<string, unknown>[];

/** Someone's query, sent through Hasura with their own token. */
export async function query(
  stage: Stage,
  field: string,
  columns: string,
  user: string,
  groups = "",
) {
  const token = await tokenFor(stage.sandbox.url, user, groups);
  const document = `{ ${field}(limit: 3) { ${columns} } }`;
  const headers = { authorization: `Bearer ${token}` };
  const answer = await graphql(`${stage.sandbox.hasuraUrl}/v1/graphql`, document, {}, headers);
  return {
    rows: (answer.data?.[field] ?? null) as Rows | null,
    error: answer.errors?.[0]?.message ?? "",
  };
}

/** @throws unless they get an error and no rows. @returns the error */
export async function refused(stage: Stage, user: string, groups = ""): Promise<string> {
  const { rows, error } = await query(stage, SELECT, "LOCATION_KEY", user, groups);
  same(rows, null, `${user} reads`);
  holds(error !== "", `${user} got neither rows nor an error`);
  return error;
}

/** @throws unless they get rows. @returns the first */
export async function reads(stage: Stage, user: string, groups = ""): Promise<string> {
  const { rows, error } = await query(stage, SELECT, "DATE LOCATION_KEY", user, groups);
  holds(rows !== null && rows.length > 0, `${user} got no rows: ${error}`);
  return JSON.stringify(rows?.[0]);
}
