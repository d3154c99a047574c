/** What Witboost, an admin and a data consumer send. */
import { setTimeout as sleep } from "node:timers/promises";
import { GraphQLClient } from "graphql-request";
import { z } from "zod";

const statusSchema = z.object({
  status: z.enum(["RUNNING", "COMPLETED", "FAILED"]),
  result: z.string(),
});
export type ProvisioningStatus = z.infer<typeof statusSchema>;

const graphqlSchema = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.looseObject({ message: z.string() })).optional(),
});
export type GraphqlAnswer = z.infer<typeof graphqlSchema>;

const POLL_MS = 50;
const ENDS_WITHIN_MS = 30_000;

export interface RestAnswer {
  readonly status: number;
  readonly text: string;
}

export async function post(url: string, body: unknown, headers = {}): Promise<RestAnswer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** Witboost, speaking to the adapter's routes. */
export function witboost(service: string) {
  const descriptor = (text: string) => ({
    descriptorKind: "COMPONENT_DESCRIPTOR",
    descriptor: text,
    removeData: false,
  });
  return {
    validate: (text: string) => post(`${service}/v1/validate`, descriptor(text)),
    provision: (text: string) => post(`${service}/v1/provision`, descriptor(text)),
    unprovision: (text: string) => post(`${service}/v1/unprovision`, descriptor(text)),
    updateAcl: (text: string, refs: readonly string[]) =>
      post(`${service}/v1/updateacl`, { refs, provisionInfo: { request: text, result: "" } }),
    /** The end of what was answered: at once with 200, or by polling the token of a 202. */
    async end({ status, text }: RestAnswer): Promise<ProvisioningStatus> {
      if (status === 200) return statusSchema.parse(JSON.parse(text));
      if (status !== 202) throw new Error(`answered ${status}: ${text}`);
      return pollStatus(service, text);
    },
  };
}

export async function pollStatus(service: string, token: string): Promise<ProvisioningStatus> {
  const until = performance.now() + ENDS_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${service}/v1/provision/${token}/status`);
    const read = statusSchema.safeParse(await response.json());
    if (!read.success)
      throw new Error(`the status of ${token} was answered with ${response.status}`);
    if (read.data.status !== "RUNNING") return read.data;
    if (performance.now() > until) throw new Error(`${token} is still running`);
    await sleep(POLL_MS);
  }
}

/** A GraphQL request; errors are part of the answer. */
export async function graphql(
  url: string,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<GraphqlAnswer> {
  const client = new GraphQLClient(url, { headers, errorPolicy: "all" });
  return graphqlSchema.parse(await client.rawRequest(query, variables));
}

/** A token of the sandbox's issuer. */
export async function tokenFor(sandbox: string, user: string, groups = ""): Promise<string> {
  const query = new URLSearchParams({ user, groups });
  const response = await fetch(`${sandbox}/sandbox/token?${query}`);
  return z.object({ token: z.string() }).parse(await response.json()).token;
}

const statsSchema = z.object({
  calls: z.number(),
  writes: z.number(),
  rebuilds: z.number(),
  introspections: z.number(),
  resourceVersion: z.number(),
});

export async function hasuraStats(sandbox: string): Promise<z.infer<typeof statsSchema>> {
  const response = await fetch(`${sandbox}/sandbox/stats`);
  return statsSchema.parse(await response.json());
}
