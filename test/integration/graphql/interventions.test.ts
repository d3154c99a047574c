import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { submitProvision } from "../../../src/operations/submit.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

const componentId = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
const NOBODY = "00000000-0000-4000-8000-000000000000";

let plane: Plane;
let descriptor: string;
beforeAll(async () => {
  descriptor = await example("vaccinations");
  plane = await startPlane();
  expect((await plane.provision(descriptor)).status).toBe("COMPLETED");
});
afterAll(() => plane?.stop());

interface Answer {
  data?: Record<string, Record<string, unknown>> | null;
  errors?: { message: string; extensions: { code: string; problems: { path: string }[] } }[];
}

async function ask(query: string, variables: object = {}): Promise<Answer> {
  const handler = createGraphqlHandler({ operations: plane.ctx, graphiql: false });
  const response = await handler.fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

const OPERATION = "{ token kind status code result actor plan { text } }";

describe("an admin's mutations", () => {
  it("find a difference, show it where one looks, plan its repair and make it", async () => {
    const [source] = (await plane.metadata()).sources;
    const [table] = source?.tables ?? [];
    const role = table?.select_permissions?.[0]?.role;
    const where = { source: source?.name, table: table?.table };
    await plane.hasura({ type: "snowflake_drop_select_permission", args: { ...where, role } });
    await plane.hasura({
      type: "snowflake_create_select_permission",
      args: { ...where, role: "analyst", permission: { columns: ["DATE"], filter: {} } },
    });

    const report = await ask(`mutation { reconcile(wait: 15000) ${OPERATION} }`);
    expect(report.data?.reconcile).toMatchObject({
      kind: "RECONCILE",
      status: "COMPLETED",
      result: "2 difference(s), 2 of them new; 0 gone.",
    });

    const { data } = await ask(
      `query ($id: ID!) {
        findings { totalCount edges { node { id kind state name message suggestion outputPort { componentId } } } }
        outputPort(componentId: $id) {
          findings { totalCount } exposures { totalCount edges { node { message actual } } }
          conditions { type status reason }
        }
        plan(input: {reconcile: {}}) { steps { action object } }
        hasura { openFindings reconciledAt writes }
      }`,
      { id: componentId },
    );
    expect(data?.findings?.totalCount).toBe(2);
    expect(data?.outputPort).toMatchObject({
      findings: { totalCount: 2 },
      exposures: { totalCount: 1, edges: [{ node: { actual: { role: "analyst" } } }] },
    });
    expect(data?.plan).toEqual({ steps: [{ action: "ADD", object: "SELECT_PERMISSION" }] });
    expect(data?.hasura).toEqual({
      openFindings: 2,
      reconciledAt: expect.any(String),
      writes: true,
    });

    const repaired = await ask(
      `mutation { reconcile(input: {mode: REPAIR}, wait: 15000) ${OPERATION} }`,
    );
    expect(repaired.data?.reconcile?.result).toContain("Repaired: 1.");
    const left = await ask("{ findings { edges { node { id kind } } } }");
    const edges = left.data?.findings?.edges as { node: { id: string; kind: string } }[];
    expect(edges.map(({ node }) => node.kind)).toEqual(["EXPOSURE"]);

    const input = { id: edges[0]?.node.id, reason: "agreed with the owner" };
    const acknowledged = await ask(
      `mutation ($input: AcknowledgeInput!) { acknowledgeFinding(input: $input) ${OPERATION} }`,
      { input },
    );
    expect(acknowledged.data?.acknowledgeFinding).toMatchObject({
      kind: "ACKNOWLEDGE",
      status: "COMPLETED",
    });
    const state = await ask(
      "{ open: findings(filter: {states: [OPEN]}) { totalCount } known: findings(filter: {states: [ACKNOWLEDGED], kinds: [EXPOSURE]}) { totalCount edges { node { acknowledgedBy acknowledgeReason } } } }",
    );
    expect(state.data).toEqual({
      open: { totalCount: 0 },
      known: {
        totalCount: 1,
        edges: [
          { node: { acknowledgedBy: "admin:local", acknowledgeReason: "agreed with the owner" } },
        ],
      },
    });
  });

  it("pause a port: what it says of itself, and what can be asked for it", async () => {
    const input = { componentId, paused: true, protected: true, reason: "incident 7" };
    const pause = await ask(
      `mutation ($input: PauseInput!) { pauseOutputPort(input: $input) ${OPERATION} }`,
      { input },
    );
    expect(pause.data?.pauseOutputPort).toMatchObject({ kind: "PAUSE", status: "COMPLETED" });
    const port = await ask(
      "query ($id: ID!) { outputPort(componentId: $id) { viewerCan paused { by reason } protected { reason } } }",
      { id: componentId },
    );
    expect(port.data?.outputPort).toEqual({
      viewerCan: ["UPDATE_ACL", "GRANT", "PAUSE", "BLOCK"],
      paused: { by: "admin:local", reason: "incident 7" },
      protected: { reason: "incident 7" },
    });
    const refused = await ask(
      `mutation ($id: ID!) { unprovisionOutputPort(input: {componentId: $id}) ${OPERATION} }`,
      { id: componentId },
    );
    expect(refused.errors?.[0]?.extensions.code).toBe("PORT_PAUSED");
    const over = { componentId, paused: false, protected: false, reason: "over" };
    await ask(`mutation ($input: PauseInput!) { pauseOutputPort(input: $input) ${OPERATION} }`, {
      input: over,
    });
  });

  it("cancel and retry operations", async () => {
    const slow = { match: "export_metadata", times: 1, action: "delay", ms: 1_500 };
    await plane.fault(slow);
    const token = await submitProvision(plane.ctx, { descriptor }, "test");
    await expect.poll(() => plane.faultsLeft()).toBe(0);
    const variables = { token };
    const cancelled = await ask(
      `mutation ($token: ID!) { cancelOperation(token: $token) ${OPERATION} }`,
      variables,
    );
    expect(cancelled.data?.cancelOperation).toMatchObject({ token, code: "CANCELLED" });
    const retried = await ask(
      `mutation ($token: ID!) { retryOperation(token: $token, wait: 15000) ${OPERATION} }`,
      variables,
    );
    expect(retried.data?.retryOperation).toMatchObject({ kind: "PROVISION", status: "COMPLETED" });
  });

  it.each([
    ["cancelOperation(token: $id)", NOBODY, "UNKNOWN_TOKEN"],
    ["retryOperation(token: $id)", "no-uuid", "UNKNOWN_TOKEN"],
    ['acknowledgeFinding(input: {id: $id, reason: "x"})', btoa(`Finding:${NOBODY}`), "NOT_FOUND"],
    ['acknowledgeFinding(input: {id: $id, reason: "x"})', btoa("OutputPort:x"), "BAD_REQUEST"],
    ['acknowledgeFinding(input: {id: $id, reason: "x"})', btoa("Finding:x"), "NOT_FOUND"],
    ['acknowledgeFinding(input: {id: $id, reason: " "})', btoa(`Finding:${NOBODY}`), "BAD_REQUEST"],
    ['pauseOutputPort(input: {componentId: $id, reason: "x"})', "urn:nobody", "NOT_FOUND"],
    ["reconcile(input: {componentId: $id})", "urn:nobody", "NOT_PROVISIONED"],
  ])("%s of what is not there is refused: %s, %s", async (field, id, code) => {
    const { errors } = await ask(`mutation ($id: ID!) { ${field} { token } }`, { id });
    expect(errors?.[0]?.extensions.code).toBe(code);
  });
});
