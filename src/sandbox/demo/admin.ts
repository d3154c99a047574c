/** What admins do beside Witboost, over GraphQL: ask why, keep somebody out, and mend what others did to Hasura. */
import { holds, same } from "./checks.ts";
import { graphql, post, tokenFor } from "./clients.ts";
import { ALICE, ANALYSTS, BOB, CAROL, PORT, reads, refused, SELECT, type Stage } from "./stage.ts";

const WAIT_MS = 10_000;

export async function isLookedAfter(stage: Stage): Promise<void> {
  const { checks, service, sandbox } = stage;
  await checks.check("an admin asks why Carol is refused", async () => {
    const { decision } = await ask<{ decision: { allowed: boolean; text: string } }>(
      service.url,
      `query ($input: ExplainAccessInput!) { decision: explainAccess(input: $input) { allowed text } }`,
      { token: await tokenFor(sandbox.url, CAROL, "visitors"), rootFields: [SELECT] },
    );
    same(decision.allowed, false, "allowed");
    return decision.text.split("\n");
  });
  await checks.check("an admin blocks Bob, whose group is granted", async () => {
    const target = { componentId: PORT, subject: "user:bob_example.com", reason: "demo" };
    await change(service.url, "block", "BlockInput", target);
    await refused(stage, BOB, ANALYSTS);
    await change(service.url, "unblock", "UnblockInput", target);
    await reads(stage, BOB, ANALYSTS);
    return undefined;
  });
  await checks.check("somebody drops its permission in Hasura: found, and repaired", async () => {
    await dropPermission(stage);
    await refused(stage, ALICE);
    const result = await change(service.url, "reconcile", "ReconcileInput", { mode: "REPAIR" });
    await reads(stage, ALICE);
    return result.split("\n").slice(0, 2);
  });
}

async function ask<T>(service: string, document: string, input: object): Promise<T> {
  const { data, errors } = await graphql(`${service}/graphql`, document, { input });
  if (data == null || errors !== undefined) throw new Error(JSON.stringify(errors));
  return data as T;
}

/** @returns what the operation tells in the end */
async function change(
  service: string,
  mutation: "block" | "unblock" | "reconcile",
  inputType: string,
  input: object,
): Promise<string> {
  const { operation } = await ask<{ operation: { status: string; result: string } }>(
    service,
    `mutation ($input: ${inputType}!) { operation: ${mutation}(input: $input, wait: ${WAIT_MS}) { status result } }`,
    input,
  );
  same(operation.status, "COMPLETED", "status");
  return operation.result;
}

/** As a person with Hasura's console does it. */
async function dropPermission({ sandbox }: Stage): Promise<void> {
  const secret = { "x-hasura-admin-secret": sandbox.hasuraAdminSecret ?? "" };
  const send = (type: string, args: object) =>
    post(`${sandbox.hasuraUrl}/v1/metadata`, { type, args }, secret);
  const { sources } = JSON.parse((await send("export_metadata", {})).text);
  const [{ name: source, tables }] = sources;
  const [{ table, select_permissions }] = tables;
  const [{ role }] = select_permissions;
  const dropped = await send("snowflake_drop_select_permission", { source, table, role });
  holds(dropped.status === 200, dropped.text);
}
